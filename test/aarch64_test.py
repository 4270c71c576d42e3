#!/usr/bin/env python3
"""Models on AArch64, under Debian's emulator: compiled here, run by the tenon-run of build-aarch64, and held against the
interpreter or the outputs that came with them. Run by ctest, which builds that folder first.
"""
import os
import pathlib
import subprocess
import unittest

import numpy as np
from onnx import TensorProto, helper

import cases_test
from embedded import Embedded
from harness import BIN, Case, attention, chain, mlp, model

ROOT = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(os.environ.get("TENON_AARCH64_BIN", ROOT.parent / "build-aarch64/bin"))
EMULATOR = ["qemu-aarch64", "-cpu", "max,sve=off"]
RUNNER = " ".join([*EMULATOR, str(PROGRAMS / "tenon-run")])
ROWS = ["aarch64", "neoverse-n1", "neoverse-v1"]
F = TensorProto.FLOAT


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def f32(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


class Models(Case):
    """Each model gives on every row of AArch64 what the interpreter gives."""

    def check(self, proto, *options, rows=ROWS):
        path = self.save("model.onnx", proto)
        for row in rows:
            with self.subTest(row=row):
                text = self.good("compare", path, "--target", row, "--runner", RUNNER, "--fill", "random:3", *options)
                self.assertIn("worst relative error", text)

    def test_perceptron(self):
        self.check(mlp()[0], "--shape", "batch=7")

    def test_attention(self):
        self.check(attention()[0], "--shape", "batch=2", "--shape", "seq=19", "--threads", 2)

    def test_elementwise_chain(self):
        self.check(chain(30), "--shape", "n=13", rows=ROWS[:1])

    def test_convolutions(self):
        nodes = [node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", ["a"], ["b"]),
                 node("Conv", ["b", "d"], ["c"], group=20, pads=[1, 1, 1, 1]), node("Sigmoid", ["c"], ["s"]),
                 node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2]), node("ReduceMean", ["p"], ["y"], axes=[2, 3])]
        self.check(model(nodes, [("x", F, ["n", 3, 17, 15])], [("y", ["n", 20, 1, 1])],
                         [("w", f32(20, 3, 3, 3)), ("d", f32(20, 1, 3, 3, seed=2))]), "--shape", "n=2")

    def test_lstm(self):
        proto = model([node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=9)], [("x", F, ["t", 2, 5])],
                      [("y", ["t", 1, 2, 9])], [("w", f32(1, 36, 5)), ("r", f32(1, 36, 9)), ("b", f32(1, 72))])
        self.check(proto, "--shape", "t=4", rows=ROWS[:1])

    def test_products_of_bytes_of_every_sign(self):
        random = np.random.default_rng(3)
        types = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
        for left in types:
            for right in types:
                w = random.integers(np.iinfo(right).min, np.iinfo(right).max + 1, (131, 70)).astype(right)
                proto = model([node("MatMulInteger", ["x", "w"], ["i"]), node("Cast", ["i"], ["y"], to=F)],
                              [("x", types[left], ["n", 131])], [("y", ["n", 70])], [("w", w)])
                self.check(proto, "--shape", "n=9", "--tolerance", 0)

    def test_halves(self):
        for half in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            weights = helper.make_tensor("w", half, [65, 48], f32(65 * 48).tolist())
            proto = model([node("Cast", ["x"], ["h"], to=half), node("MatMul", ["h", "w"], ["low"]),
                           node("Cast", ["low"], ["y"], to=F)], [("x", F, ["n", 65])], [("y", ["n", 48])])
            proto.graph.initializer.append(weights)
            self.check(proto, "--shape", "n=9", "--tolerance", 0.01)

    def test_an_index_that_lies_outside_is_refused(self):
        proto = model([node("Gather", ["x", "i"], ["y"])], [("x", F, [5, 3]), ("i", TensorProto.INT64, ["n"])],
                      [("y", ["n", 3])])
        path, compiled = self.save("gather.onnx", proto), self.folder / "gather.tenon"
        self.good("compile", path, "--target", "aarch64", "-o", compiled)
        arguments = [compiled, "--fill", "zeros", "--input", self.array("i", np.array([0, 4, 7, 1]))]
        done = self.call(*EMULATOR[1:], PROGRAMS / "tenon-run", *arguments, program=EMULATOR[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("[run.index]", done.stderr)

    def test_code_for_another_cpu_is_refused(self):
        path, compiled = self.save("model.onnx", mlp()[0]), self.folder / "model.tenon"
        self.good("compile", path, "--target", "neoverse-n1", "-o", compiled)
        self.bad("run", compiled, "--fill", "zeros", says=["[artifact.cpu]", "neoverse-n1", "asimddp"])
        self.bad("run", path, "--fill", "zeros", "--target", "aarch64", says=["[target.cpu]", "asimd"])
        self.good("compile", path, "--target", "x86-64-v3", "-o", compiled)
        done = self.call(*EMULATOR[1:], PROGRAMS / "tenon-run", compiled, "--fill", "zeros", program=EMULATOR[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("[artifact.cpu]", done.stderr)
        # A CPU of the architecture that lacks what the row needs.
        self.good("compile", path, "--target", "neoverse-v1", "-o", compiled)
        old = [EMULATOR[0], "-cpu", "cortex-a57"]
        done = self.call(*old[1:], PROGRAMS / "tenon-run", compiled, "--fill", "zeros", program=old[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("asimddp", done.stderr)

    def test_objects_of_c(self):
        """Each form in a C99 program of that machine, on a CPU that has the row's instructions and on one that lacks them."""
        cc = [os.environ.get("TENON_CC", "clang-19"), "--target=aarch64-linux-gnu", "-fuse-ld=lld"]
        inputs = {"tokens": np.random.default_rng(1).integers(0, 50, (3, 17))}
        path, compiled = self.save("m.onnx", attention()[0]), self.folder / "m.tenon"
        self.good("compile", path, "--target", "neoverse-v1", "-o", compiled)
        self.good(*EMULATOR[1:], PROGRAMS / "tenon-run", compiled, "--input", self.array("tokens", inputs["tokens"]),
                  "--save", self.folder, program=EMULATOR[0])
        want = np.load(self.folder / "y.npy")
        for form, options in (("o", []), ("a", ["--weights", "WEIGHTS"]), ("so", [])):
            with self.subTest(form=form):
                link, emulator = ([], ["-L", "/usr/aarch64-linux-gnu"]) if form == "so" else (["-static"], [])
                embedded = Embedded(self, path, form, "--target", "neoverse-v1", *options, cc=cc, link=link,
                                    runner=[*EMULATOR, *emulator])
                self.assertEqual(embedded.run(inputs, workers=3)["y"].tobytes(), want.tobytes())
                embedded.runner = [EMULATOR[0], "-cpu", "cortex-a57", *emulator]
                self.assertRegex(embedded.run(inputs, status=2), "lacks.*asimddp")

    def test_cmake_compiles_a_model_for_that_machine(self):
        cc, build = os.environ.get("TENON_CC", "clang-19"), self.folder / "build"
        options = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_C_COMPILER={cc}",
                   "-DCMAKE_C_COMPILER_TARGET=aarch64-linux-gnu", "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -static"]
        self.good("-S", ROOT.parent / "examples/embed", "-B", build, "-G", "Ninja", f"-DTenon_DIR={BIN.parent}/cmake", *options,
                  program="cmake")
        self.good("--build", build, program="cmake")
        done = subprocess.run([*EMULATOR, build / "digit"], input=(ROOT.parent / "examples/embed/three.txt").read_text(),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "it is a 3\n"), done.stderr)

    def test_digits(self):
        path = ROOT.parent / "examples/digits.onnx"
        images = ROOT.parent / "examples/digits_images.npy"
        self.good("compare", path, "--target", "neoverse-n1", "--runner", RUNNER, "--input", f"image={images}")


class Cases(cases_test.CasesTest):
    """The cases of test/cases, compiled to one file each."""
    test_conformance = test_run = test_against_the_interpreter = test_there_are_cases = None

    def test_one_compiled_file(self):
        for case in cases_test.CASES:
            with self.subTest(case=case.name):
                compiled = self.work / "model.tenon"
                self.command(BIN / "tenon", "compile", case / "model.onnx", "-o", compiled, "--target", "neoverse-v1")
                self.run_sets(case, [*EMULATOR, PROGRAMS / "tenon-run", compiled])


if __name__ == "__main__":
    unittest.main()
