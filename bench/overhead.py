#!/usr/bin/env python3
"""What a call costs beside the kernels: from C, and from Python on bound arrays, on arrays, and by a dictionary.

usage: ./dev bench overhead

Two models: one whose kernel adds 16 numbers, so that its time is the overhead, and one whose kernels take about 20 us.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import tenon

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python/tests"))
from models import add, slow  # noqa: E402


def median(call, runs):
    """In microseconds, over 50 rounds."""
    times = []
    for _ in range(50):
        start = time.perf_counter()
        for _ in range(runs):
            call()
        times.append((time.perf_counter() - start) / runs)
    return 1e6 * statistics.median(times)


def row(name, proto, folder, program, runs):
    model = tenon.compile(proto, threads=1)
    model.save(folder / "m.tenon")
    feed = {i.name: np.zeros(i.shape, "f") for i in model.inputs}
    in_c = float(subprocess.run([program, folder / "m.tenon", str(runs)], capture_output=True, text=True,
                                check=True).stdout) / 1000
    calls = model.bind(feed), lambda: model(*feed.values()), lambda: model.run(feed)
    bound, plain, dictionary = (median(call, runs) for call in calls)
    print(f"{name:22} {in_c:10.2f} {bound:14.2f} {plain:12.2f} {dictionary:12.2f}")
    return in_c, bound, dictionary


def main():
    with tempfile.TemporaryDirectory() as held:
        folder = pathlib.Path(held)
        program, library = folder / "overhead", ROOT / "build/lib"
        subprocess.run(["clang-19", "-std=c99", "-O2", "-I", ROOT / "include", ROOT / "bench/overhead.c", "-o", program,
                        f"-L{library}", "-ltenon-runtime", f"-Wl,-rpath,{library}"], check=True)
        print(f"{'us a call':22} {'from C':>10} {'Python, bound':>14} {'by position':>12} {'dictionary':>12}")
        least = row("one small kernel", add(shape=(2, 8)), folder, program, 2000)
        some = row("kernels of about 20 us", slow(1, 256, rows=28), folder, program, 200)
    print(f"over the kernels: C {least[0]:.2f} us (0.3 is the aim); over C, on the larger model: bound "
          f"{some[1] - some[0]:.2f} us (3), dictionary {some[2] - some[0]:.2f} us (15)")


if __name__ == "__main__":
    main()
