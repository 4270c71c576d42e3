#!/usr/bin/env python3
"""The programs that the packages bring: `python -m tenon` and `python -m tenon_runtime` are tenon and tenon-run."""
import pathlib
import signal
import subprocess
import sys
import unittest

import numpy as np

from models import Case

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Program(Case):
    def call(self, package, *arguments, **more):
        return subprocess.run([sys.executable, "-m", package, *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, timeout=120, **more)

    def test_compiles_and_runs(self):
        done = self.call("tenon", "compile", ROOT / "examples/digits.onnx", "-o", "digits.tenon")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        images = ROOT / "examples/digits_images.npy"
        for package, *command in (["tenon", "run"], ["tenon_runtime"]):
            done = self.call(package, *command, "digits.tenon", "--input", f"image={images}", "--save", package)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        np.testing.assert_array_equal(np.load(self.folder / "tenon/scores.npy"),
                                      np.load(self.folder / "tenon_runtime/scores.npy"))

    def test_status_and_messages_are_the_programs(self):
        for package, name, arguments, status, says in (
                ("tenon", "tenon", ["--version"], 0, ""), ("tenon", "tenon", ["comple"], 2, "did you mean 'compile'?"),
                ("tenon", "tenon", ["run", "no.onnx"], 1, "[file.open]"), ("tenon_runtime", "tenon-run", ["--help"], 0, ""),
                ("tenon_runtime", "tenon-run", ["no.tenon"], 1, "[file.open]")):
            done = self.call(package, *arguments)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertTrue(done.stderr.startswith(f"{name}: error: ") if status else done.stdout, done.stderr)
            self.assertIn(says, done.stderr)

    def test_a_signal_ends_it_as_it_ends_a_program(self):
        slow = subprocess.Popen([sys.executable, "-m", "tenon", "bench", ROOT / "examples/digits.onnx", "--seconds", "600",
                                 "--no-cache"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            slow.wait(1)
        except subprocess.TimeoutExpired:
            slow.send_signal(signal.SIGTERM)
        self.assertEqual(slow.wait(30), -signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
