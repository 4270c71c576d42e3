#!/usr/bin/env python3
"""The stubs name what there is."""
import ast
import pathlib
import unittest

import tenon
import tenon_runtime


class Stubs(unittest.TestCase):
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
