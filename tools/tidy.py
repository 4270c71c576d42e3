#!/usr/bin/env python3
"""tidy.py [FILE...]: runs clang-tidy on the files, or on every source file, in parallel; skips those that passed with
the same content.

The key of a file is the hash of its own text, of all project headers and of the configuration.
"""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build/tidy"


def digest(paths):
    h = hashlib.sha256()
    for path in paths:
        h.update(path.read_bytes())
    return h.hexdigest()


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    common = digest([ROOT / ".clang-tidy", *sorted((ROOT / "src").rglob("*.h")), *sorted((ROOT / "src").rglob("*.def"))])
    todo = []
    given = [(ROOT / name).resolve() for name in sys.argv[1:]]
    for path in given or sorted((ROOT / "src").rglob("*.cc")):
        stamp = CACHE / hashlib.sha256((common + digest([path]) + path.name).encode()).hexdigest()
        if not stamp.exists():
            todo.append((path, stamp))

    def run(item):
        path, stamp = item
        done = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(ROOT / "build"), str(path)], capture_output=True, text=True)
        if done.returncode == 0:
            stamp.touch()
        return path, done

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, done in pool.map(run, todo):
            if done.returncode != 0:
                failed += 1
                print(f"{path.relative_to(ROOT)}\n{done.stdout}{done.stderr}", flush=True)
    print(f"clang-tidy: {len(todo)} files checked, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
