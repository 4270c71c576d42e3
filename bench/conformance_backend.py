#!/usr/bin/env python3
"""The standard's own suite through the standard's own interface: tenon.onnx_backend under onnx.backend.test.

usage: ./dev conformance --backend [--filter TEXT] [--jobs N] [--limit SECONDS] [--quiet]

A line for each case, totals last. Each case runs in a process of its own, so that one crash is one failed case.
"""
import argparse
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from arguments import number  # noqa: E402


def suite():
    """All cases of the standard's runner, by name."""
    import numpy as np
    import tenon.onnx_backend as backend
    from onnx.backend.test import BackendTest
    with np.errstate(all="ignore"):
        groups = BackendTest(backend).test_cases
    return {name: (group, name) for group in groups.values() for name in dir(group)
            if name.startswith("test_") and name.endswith("_cpu")}


def run(case, pipe):
    group, name = case
    result = unittest.TestResult()
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
        group(name)(result)
    wrong = [text for _, text in result.errors + result.failures]
    skipped = [f"skipped: {why}" for _, why in result.skipped]
    said = [line for line in (wrong[0] if wrong else "").splitlines() if line[:1] not in ("", " ")]
    pipe.send(" ".join(said[1:4])[:300] if wrong else (skipped or [""])[0])


def outcomes(cases, jobs, limit):
    """Pairs of name and reason, as they come: "" for a pass."""
    context = multiprocessing.get_context("fork")
    waiting, running = list(cases.items()), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            name, case = waiting.pop(0)
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(target=run, args=(case, theirs))
            child.start()
            theirs.close()
            running[ours] = (name, child, time.monotonic() + limit)
        ready = multiprocessing.connection.wait(list(running), timeout=0.5)
        for pipe, (name, child, end) in list(running.items()):
            if pipe not in ready and time.monotonic() < end:
                continue
            try:
                reason = pipe.recv() if pipe in ready else f"took more than {limit:g} s"
            except EOFError:
                child.join()
                reason = f"ended with status {child.exitcode}"
            child.kill()
            child.join()
            del running[pipe]
            yield name, reason


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="only cases whose name holds this text")
    parser.add_argument("--jobs", type=number("threads"), default=len(os.sched_getaffinity(0)))
    parser.add_argument("--limit", type=number("limit"), default=300, help="seconds that one case may take")
    parser.add_argument("--quiet", action="store_true", help="print failed cases only")
    options = parser.parse_args()
    cases = {name: case for name, case in suite().items() if options.filter in name}
    if not cases:
        sys.exit(f"conformance: no case's name holds '{options.filter}'")
    passed = 0
    for name, reason in outcomes(cases, max(1, options.jobs), options.limit):
        passed += not reason
        if reason or not options.quiet:
            print(f"{'FAIL' if reason else 'pass'} {name[5:-4]}{': ' if reason else ''}{reason}", flush=True)
    print(f"{passed} of {len(cases)} passed = {100 * passed / len(cases):.1f} %")


if __name__ == "__main__":
    main()
