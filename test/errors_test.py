#!/usr/bin/env python3
"""One row for each error that the command line can meet: the smallest input, where the message says it is, what it
says to do about it, and its code. Run by ctest with TENON_BIN naming the folder of tenon and tenon-run.

Constraints of operators and codes that only a program's text or a defect can cause have their tests beside the code.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN = pathlib.Path(os.environ.get("TENON_BIN", pathlib.Path(__file__).resolve().parent.parent / "build/bin"))
TENON, TENON_RUN = str(BIN / "tenon"), str(BIN / "tenon-run")


def save_model(path, nodes, inputs, outputs, weights=(), opset=17):
    def info(name, shape, kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)
    graph = helper.make_graph(nodes, "errors", [info(*i) for i in inputs], [info(*o) for o in outputs],
                              [numpy_helper.from_array(v, n) for n, v in weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)


class ErrorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.at = work = pathlib.Path(cls.folder.name)
        node = helper.make_node
        save_model(work / "add.onnx", [node("Add", ["x", "x2"], ["y"])], [("x", ["n", 3]), ("x2", ["n", 3])], [("y", ["n", 3])])
        save_model(work / "pick.onnx", [node("Gather", ["t", "i"], ["y"])], [("i", ["n"], TensorProto.INT64)], [("y", ["n"])],
                   [("t", np.arange(4, dtype="f"))])
        save_model(work / "grow.onnx", [node("Expand", ["x", "s"], ["y"])], [("x", [1]), ("s", [1], TensorProto.INT64)],
                   [("y", ["m"])])
        np.save(work / "x.npy", np.zeros((2, 3), "f"))
        np.save(work / "x3.npy", np.zeros((3, 3), "f"))
        np.save(work / "complex.npy", np.zeros((2, 3), "c8"))
        np.save(work / "far.npy", np.array([7]))
        np.save(work / "vast.npy", np.array([2**50]))
        (work / "cut.npy").write_bytes((work / "x.npy").read_bytes()[:-4])
        (work / "text.npy").write_text("0 0 0")
        (work / "text.onnx").write_text("no model")
        (work / "saved").mkdir()
        np.save(work / "saved/y.npy", np.zeros((4, 4), "f"))
        (work / "kernel.tir").write_text("kernel @k[n](y: out f32[n]) { for i in serial(n) { y[i] = f32(0) } }\n")
        (work / "idle.tir").write_text("kernel @k[](x: in f32[2]) { }\n")
        (work / "syntax.tir").write_text("model @m(x: f32[2]\n")
        (work / "quote.tir").write_text('model @m["x\n')
        (work / "character.tir").write_text("model @m[\x01](x: f32[2])\n")
        cls.link_model(work)
        cls.case(work / "cases/off", np.ones((2, 3), "f"), 1)
        cls.case(work / "cases/more", np.zeros((2, 3), "f"), 2)
        cls.run_program(TENON, "compile", work / "add.onnx", "-o", work / "add.tenon", check=True)
        whole = (work / "add.tenon").read_bytes()
        (work / "short.tenon").write_bytes(whole[:-100])
        (work / "head.tenon").write_bytes(whole[:100])
        (work / "flip.tenon").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (work / "old.tenon").write_bytes(whole[:8] + b"\x63" + whole[9:])
        (work / "other.tenon").write_bytes(b"PK" + whole[2:])

    @classmethod
    def link_model(cls, work):
        """A model whose external data is a symbolic link, and one whose data has a second name."""
        for name in ("link", "hard"):
            save_model(work / f"{name}.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], [("x", [600])], [("y", [600])],
                       [("w", np.zeros(600, "f"))])
            model = onnx.load(work / f"{name}.onnx")
            onnx.save(model, work / f"{name}.onnx", save_as_external_data=True, location=f"{name}.bin", size_threshold=0)
        (work / "link.bin").rename(work / "elsewhere.bin")
        (work / "link.bin").symlink_to(work / "elsewhere.bin")
        os.link(work / "hard.bin", work / "second.bin")

    @classmethod
    def case(cls, folder, value, outputs):
        """A conformance case of y = x with this output, as often as said."""
        (folder / "test_data_set_0").mkdir(parents=True)
        save_model(folder / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [("x", [2, 3])], [("y", [2, 3])])
        for name, array in [("input_0", np.zeros((2, 3), "f")), *((f"output_{i}", value) for i in range(outputs))]:
            (folder / f"test_data_set_0/{name}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())

    @classmethod
    def run_program(cls, *arguments, check=False):
        return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, check=check,
                              env={**os.environ, "TENON_CACHE_DIR": str(cls.at / "cache")})

    def rows(self):
        """Code, words of the place, words of the way out, and the command."""
        at, add, zeros = self.at, self.at / "add.onnx", ["--fill", "zeros"]
        x, x2 = ["--input", f"x={at / 'x.npy'}"], ["--input", f"x2={at / 'x.npy'}"]

        def given(file):
            return [TENON, "run", add, "--input", f"x={at / file}", *zeros]
        yield "usage", "--input 'x'", "NAME=FILE.npy", [TENON, "run", add, "--input", "x"]
        yield "usage", "--shape", "x=1xtwo", [TENON, "run", add, "--shape", "x=1xtwo"]
        yield "compile.output", "m.bin", "OUT.tenon", [TENON, "compile", add, "-o", at / "m.bin"]
        yield "file.open", "none.onnx", "No such file", [TENON, "run", at / "none.onnx"]
        yield "file.open", "none.tenon", "No such file", [TENON_RUN, at / "none.tenon"]
        yield "file.write", "none/m.tenon", "No such file", [TENON, "compile", add, "-o", at / "none/m.tenon"]
        yield "file.link", "link.bin", "put a copy of the file there", [TENON, "check", at / "link.onnx"]
        yield "file.link", "hard.bin", "put a copy of the file there", [TENON, "check", at / "hard.onnx"]
        yield "onnx.parse", "text.onnx", "damaged, cut short or of another kind", [TENON, "check", at / "text.onnx"]
        yield "target.unknown", "'pdp11'", "known are host", [TENON, "run", add, *zeros, "--target", "pdp11"]
        yield "precision.unsupported", "'f7'", "use f32", [TENON, "run", add, *zeros, "--precision", "f7"]
        yield "pass.unknown", "'nix'", "tenon opt --list", [TENON, "run", add, *zeros, "--disable-pass", "nix"]
        yield "pass.unknown", "'nix'", "tenon opt --list", [TENON, "inspect", add, "--after", "nix"]
        yield "pass.required", "'fuse'", "tenon opt --list", [TENON, "run", add, *zeros, "--no-cache", "--disable-pass", "fuse"]
        yield "kernel.unknown", "'nix'", "--stage loop", [TENON, "inspect", add, "--kernel", "nix"]
        yield "model.compiled", "add.tenon", "needs the .onnx", [TENON, "compare", at / "add.tenon"]
        yield "package.unbound_size", "'n'", "whose extent", [TENON, "run", at / "kernel.tir"]
        yield "tir.no_result", "idle.tir", "declare one", [TENON, "run", at / "idle.tir"]
        yield "conformance.cases", "model.onnx", "below the given", [TENON, "conformance", at / "saved"]
        yield "text.syntax", "syntax.tir:1:9", "expected '['", [TENON, "run", at / "syntax.tir"]
        yield "text.quote", "quote.tir:1:10", "", [TENON, "run", at / "quote.tir"]
        yield "text.character", "character.tir:1:10", "", [TENON, "run", at / "character.tir"]
        yield "run.missing_input", "input 'x'", "--input x=FILE.npy", [TENON, "run", add]
        yield "run.missing_input", "input 'x2'", "--input x2=FILE.npy", [TENON_RUN, at / "add.tenon", *x]
        yield "run.input_name", "'x1'", "did you mean 'x'", [TENON, "run", add, "--input", f"x1={at / 'x.npy'}"]
        yield "run.shape_name", "'nn'", "did you mean 'n'", [TENON, "run", add, *zeros, "--shape", "nn=2"]
        yield "run.rank", "x=2", "2", [TENON, "run", add, *zeros, "--shape", "x=2x3x1"]
        yield "run.extent", "input 'x'", "axis 1 must be 3", [TENON, "run", add, *zeros, "--shape", "x=2x4"]
        yield "run.symbol", "--input x2", "leave one out", [TENON, "run", add, *x, "--input", f"x2={at / 'x3.npy'}"]
        yield "run.dtype", "input 'i'", "i64", [TENON, "run", at / "pick.onnx", "--input", f"i={at / 'x.npy'}"]
        yield "usage", "--threads: '-2'", "from 0 to 4096", [TENON, "run", add, *zeros, "--threads", "-2"]
        yield "run.index", "node 'y': index 7", "give indices within", [TENON, "run", at / "pick.onnx", "--input", f"i={at / 'far.npy'}"]
        yield "npy.type", "complex.npy", "numpy.save", given("complex.npy")
        yield "npy.truncated", "cut.npy", "numpy.save", given("cut.npy")
        yield "npy.format", "text.npy", "numpy.save", given("text.npy")
        yield "file.open", "none.npy", "No such file", given("none.npy")
        yield "artifact.magic", "other.tenon", "tenon compile", [TENON, "run", at / "other.tenon"]
        for program in ([TENON, "run"], [TENON_RUN]):
            yield "artifact.truncated", "short.tenon", "compile it again", [*program, at / "short.tenon"]
            yield "artifact.truncated", "head.tenon", "compile it again", [*program, at / "head.tenon"]
            yield "artifact.checksum", "flip.tenon", "compile it again", [*program, at / "flip.tenon"]
            yield "artifact.version", "old.tenon", "compile the model again", [*program, at / "old.tenon"]
        yield "compare.shape", "output y", "save again", [TENON, "compare", add, *x, *x2, "--against", at / "saved"]

    def test_every_message_has_its_place_and_its_way_out(self):
        for code, place, way_out, command in self.rows():
            with self.subTest(code=code, command=" ".join(map(str, command))):
                done = self.run_program(*command)
                self.assertEqual(done.returncode, 2 if code in ("usage", "compile.output") else 1, done.stderr)
                lines = [line for line in done.stderr.splitlines() if line.endswith(f"[{code}]")]
                self.assertEqual(len(lines), 1, done.stderr)
                self.assertTrue(lines[0].startswith(("tenon: error: ", "tenon-run: ")), lines[0])
                for words in (place, way_out):
                    self.assertIn(words, lines[0])

    def test_memory_that_no_machine_has(self):
        done = self.run_program(TENON, "run", self.at / "grow.onnx", "--input", f"s={self.at / 'vast.npy'}", "--fill", "zeros")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("[run.memory]", done.stderr)

    def test_conformance_names_case_output_and_element(self):
        done = self.run_program(TENON, "conformance", self.at / "cases")
        for code, words in (("conformance.mismatch", ["cases/off", "output 0", "element 0 is 0, expected 1"]),
                            ("conformance.outputs", ["cases/more", "fewer outputs than the case"])):
            line = next(line for line in done.stdout.splitlines() if f"[{code}]" in line)
            for word in words:
                self.assertIn(word, line)
        self.assertIn("0 of 2 passed", done.stdout)


if __name__ == "__main__":
    unittest.main()
