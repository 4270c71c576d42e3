#!/usr/bin/env python3
"""Differential and byte-level fuzzing for a given time. Run by ./dev fuzz [SECONDS] [--seed N].

Three kinds of work take turns until the time is up:
  programs   the random test programs (integer expressions, text form, schedules, kernels, memory
             plans, operators) with new seeds through TENON_TEST_SEED
  files      valid .onnx and .tenon files with bytes changed, cut or repeated, through `tenon check`
             and `tenon-run`: any end but a status of 0, 1 or 2 is a failure. Checksums of a mutated
             .tenon hide its tables, so that test_artifact, which repairs them, is one of the programs
  graphs     random ONNX models with symbolic extents at several sizes, against the reference interpreter
             and ONNX Runtime; graphs.py makes them, batches go through build/bin/try_cases
A failure prints the command that repeats it and keeps its file in build/fuzz; the status is then 1. A failing
model is made small (shrink.py) and kept under test/cases, which the ordinary tests replay.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import graphs
from cases import Verdicts
from shrink import Shrinker, keep

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from arguments import number  # noqa: E402

CASES, KEPT_OF_A_KIND = ROOT / "test/cases", 3
# A test program and the tests in it that take a seed. Paths relative to the build folder.
PROGRAMS = [
    ("src/test_ir", "SimplifyFuzz.*:TextRandom.*"),
    ("src/test_ops", "ReductionTest.*:ContractionTest.*:WindowTest.*:ElementwiseTest.*"),
    ("src/test_interp", "LoweringTest.*"),
    ("src/test_artifact", "*damage*"),
    ("src/test_graph", "PlanMemory.random*"),
    ("test/schedule_fuzz_test", "*"),
    ("test/kept_composites_test", "*_is_its_body"),
    ("test/target_fuzz_test", "*random_programs*"),
]
FILE_LIMIT_S, BATCH_S = 20, 5
GRAPHS_S, GRAPH_BATCH, SHRINK_S = 20, 24, 120  # a turn of graphs, models in one run of try_cases, one failure


def find_program(build, name):
    """The program wherever the generator put it: bin/ or its own folder."""
    for path in [build / "bin" / pathlib.Path(name).name, build / name]:
        if path.exists():
            return path
    return None


def sample_models():
    """Small valid models with different features, as bytes."""
    r = np.random.default_rng(1)
    n, w = helper.make_node, r.standard_normal((8, 8)).astype("f")
    kernel = r.standard_normal((4, 3, 3, 3)).astype("f")
    body = helper.make_graph([n("Add", ["s", "s"], ["s2"]), n("Identity", ["c"], ["c2"])], "body",
                             [helper.make_tensor_value_info("i", TensorProto.INT64, []),
                              helper.make_tensor_value_info("c", TensorProto.BOOL, []),
                              helper.make_tensor_value_info("s", TensorProto.FLOAT, [2, 8])],
                             [helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
                              helper.make_tensor_value_info("s2", TensorProto.FLOAT, [2, 8])])
    plans = [
        ([n("MatMul", ["x", "w"], ["a"]), n("Softmax", ["a"], ["y"])], ["b", 8], {"w": w}),
        ([n("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), n("Relu", ["a"], ["b"]),
          n("GlobalAveragePool", ["b"], ["y"])], [1, 3, 9, 9], {"w": kernel}),
        ([n("Reshape", ["x", "s"], ["a"]), n("Transpose", ["a"], ["b"], perm=[1, 0]),
          n("Slice", ["b", "z", "e"], ["y"])], ["b", 6],
         {"s": np.array([-1, 3]), "z": np.array([1]), "e": np.array([3])}),
        ([n("Loop", ["m", "k", "x"], ["y"], body=body)], [2, 8], {"m": np.array(3), "k": np.array(True)}),
    ]
    for nodes, shape, weights in plans:
        graph = helper.make_graph(nodes, "fuzz", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                                  [numpy_helper.from_array(v, k) for k, v in weights.items()])
        yield helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        at, kind = rng.randrange(len(data)), rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice([0, 1, 0x7f, 0x80, 0xff])
        elif kind == 2:
            del data[at:at + rng.choice([1, 4, 64])]
        elif kind == 3:
            data[at:at] = data[at:at + rng.choice([1, 8, 64])]
        elif kind == 4:
            data[at:at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, (2**62).to_bytes(8, "little")])
        else:
            del data[at:]
    return bytes(data)


class Fuzzer:
    def __init__(self, options):
        self.build = pathlib.Path(options.build).resolve()
        self.end = time.monotonic() + options.seconds
        self.seed, self.failures, self.counts = options.seed, 0, {"programs": 0, "files": 0, "graphs": 0}
        self.kept, self.kinds, self.unchecked = self.build / "fuzz", {}, 0
        self.rng = random.Random(self.seed)

    def left(self):
        return self.end - time.monotonic()

    def fail(self, text):
        self.failures += 1
        print(f"FAIL {text}", flush=True)

    def run_programs(self):
        """One program with a new seed; what does not finish in the time left is stopped, not failed."""
        known = [(find_program(self.build, name), tests) for name, tests in PROGRAMS]
        known = [(path, tests) for path, tests in known if path]
        if not known:
            sys.exit(f"fuzz: no test programs below {self.build}; build first with ./dev build")
        path, tests = known[self.counts["programs"] % len(known)]
        seed = self.rng.randrange(1, 2**31 - 2000000)
        command = [str(path), f"--gtest_filter={tests}", "--gtest_brief=1"]
        try:
            done = subprocess.run(command, env={**os.environ, "TENON_TEST_SEED": str(seed)}, text=True,
                                  capture_output=True, timeout=max(1, self.left()))
        except subprocess.TimeoutExpired:
            return
        self.counts["programs"] += 1
        if done.returncode != 0:
            self.fail(f"TENON_TEST_SEED={seed} {' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

    def try_file(self, command, path, label):
        limit = min(FILE_LIMIT_S, max(1, self.left()))
        environment = {**os.environ, "TENON_CACHE_DIR": str(path.parent / "cache")}
        try:
            done = subprocess.run([*command, str(path), *(["--fill", "zeros"] if "run" in command[0] else [])],
                                  capture_output=True, timeout=limit, env=environment)
            problem = "" if done.returncode in (0, 1, 2) else f"status {done.returncode}: {done.stderr[-1500:]!r}"
        except subprocess.TimeoutExpired:
            problem = f"no end after {FILE_LIMIT_S} s" if limit == FILE_LIMIT_S else ""
        self.counts["files"] += 1
        if problem:
            self.kept.mkdir(parents=True, exist_ok=True)
            copy = self.kept / f"{label}{path.suffix}"
            copy.write_bytes(path.read_bytes())
            self.fail(f"{' '.join(map(str, command))} {copy}  (seed {self.seed})\n{problem}")

    def run_files(self, work, samples):
        until = min(self.end, time.monotonic() + BATCH_S)
        while time.monotonic() < until:
            suffix, data = self.rng.choice(samples)
            path = work / f"case{suffix}"
            path.write_bytes(mutate(data, self.rng))
            command = ([self.build / "bin/tenon", "check"] if suffix == ".onnx" else [self.build / "bin/tenon-run"])
            self.try_file([str(c) for c in command], path, f"{self.seed}-{self.counts['files']}")

    def start_graphs(self, work):
        """The next batch of models, on its way through try_cases, by seed."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=work))
        cases = [(seed, graphs.random_case(seed)) for seed in (self.rng.randrange(2**31) for _ in range(GRAPH_BATCH))]
        for i, (_, case) in enumerate(cases):
            case.write(folder / str(i))
        self.unchecked += sum(case.expected is None for _, case in cases)
        return folder, cases, Verdicts(self.build / "bin/try_cases", folder)

    def finish_graphs(self, batch):
        folder, cases, verdicts = batch
        try:
            found = verdicts.wait(max(1, self.left()))
        except subprocess.TimeoutExpired:
            return
        finally:
            shutil.rmtree(folder)
        self.counts["graphs"] += len(cases)
        for i, (seed, case) in enumerate(cases):
            kind, text = found.get(i, ("no verdict", ""))
            if kind:
                self.fail_graph(seed, case, kind, text)

    def fail_graph(self, seed, case, kind, text):
        """Reports the model and keeps it small; of many that fail alike, the first few."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        kept = CASES / f"fuzz-{seed}"
        where = f"graph {seed} {kind}; python fuzz/run.py --graph {seed} repeats it"
        if self.kinds[kind] <= KEPT_OF_A_KIND:
            small = Shrinker(self.build / "bin/try_cases", SHRINK_S).shrink(case, kind)
            keep(small, kept)
            where += f", {kept.relative_to(ROOT)} has {len(small.model.graph.node)} nodes of it"
        self.fail(f"{where}\n{text}")

    def run_graphs(self, work):
        """Batch after batch: the next one is made while try_cases works on the last."""
        until = min(self.end, time.monotonic() + GRAPHS_S)
        batch = self.start_graphs(work)
        while time.monotonic() < until:
            following = self.start_graphs(work)
            self.finish_graphs(batch)
            batch = following
        self.finish_graphs(batch)

    def run_one_graph(self, seed):
        with tempfile.TemporaryDirectory() as folder:
            case = graphs.random_case(seed)
            case.write(pathlib.Path(folder) / "0")
            kind, text = Verdicts(self.build / "bin/try_cases", folder).wait()[0]
            if kind:
                self.fail_graph(seed, case, kind, text)
        return 1 if kind else 0

    def samples(self, work):
        result = []
        for i, data in enumerate(sample_models()):
            onnx_file, compiled = work / f"s{i}.onnx", work / f"s{i}.tenon"
            onnx_file.write_bytes(data)
            result.append((".onnx", data))
            done = subprocess.run([self.build / "bin/tenon", "compile", onnx_file, "-o", compiled, "--no-cache"],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                result.append((".tenon", compiled.read_bytes()))
            else:
                self.fail(f"a valid sample does not compile: {done.stderr}")
        return result

    def run(self):
        print(f"seed {self.seed}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            samples = self.samples(work)
            while self.left() > 1:
                self.run_files(work, samples)
                if self.left() > 1:
                    self.run_graphs(work)
                if self.left() > 1:
                    self.run_programs()
        print(f"{self.counts['programs']} runs of test programs, {self.counts['files']} damaged files, {self.counts['graphs']} "
              f"random graphs ({self.unchecked} of those made without ONNX Runtime), {self.failures} failures with seed {self.seed}")
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=number("seconds"), default=60)
    parser.add_argument("--seed", type=number("seed"), default=time.time_ns() % 2**31)
    parser.add_argument("--build", default=ROOT / "build")
    parser.add_argument("--graph", type=int, help="the seed of one random graph: try it alone")
    options = parser.parse_args()
    fuzzer = Fuzzer(options)
    sys.exit(fuzzer.run() if options.graph is None else fuzzer.run_one_graph(options.graph))


if __name__ == "__main__":
    main()
