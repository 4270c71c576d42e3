#!/usr/bin/env python3
"""Replays every case under test/cases: what the fuzzer found and made small, and what users met.

A case has the form of ONNX's backend tests: model.onnx, test_data_set_K/{input,output}_J.pb, and tolerance.json
(rtol, atol) where the default of `tenon conformance` is too narrow. Each has to pass `tenon conformance`,
`tenon run`, one `tenon compile` with `tenon-run` for each data set, and try_cases, which holds it against the
reference interpreter too. Run by ctest with TENON_BIN naming the folder of the programs.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("TENON_BIN", ROOT.parent / "build/bin"))
CASES = sorted(path.parent for path in (ROOT / "cases").rglob("model.onnx"))


def read_tensors(data_set, kind):
    arrays = []
    while (file := data_set / f"{kind}_{len(arrays)}.pb").exists():
        tensor = onnx.TensorProto()
        tensor.ParseFromString(file.read_bytes())
        arrays.append(numpy_helper.to_array(tensor))
    return arrays


class CasesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.work = pathlib.Path(self.folder.name)

    def command(self, *arguments):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "TENON_CACHE_DIR": str(self.work / "cache")})
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def run_sets(self, case, program):
        """Runs `program` with each data set of the case and compares what it saves."""
        given = onnx.load(case / "model.onnx").graph
        weights = {w.name for w in given.initializer}
        names = [i.name for i in given.input if i.name not in weights]
        tolerance = {"rtol": 1e-3, "atol": 1e-7}
        if (case / "tolerance.json").exists():
            tolerance.update(json.loads((case / "tolerance.json").read_text()))
        sets = sorted(case.glob("test_data_set_*"))
        self.assertTrue(sets, case)
        for data_set in sets:
            arguments, out = [], self.work / "out"
            for j, (name, array) in enumerate(zip(names, read_tensors(data_set, "input"))):
                np.save(self.work / f"{j}.npy", array)
                arguments += ["--input", f"{name}={self.work / f'{j}.npy'}"]
            self.command(*program, "--save", out, *arguments)
            for output, want in zip(given.output, read_tensors(data_set, "output")):
                have = np.load(out / f"{output.name}.npy")
                self.assertEqual((have.shape, have.dtype), (want.shape, want.dtype), f"{data_set} {output.name}")
                if np.issubdtype(want.dtype, np.floating):
                    np.testing.assert_allclose(have, want, **tolerance, err_msg=f"{data_set} {output.name}")
                else:
                    np.testing.assert_array_equal(have, want, err_msg=f"{data_set} {output.name}")

    def test_there_are_cases(self):
        self.assertTrue(CASES)

    def test_conformance(self):
        report = json.loads(self.command(BIN / "tenon", "conformance", ROOT / "cases", "--json"))
        self.assertEqual(report["total"], len(CASES))
        self.assertEqual([row for row in report["cases"] if not row["passed"]], [])

    def test_against_the_interpreter(self):
        rows = [json.loads(line) for line in self.command(BIN / "try_cases", ROOT / "cases").splitlines()]
        self.assertEqual(len(rows), len(CASES))
        self.assertEqual([row for row in rows if row["kind"]], [])

    def test_run(self):
        for case in CASES:
            with self.subTest(case=case.name):
                self.run_sets(case, [BIN / "tenon", "run", case / "model.onnx"])

    def test_one_compiled_file(self):
        for case in CASES:
            with self.subTest(case=case.name):
                compiled = self.work / "model.tenon"
                self.command(BIN / "tenon", "compile", case / "model.onnx", "-o", compiled)
                self.run_sets(case, [BIN / "tenon-run", compiled])


if __name__ == "__main__":
    unittest.main()
