#!/usr/bin/env python3
"""The C API as a user meets it: headers and libraries alone. Strict C99 and C++20 programs against libtenon, and
what the libraries export; docs_test.py runs those of the documentation. TENON_BIN names the folder of the
programs, TENON_CC the compiler.
"""
import os
import pathlib
import re
import subprocess
import unittest

import onnx
from onnx import TensorProto, helper

from harness import BIN, Case

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = BIN.parent / "lib"
CC = os.environ.get("TENON_CC", "cc")
CXX = os.environ.get("TENON_CXX", "c++")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror", "-pedantic",
          "-I", str(ROOT / "include")]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class CApi(Case):
    def compile(self, source, *libraries):
        program = self.folder / "program"
        status, text = run(CC, *STRICT, "-o", program, source, *libraries, "-lm")
        self.assertEqual(status, 0, text)
        return program

    def shared(self, name):
        return [f"-L{LIB}", f"-l{name}", f"-Wl,-rpath,{LIB}"]

    def test_a_strict_c99_program_compiles_loads_and_runs(self):
        program = self.compile(ROOT / "test/c_api_test.c", *self.shared("tenon"))
        status, text = run(program, self.folder / "m.tenon")
        self.assertEqual((status, text), (0, ""))

    def test_headers_stand_alone_in_c_and_in_cxx(self):
        for header in ("tenon", "compiler"):
            source = self.folder / "one.c"
            source.write_text(f'#include "tenon/{header}.h"\nint main(void) {{ return tenon_version()[0] == 0; }}\n')
            for language in (["-x", "c", "-std=c99"], ["-x", "c++", "-std=c++11"]):
                status, text = run(CC, *language, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                                   "-I", ROOT / "include", source)
                self.assertEqual(status, 0, text)

    def test_a_strict_c99_program_builds_graphs_and_schedules_kernels(self):
        program = self.compile(ROOT / "test/c_graph_test.c", *self.shared("tenon"))
        self.assertEqual(run(program), (0, "2 kernels\n"))

    def test_an_operator_of_ones_own_is_a_text_or_a_function(self):
        value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        nodes = [helper.make_node("Add", ["x", "one"], ["a"]),
                 helper.make_node("Gate", ["a", "w"], ["b"], domain="mine", alpha=0.25),
                 helper.make_node("Add", ["b", "one"], ["y"])]
        graph = helper.make_graph(nodes, "gates", [value("x", "batch", 4), value("w", 4)], [value("y", "batch", 4)],
                                  [helper.make_tensor("one", TensorProto.FLOAT, [], [1])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)])
        onnx.save(model, self.folder / "gates.onnx")
        program = self.compile(ROOT / "test/c_custom_test.c", *self.shared("tenon"))
        self.assertEqual(run(program, self.folder / "gates.onnx", self.folder / "gates.tenon"), (0, ""))

    def test_the_headers_of_cpp_compile_strictly_and_run(self):
        program = self.folder / "program"
        for more in ([], ["-fno-exceptions", "-fno-rtti"]):
            status, text = run(CXX, "-std=c++20", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion",
                               "-Werror", *more, "-I", ROOT / "include", "-o", program, ROOT / "test/cpp_headers.cc",
                               *self.shared("tenon"))
            self.assertEqual(status, 0, text)
            status, text = run(program, self.folder)
            self.assertEqual(status, 0, text)

    def test_the_libraries_export_the_functions_of_the_headers_alone(self):
        declared = {}
        for header in ("tenon", "compiler", "graph", "schedule"):
            text = (ROOT / f"include/tenon/{header}.h").read_text()
            declared[header] = set(re.findall(r"^TENON_API [^(]*?\b(tenon_\w+)\(", text, re.MULTILINE))
        for library, expected in (("tenon-runtime", declared["tenon"]),
                                  ("tenon", set.union(*declared.values()))):
            status, text = run("nm", "-D", "--defined-only", "--format=posix", LIB / f"lib{library}.so")
            self.assertEqual(status, 0, text)
            names = {line.split("@")[0].split()[0] for line in text.splitlines()} - {"TENON_1"}
            self.assertEqual(names, expected)
            status, text = run("readelf", "-d", LIB / f"lib{library}.so")
            self.assertIn(f"soname: [lib{library}.so.0]", text)


if __name__ == "__main__":
    unittest.main()
