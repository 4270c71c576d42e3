#!/usr/bin/env python3
"""The C API as a user meets it: headers and libraries alone. A strict C99 program against libtenon, the program of the
guide against libtenon-runtime, shared and static, and what the libraries export. TENON_BIN names the folder of the
programs, TENON_CC the compiler.
"""
import os
import pathlib
import re
import shlex
import subprocess
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

from harness import BIN, TENON, Case

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

    def test_the_program_of_the_guide_runs(self):
        section = (ROOT / "docs/guide.md").read_text().split("\n## From C\n")[1].split("\n## ")[0]
        blocks = re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL)
        commands = next(text for language, text in blocks if language == "")
        code = next(text for language, text in blocks if language == "c")
        source = self.folder / "digit.c"
        source.write_text(code)
        status, text = run(TENON, "compile", ROOT / "examples/digits.onnx", "-o", self.folder / "digits.tenon")
        self.assertEqual(status, 0, text)
        image = np.zeros((1, 1, 8, 8), "f")
        image[..., 3:5] = 1
        np.save(self.folder / "image.npy", image)
        status, text = run(TENON, "run", self.folder / "digits.tenon", "--input", f"image={self.folder}/image.npy",
                           "--save", self.folder)
        self.assertEqual(status, 0, text)
        digit = int(np.load(self.folder / "scores.npy").argmax())
        for libraries in (self.shared("tenon-runtime"), [LIB / "libtenon-runtime.a", "-lstdc++", "-lpthread"]):
            program = self.compile(source, *libraries)
            self.assertEqual(run(program, self.folder / "digits.tenon"), (0, f"it is a {digit}\n"))
            status, text = run(program, self.folder / "no.tenon")
            self.assertEqual(status, 1)
            self.assertIn("[file.open]", text)
        # The commands that the guide gives, with this compiler and from the root.
        lines = [line.replace("cc ", CC + " ", 1).replace("build/", f"{BIN.parent}/") for line in commands.splitlines()
                 if line.startswith("cc ")]
        self.assertEqual(len(lines), 2)
        for line in lines:
            parts = [str(source) if p == "digit.c" else p for p in shlex.split(line)]
            parts[parts.index("-o") + 1] = str(self.folder / "by_guide")
            status, text = run("env", "-C", ROOT, *parts)
            self.assertEqual(status, 0, text)
            self.assertEqual(run(self.folder / "by_guide", self.folder / "digits.tenon")[0], 0)

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
