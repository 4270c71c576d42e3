#!/usr/bin/env python3
"""The models of examples/real, with the inputs that the examples give them: Tenon beside ONNX Runtime.

usage: ./dev bench real [--threads N] [EXAMPLE...]

A row for each model: the median time of both, which take turns, how many times faster Tenon is, and the largest difference
of the outputs, relative to an output's largest value. An example whose package cannot be fetched is named.
"""
import argparse
import contextlib
import importlib
import io
import math
import pathlib
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples/real"
sys.path.insert(0, str(EXAMPLES))
sys.path.insert(0, str(EXAMPLES.parents[1] / "tools"))
from arguments import number  # noqa: E402


def main():
    import common
    names = sorted(p.stem for p in EXAMPLES.glob("*.py") if "__main__" in p.read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", metavar="EXAMPLE", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--threads", type=number("threads"), default=1)
    options = parser.parse_args()
    if unknown := set(options.examples) - set(names):
        parser.error(f"no example is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    sys.argv[1:] = ["--threads", str(options.threads)]
    common.SECONDS = 1.5
    print(f"{options.threads} thread(s)\n{'model':20} {'Tenon':>11} {'ONNX Runtime':>14} {'ratio':>7} {'difference':>11}")
    ratios, absent = [], []
    for name in options.examples or names:
        common.Model.rows.clear()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                importlib.import_module(name).main()
        except SystemExit as left:
            if left.code != common.ABSENT:
                raise
            absent.append(name)
        for model, ours, theirs, worst in common.Model.rows:
            ratios.append(theirs / ours)
            print(f"{model:20} {1e3 * ours:8.3f} ms {1e3 * theirs:11.3f} ms {theirs / ours:6.2f}x {worst:11.0e}", flush=True)
    if ratios:
        print(f"geometric mean of {len(ratios)}: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}x, "
              f"least {min(ratios):.2f}x")
    if absent:
        print(f"absent: {', '.join(absent)}")


if __name__ == "__main__":
    main()
