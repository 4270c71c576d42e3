#!/usr/bin/env python3
"""The program of docs/guide.md, section "From Python", runs and says what it should; the stubs name what there is."""
import ast
import contextlib
import io
import os
import pathlib
import re
import unittest

import numpy as np
import tenon
import tenon_runtime

from models import Case

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Guide(Case):
    def run_block(self, index):
        """The names and the lines that a program of the section leaves, from a folder with examples/."""
        section = (ROOT / "docs/guide.md").read_text().split("\n## From Python\n")[1].split("\n## ")[0]
        program = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[index]
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        (self.folder / "examples").symlink_to(ROOT / "examples")
        said, names = io.StringIO(), {}
        with contextlib.redirect_stdout(said):
            exec(compile(program, "guide.md", "exec"), names)
        return names, said.getvalue().splitlines()

    def test_the_program_runs(self):
        names, lines = self.run_block(0)
        self.assertEqual(lines[0], "image float32 ('batch', 1, 8, 8)")
        digits = names["scores"].argmax(1)
        self.assertEqual(lines[1:4], [f"it is a {d}" for d in digits[:3]])
        self.assertTrue(lines[4].startswith("run.dtype "))
        np.testing.assert_array_equal(names["same"], names["scores"])
        # The package without the compiler reads what the other one wrote.
        runtime = tenon_runtime.load("digits.tenon")
        np.testing.assert_array_equal(runtime(names["images"]), names["scores"])
        self.assertFalse(hasattr(tenon_runtime, "compile"))
        self.assertFalse(issubclass(tenon_runtime.Error, tenon.Error))

    def test_the_session_runs(self):
        names, lines = self.run_block(1)
        digit = tenon.compile("examples/digits.onnx")(np.load("examples/digits_images.npy"))[0].argmax()
        self.assertEqual(lines, ["[('image', 'tensor(float)', ['batch', 1, 8, 8])]", f"it is a {digit}"])


class Stubs(Case):
    def test_name_what_the_modules_have(self):
        for package in (tenon, tenon_runtime):
            folder = pathlib.Path(package.__file__).parent
            self.assertTrue((folder / "py.typed").exists())
            stub = ast.parse((folder / "_core.pyi").read_text())
            stubbed = {node.name: node for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
            for name in package.__all__:
                if getattr(package, name).__module__.endswith("._core"):
                    self.assertIn(name, stubbed)
                self.assertTrue(getattr(package, name).__doc__, name)
            members = {n.name for n in stubbed["Model"].body if isinstance(n, ast.FunctionDef)}
            public = {n for n in dir(package.Model) if not n.startswith("_")}
            self.assertLessEqual(public, members)
            error = {n.target.id for n in stubbed["Error"].body if isinstance(n, ast.AnnAssign)}
            self.assertEqual(error, {"code", "message", "location", "problems"})


if __name__ == "__main__":
    unittest.main()
