#!/usr/bin/env python3
"""The command line from outside: bad input, JSON keys, results against numpy, cache, interrupts.

Run by ctest with TENON_BIN naming the folder of tenon and tenon-run. Models are built here with the
onnx package; nothing is downloaded.
"""
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN = pathlib.Path(os.environ.get("TENON_BIN", pathlib.Path(__file__).resolve().parent.parent / "build/bin"))
TENON, TENON_RUN = BIN / "tenon", BIN / "tenon-run"
COMMANDS = ["run", "bench", "compile", "inspect", "check", "compare", "opt", "targets", "conformance"]


def model(nodes, inputs, outputs, weights=(), opset=17):
    graph = helper.make_graph(
        nodes, "test",
        [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(v, n) for n, v in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def mlp():
    """x [batch, 12] -> gelu-like hidden layer of 37 -> softmax over 5; weights and a numpy function."""
    r = np.random.default_rng(7)
    w1, b1 = r.standard_normal((12, 37)).astype("f"), r.standard_normal(37).astype("f")
    w2 = r.standard_normal((37, 5)).astype("f")
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["a"]), helper.make_node("Add", ["a", "b1"], ["b"]),
             helper.make_node("Tanh", ["b"], ["c"]), helper.make_node("MatMul", ["c", "w2"], ["d"]),
             helper.make_node("Softmax", ["d"], ["y"], axis=-1)]
    proto = model(nodes, [("x", TensorProto.FLOAT, ["batch", 12])], [("y", ["batch", 5])],
                  [("w1", w1), ("b1", b1), ("w2", w2)])

    def reference(x):
        x = x.astype("d")
        d = np.tanh(x @ w1 + b1) @ w2
        e = np.exp(d - d.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return proto, reference


def attention():
    """tokens [batch, seq] -> embedding, self attention, layer norm; symbolic in both axes."""
    r = np.random.default_rng(8)
    table, gamma = r.standard_normal((50, 16)).astype("f"), r.standard_normal(16).astype("f")
    beta = np.zeros(16, "f")
    n = helper.make_node
    nodes = [n("Gather", ["table", "tokens"], ["e"]), n("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
             n("MatMul", ["e", "et"], ["s"]), n("Softmax", ["s"], ["p"], axis=-1), n("MatMul", ["p", "e"], ["v"]),
             n("Add", ["v", "e"], ["r"]), n("LayerNormalization", ["r", "gamma", "beta"], ["y"], axis=-1)]
    proto = model(nodes, [("tokens", TensorProto.INT64, ["batch", "seq"])], [("y", ["batch", "seq", 16])],
                  [("table", table), ("gamma", gamma), ("beta", beta)])

    def reference(tokens):
        e = table[tokens].astype("d")
        s = e @ e.transpose(0, 2, 1)
        p = np.exp(s - s.max(-1, keepdims=True))
        v = (p / p.sum(-1, keepdims=True)) @ e + e
        c = v - v.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5) * gamma

    return proto, reference


def chain(count):
    ops = ["Relu", "Tanh", "Neg", "Sigmoid", "Abs"]
    nodes = [helper.make_node(ops[i % 5], [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    return model(nodes, [("v0", TensorProto.FLOAT, ["n", 8])], [(f"v{count}", ["n", 8])])


class Case(unittest.TestCase):
    def setUp(self):
        self.folder_owner = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder_owner.cleanup)
        self.folder = pathlib.Path(self.folder_owner.name)
        self.cache = self.folder / "cache"
        self.env = {**os.environ, "TENON_CACHE_DIR": str(self.cache)}

    def call(self, *arguments, program=TENON, env=None, timeout=120, memory=None):
        """`memory` limits the address space of the process, in bytes."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              env={**self.env, **(env or {})}, preexec_fn=limit if memory else None)

    def good(self, *arguments, **more):
        done = self.call(*arguments, **more)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    def bad(self, *arguments, status=1, says, count=1, program=TENON, **more):
        """Exactly `count` error lines that hold the text, and the status; nothing else on stderr."""
        done = self.call(*arguments, program=program, **more)
        context = f"{arguments}: status {done.returncode}, stderr {done.stderr!r}"
        self.assertEqual(done.returncode, status, context)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), count, context)
        for line in lines:
            self.assertRegex(line, rf"^{program.name}: error: .*\[[a-z_]+(\.\w+)?\]$", context)
        if status == 2:
            self.assertRegex(done.stderr, r"\[(usage|compile\.output)\]$", context)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stderr, context)
        self.assertNotRegex(done.stderr, r"terminate called|Sanitizer|check failed|Traceback", context)
        self.assertEqual(done.stdout, "", context)
        return done.stderr

    def save(self, name, proto):
        path = self.folder / name
        path.write_bytes(proto.SerializeToString())
        return path

    def array(self, name, value):
        np.save(self.folder / f"{name}.npy", value)
        return f"{name}={self.folder / name}.npy"

    def run_model(self, path, name, value, *more, program=TENON):
        out = self.folder / "out"
        leading = ["run"] if program == TENON else []
        self.good(*leading, path, "--input", self.array(name, value), "--save", out, *more, program=program)
        return np.load(out / "y.npy")

    def temporary_files(self):
        return [p for p in self.folder.rglob("*") if ".tmp" in p.name]


class BadModel(Case):
    def test_truncated_file_is_refused(self):
        data = mlp()[0].SerializeToString()
        for size in [0, 1, 40, len(data) // 2, len(data) - 1]:
            path = self.folder / "cut.onnx"
            path.write_bytes(data[:size])
            self.bad("run", path, "--fill", "zeros", says="cut.onnx")

    def test_text_file_is_refused(self):
        path = self.folder / "words.onnx"
        path.write_text("these are words, not a model\n" * 20)
        for command in ["run", "check", "inspect", "compare", "bench"]:
            self.bad(command, path, says="[onnx.parse]")

    def test_missing_file_and_folder_are_refused(self):
        self.bad("run", self.folder / "none.onnx", says="[file.open]")
        self.bad("run", self.folder, says="not a regular file")

    def test_every_unknown_operator_is_named(self):
        nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first"),
                 helper.make_node("Relu", ["a"], ["b"]),
                 helper.make_node("Wibble", ["b"], ["y"], name="second")]
        path = self.save("odd.onnx", model(nodes, [("x", TensorProto.FLOAT, [2])], [("y", [2])]))
        for command in ["run", "check"]:
            self.bad(command, path, says=["Frobnicate", "Wibble", "first", "second"], count=2)
        done = self.call("check", "--json", path)
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        self.assertFalse(report["supported"])
        self.assertEqual(len(report["problems"]), 2)

    def test_check_refuses_what_run_refuses(self):
        for text, code in [("t0 = iota() {axis = 0} : f32[n]", "package.unbound_size"),
                           ("t0 = exp(x) : f32[3]", "graph.type"), ("t0 = gather(x, x) {axis = 0} : f32[2]", "gather"),
                           ("t0 = exp(y) : f32[2]", "text.name")]:
            path = self.folder / "m.tir"
            path.write_text(f"model @m[n](x: f32[2]) -> (y) {{\n  {text}\n  return t0\n}}\n")
            refused = self.bad("run", path, "--fill", "zeros", says=code)
            self.assertEqual(self.bad("check", path, says=code), refused)
            report = self.call("check", "--json", path)
            self.assertEqual((report.returncode, json.loads(report.stdout)["supported"]), (1, False))

    def test_shapes_that_do_not_fit_are_refused(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        path = self.save("bad.onnx", model(nodes, [("x", TensorProto.FLOAT, [2, 3])], [("y", [2, 5])],
                                           [("w", np.zeros((4, 5), "f"))]))
        self.bad("check", path, says="MatMul")


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.path = self.save("m.onnx", mlp()[0])

    def test_missing_input_is_named(self):
        self.bad("run", self.path, says=["'x'", "--input"])

    def test_misspelt_input_gets_a_suggestion(self):
        path = self.save("t.onnx", attention()[0])
        value = self.array("tokens", np.zeros((1, 3), "i8"))
        self.bad("run", path, "--input", value.replace("tokens=", "tokns="), says="did you mean 'tokens'?")
        self.bad("run", path, "--fill", "zeros", "--shape", "bach=2", says="did you mean 'batch'?")

    def test_extents_that_must_agree_are_refused_where_they_do_not(self):
        nodes = [helper.make_node("Add", ["x", "z"], ["y"])]
        path = self.save("add.onnx", model(nodes, [("x", TensorProto.FLOAT, ["n"]), ("z", TensorProto.FLOAT, ["m"])],
                                           [("y", ["n"])]))
        self.good("run", path, "--fill", "zeros", "--shape", "n=3", "--shape", "m=3")
        self.bad("run", path, "--fill", "zeros", "--shape", "n=3", "--shape", "m=4", says="y needs m to be 1 or to equal n")

    def test_expand_to_extents_that_do_not_fit_is_refused(self):
        nodes = [helper.make_node("Expand", ["x", "z"], ["y"])]
        path = self.save("expand.onnx", model(nodes, [("x", TensorProto.FLOAT, ["n"]), ("z", TensorProto.INT64, [1])],
                                              [("y", ["k"])]))
        for target, fits in [(3, True), (1, True), (7, False), (-3, False)]:
            np.save(self.folder / "z.npy", np.array([target]))
            command = ("run", path, "--fill", "zeros", "--shape", "n=3", "--input", f"z={self.folder / 'z.npy'}")
            if fits:
                self.good(*command)
            else:
                self.bad(*command, says="cannot expand axis 0")

    def test_wrong_shape_is_refused(self):
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 13), "f")), says=["13", "12"])
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 12, 1), "f")), says="x")

    def test_wrong_dtype_is_refused(self):
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 12), "i4")), says=["i32", "f32"])

    def test_damaged_array_is_refused(self):
        value = self.array("x", np.zeros((2, 12), "f"))
        file = self.folder / "x.npy"
        file.write_bytes(file.read_bytes()[:100])
        self.bad("run", self.path, "--input", value, says="x.npy")
        file.write_text("not an array")
        self.bad("run", self.path, "--input", value, says="x.npy")

    def test_unknown_names_are_refused(self):
        self.bad("run", self.path, "--fill", "zeros", "--target", "pdp11", says="[target.unknown]")
        self.bad("run", self.path, "--fill", "zeros", "--disable-pass", "nix", says="[pass.unknown]")
        self.bad("inspect", self.path, "--after", "nix", says="[pass.unknown]")
        self.bad("inspect", self.path, "--kernel", "nix", says="[kernel.unknown]")
        self.bad("run", self.path, "--fill", "zeros", "--precision", "f7", says="[precision.unsupported]")

    def test_wrong_usage_has_status_2(self):
        self.bad("run", self.path, "--wat", status=2, says="--wat")
        self.bad("frob", status=2, says="no command is called 'frob'")
        self.bad("rum", status=2, says="did you mean 'run'?")
        self.bad(status=2, says="no command is given")
        self.bad("run", status=2, says="MODEL")
        self.bad("run", self.path, "--thread", 1, status=2, says="did you mean '--threads'?")
        self.bad("inspect", self.path, "--stage", "lop", status=2, says="lop")
        self.bad("run", self.path, "--input", "x", status=2, says="NAME=FILE.npy")
        self.bad("run", self.path, "--shape", "x=1xtwo", status=2, says="1xtwo")
        self.bad("run", self.path, "--fill", "ones", status=2, says="ones")
        self.bad("run", self.path, "--threads", "many", status=2, says="many")
        self.bad("--wat", status=2, says="--wat", program=TENON_RUN)
        self.bad(status=2, says="no model", program=TENON_RUN)

    def test_output_that_cannot_be_written_is_refused(self):
        self.bad("compile", self.path, "-o", self.folder / "none/m.tenon", says="[file.write]")
        self.bad("compile", self.path, "-o", self.folder, status=2, says="[compile.output]")


    def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(self):
        (self.folder / "file").write_text("")
        for save, says in [(self.folder / "file/out", "is a file"), ("/proc/no/out", "cannot make folder '/proc/no'")]:
            self.bad("run", self.path, "--fill", "zeros", "--save", save, says=[says, "[file.write]"])
        self.bad("run", self.path, "--fill", "zeros", "--save", "", status=2, says="--save")

    def test_numbers_out_of_range_are_refused_with_the_range(self):
        file = self.folder / "m.tenon"
        self.good("compile", self.path, "-o", file)
        fill = ["--fill", "zeros"]
        for command, option, range_ in [("bench", "--repeat", "1 to 10000000"), ("bench", "--seconds", "0 to 86400"),
                                        ("bench", "--threads", "0 to 4096"), ("run", "--jobs", "0 to 4096"),
                                        ("run", "--threads", "0 to 4096"), ("compare", "--tolerance", "0 to 1000000000"),
                                        ("compare", "--threads", "0 to 4096")]:
            for value in ["-1", "nan", "1e30", "99999999999999999999", "5x"]:
                self.bad(command, self.path, f"{option}={value}", status=2, says=[option, range_])
        self.bad("bench", self.path, "--repeat", 0, status=2, says="1 to 10000000")
        self.bad("conformance", self.folder, "--limit", 0, status=2, says="0.001 to 86400")
        for option, value, range_ in [("--repeat", "0", "1 to"), ("--repeat", "-5", "1 to"), ("--threads", "4097", "4096")]:
            self.bad(file, *fill, option, value, status=2, says=[option, range_], program=TENON_RUN)
        for shape in ["batch=-1", "batch=9223372036854775807", "x=1x99999999999999999999"]:
            self.bad("run", self.path, *fill, "--shape", shape, status=2, says="0 to 140737488355328")
        self.bad("run", self.path, "--fill", "random:-1", status=2, says="seed")

    def test_numbers_of_the_python_tools_have_a_range(self):
        root = pathlib.Path(__file__).resolve().parent.parent
        for tool, option in [("bench/run.py", "--rounds=0"), ("bench/run.py", "--seconds=-1"),
                             ("bench/compare.py", "--threads=-1"), ("fuzz/run.py", "--seconds=-3")]:
            more = ["model.onnx"] if tool == "bench/compare.py" else []
            done = subprocess.run([sys.executable, root / tool, option, *more], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"is not a (whole )?number from \d+ to \d+")

    def test_shapes_that_contradict_are_refused(self):
        x = self.array("x", np.zeros((5, 12), "f"))
        self.bad("run", self.path, "--input", x, "--shape", "batch=4", says=["batch=4", "--input x", "5", "[run.symbol]"])
        self.bad("run", self.path, "--input", x, "--shape", "x=4x12", says="[run.extent]")
        self.bad("run", self.path, "--fill", "zeros", "--shape", "batch=4", "--shape", "x=5x12", says="[run.symbol]")
        self.bad("run", self.path, "--fill", "zeros", "--shape", "batch=4", "--shape", "batch=5", status=2, says="twice")
        self.bad("run", self.path, "--input", x, "--input", x, status=2, says="twice")
        self.good("run", self.path, "--input", x, "--shape", "batch=5")
        fixed = self.save("fixed.onnx", model([helper.make_node("Relu", ["x"], ["y"])],
                                              [("x", TensorProto.FLOAT, [2, 3])], [("y", [2, 3])]))
        self.bad("run", fixed, "--fill", "zeros", "--shape", "batch=1", says=["x (2x3)", "sizes are fixed"])

    def test_options_that_would_do_nothing_are_refused(self):
        file = self.folder / "m.tenon"
        self.good("compile", self.path, "-o", file)
        for command in [["inspect", file, "--stage", "loop"], ["inspect", file, "--target", "x86-64-v3"],
                        ["inspect", file, "--constants"], ["inspect", self.path, "--kernel", 0, "--stage", "import"],
                        ["inspect", self.path, "--kernel", 0, "--stage", "graph"],
                        ["inspect", self.path, "--after", "canonicalize", "--stage", "loop"],
                        ["inspect", self.path, "--after", "canonicalize", "--kernel", 0],
                        ["inspect", self.path, "--stage", "asm"],
                        ["inspect", self.path, "--kernel", 0, "--constants"], ["inspect", self.path, "--kernel", ""],
                        ["run", file, "--fill", "zeros", "--target", "x86-64-v3"],
                        ["run", file, "--fill", "zeros", "--verify", "--jobs", 2],
                        ["bench", file, "--disable-pass", "fold_constants"],
                        ["bench", self.path, "--repeat", 2, "--seconds", 1],
                        ["compare", self.path, "--against", ""],
                        ["conformance", self.folder, "--json", "--quiet"]]:
            self.bad(*command, status=2, says="")
        for twice in [["--fill", "zeros", "--fill", "zeros"], ["--threads", 1, "--threads", 2], ["--save", ""]]:
            self.bad(file, "--fill=zeros", *twice, status=2, says=twice[0], program=TENON_RUN)

    def test_an_environment_variable_of_another_form_is_refused(self):
        for value in ["abc", "-1", "5X", "8GB", "99999999999999999999", "99999999999G"]:
            self.bad("run", self.path, "--fill", "zeros", env={"TENON_CACHE_SIZE": value}, status=2,
                     says=["TENON_CACHE_SIZE", value])
        self.good("run", self.path, "--fill", "zeros", env={"TENON_CACHE_SIZE": "1G"})


class Memory(Case):
    """A run that does not fit is refused before it takes the memory, by the symbol that makes it large."""

    def test_too_large_a_symbol_is_named(self):
        path, file = self.save("m.onnx", mlp()[0]), self.folder / "m.tenon"
        self.good("compile", path, "-o", file)
        limit = 3 << 30
        for batch in [100_000_000, 10**12, 2**47]:
            for command in ["run", "bench", "compare"]:
                self.bad(command, path, "--fill", "random:0", "--shape", f"batch={batch}", memory=limit, timeout=30,
                         says=["needs", "are available", f"the extent 'batch' of {batch}", "[run.memory]"])
            self.bad(file, "--fill", "random:0", "--shape", f"batch={batch}", memory=limit, timeout=30,
                     program=TENON_RUN, says=["are available", "'batch'", "[run.memory]"])
        self.good("run", path, "--fill", "random:0", "--shape", "batch=100000", memory=limit)

    def test_the_symbol_to_blame_is_the_large_one(self):
        path = self.save("t.onnx", attention()[0])
        for large, small in [("seq", "batch"), ("batch", "seq")]:
            self.bad("run", path, "--fill", "zeros", "--shape", f"{large}=100000000", "--shape", f"{small}=2",
                     memory=4 << 30, says=[f"the extent '{large}' of 100000000", "[run.memory]"])

    def test_compare_counts_what_the_interpreter_needs(self):
        path = self.save("m.onnx", mlp()[0])
        more = ["--fill", "random:0", "--shape", "batch=3000000"]
        self.good("run", path, *more, memory=2 << 30)
        self.bad("compare", path, *more, memory=2 << 30, timeout=30, says=["'batch'", "[run.memory]"])

    def test_extents_that_the_data_gives_are_checked_when_known(self):
        nodes = [helper.make_node("Expand", ["x", "z"], ["e"]), helper.make_node("Relu", ["e"], ["y"])]
        path = self.save("expand.onnx", model(nodes, [("x", TensorProto.FLOAT, [1]), ("z", TensorProto.INT64, [1])],
                                              [("y", ["k"])]))
        for extent in [10**10, 10**13, 2**62]:
            self.bad("run", path, "--fill", "zeros", "--input", self.array("z", np.array([extent])),
                     memory=4 << 30, says="[run.memory]")

    def test_an_array_that_does_not_fit_is_refused(self):
        path = self.save("m.onnx", mlp()[0])
        huge = self.folder / "huge.npy"
        with open(huge, "wb") as out:
            np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False,
                                                       "shape": (1 << 27, 12)})
            out.truncate(out.tell() + (12 << 29))
        self.bad("run", path, "--input", f"x={huge}", memory=8 << 30, says=["huge.npy", "[run.memory]"])


class Targets(Case):
    def test_code_for_another_cpu_is_made_and_not_run(self):
        rows = json.loads(self.good("targets", "--json"))
        foreign = [row["name"] for row in rows if not row["runs_here"]]
        if not foreign:
            self.skipTest("this CPU runs every target")
        weight = np.random.default_rng(3).standard_normal((8, 8)).astype("e")
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "half",
                                  [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [4, 8])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [4, 8])],
                                  [numpy_helper.from_array(weight, "w")])
        path = self.save("half.onnx", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
        for target in foreign:
            for command in ["run", "bench", "compare"]:
                for more in [[], ["--no-cache"]]:
                    self.bad(command, path, "--fill", "zeros", "--target", target, *more,
                             says=[target, "[target.cpu]"])
            self.bad("conformance", self.folder, "--target", target, says="[target.cpu]")
            file = self.folder / f"{target}.tenon"
            self.good("compile", path, "-o", file, "--target", target)
            self.good("inspect", file)
            self.assertIn("ret", self.good("inspect", path, "--kernel", 0, "--target", target))
            self.bad("run", file, "--fill", "zeros", says="[artifact.cpu]")
            self.bad(file, "--fill", "zeros", says="[artifact.cpu]", program=TENON_RUN)


class Indices(Case):
    """An index outside its axis is refused with node and value; made-up indices are inside."""

    def indexed(self, kind):
        """A model with the node 'lookup' into extents of 5, 7; the shape of its indices, the extents by component."""
        data = np.random.default_rng(1).standard_normal((5, 7)).astype("f")
        updates = {"ScatterElements": [3, 7], "ScatterND": [3]}
        attributes = {} if kind.endswith("ND") else {"axis": 0}
        shape = {"Gather": [3], "GatherElements": [3, 7], "GatherND": [3, 2], "ScatterElements": [3, 7],
                 "ScatterND": [3, 2]}[kind]
        inputs = [("ids", TensorProto.INT64, shape)]
        names = ["data", "flat"]
        if kind in updates:
            inputs.append(("updates", TensorProto.FLOAT, updates[kind]))
            names.append("updates")
        # The indices pass through nodes that move them first.
        nodes = [helper.make_node("Transpose", ["ids"], ["turned"]),
                 helper.make_node("Transpose", ["turned"], ["flat"]),
                 helper.make_node(kind, names, ["z"], name="lookup", **attributes),
                 helper.make_node("Relu", ["z"], ["y"], name="after")]
        rank = {"Gather": 2, "GatherElements": 2, "GatherND": 1, "ScatterElements": 2, "ScatterND": 2}[kind]
        return model(nodes, inputs, [("y", [None] * rank)], [("data", data)]), shape

    def test_node_and_value_are_named(self):
        for kind in ["Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND"]:
            with self.subTest(kind):
                proto, shape = self.indexed(kind)
                path = self.save(f"{kind}.onnx", proto)
                self.good("run", path, "--fill", "random:1")
                self.good("run", path, "--fill", "random:2", "--threads", 2)
                for value, shown in [(-17, "-17"), (23, "23"), (2**60, "2147483647 (or one farther from 0)")]:
                    ids = np.zeros(shape, "i8")
                    ids.flat[-1] = value
                    extent = 7 if kind.endswith("ND") else 5
                    self.bad("run", path, "--fill", "random:1", "--input", self.array("ids", ids),
                             says=["node 'lookup'", f"index {shown}", f"extent {extent}", "[run.index]"])

    def test_a_long_vector_of_indices_names_the_bad_one(self):
        nodes = [helper.make_node("Gather", ["data", "ids"], ["y"], name="lookup")]
        path = self.save("long.onnx", model(nodes, [("ids", TensorProto.INT32, ["n"])], [("y", ["n"])],
                                            [("data", np.arange(50, dtype="f"))]))
        self.good("run", path, "--fill", "random:1", "--shape", "n=10000")
        for at in [0, 1, 7, 8, 100, 4095, 9999]:
            ids = np.arange(10000, dtype="i4") % 50
            ids[at] = 57
            for threads in [1, 2]:
                self.bad("run", path, "--input", self.array("ids", ids), "--threads", threads,
                         says="node 'lookup': index 57 is not from -50 to 49, an index of an axis of extent 50")


class BadArtifact(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "m.tenon"
        self.good("compile", self.save("m.onnx", mlp()[0]), "-o", self.file)
        self.data = self.file.read_bytes()

    def refuse(self, data, says="m.tenon"):
        self.file.write_bytes(data)
        self.bad("run", self.file, "--fill", "zeros", says=says)
        self.bad(self.file, "--fill", "zeros", says=says, program=TENON_RUN)

    def test_another_version_is_refused(self):
        head = bytearray(self.data)
        at = len(b"TENON") if head[:5] == b"TENON" else 8
        version = next(i for i in range(at, 32) if struct.unpack_from("<I", head, i)[0] in range(1, 100))
        struct.pack_into("<I", head, version, 99)
        self.refuse(bytes(head), says="version")

    def test_a_flipped_bit_anywhere_is_refused(self):
        size = len(self.data)
        for k in range(24):
            at = 8 + (size - 9) * k // 23
            damaged = bytearray(self.data)
            damaged[at] ^= 1 << (k % 8)
            self.refuse(bytes(damaged))

    def test_a_truncated_or_foreign_file_is_refused(self):
        for size in [0, 3, 16, 100, len(self.data) // 2, len(self.data) - 1]:
            self.refuse(self.data[:size])
        self.refuse(b"just text" * 100)
        self.refuse(self.data + b"more")

    def test_compiled_file_is_refused_where_source_is_needed(self):
        self.bad("compare", self.file, says="[model.compiled]")


class Output(Case):
    def test_every_help_has_an_example(self):
        for command in COMMANDS:
            text = self.good(command, "--help")
            self.assertRegex(text, rf"examples?:\n\s+tenon {command}", command)
        self.assertIn("example", self.good("--help"))
        self.assertIn("example", self.good("--help", program=TENON_RUN))

    def test_json_has_its_keys(self):
        path = self.save("m.onnx", mlp()[0])
        bench = json.loads(self.good("bench", path, "--json", "--seconds", 0.05, "--threads", 1, "--shape", "batch=2"))
        for key, inner in {"model": [], "target": [], "threads": [], "precision": [], "flops": [], "sol_s": [],
                           "setup_s": ["compile", "load", "cached"], "kernels": [],
                           "latency_s": ["min", "median", "p90", "p99", "count"],
                           "memory_bytes": ["weights", "arena", "peak_rss"], "fallbacks": []}.items():
            self.assertIn(key, bench)
            for name in inner:
                self.assertIn(name, bench[key])
        self.assertEqual(bench["fallbacks"], 0)
        for kernel in bench["kernels"]:
            self.assertLessEqual({"name", "operator", "shape", "time_s", "flops", "bytes", "sol_s"}, kernel.keys())
        compare = json.loads(self.good("compare", path, "--json"))
        self.assertEqual(compare["outputs"][0]["output"], "y")
        self.assertLess(compare["outputs"][0]["relative_error"], 1e-4)
        self.assertTrue(json.loads(self.good("check", path, "--json"))["supported"])
        targets = {row["name"] for row in json.loads(self.good("targets", "--json"))}
        self.assertLessEqual({"x86-64-v3", "x86-64-v4", "sapphirerapids", "znver5"}, targets)
        run = json.loads(self.good("run", path, "--json", "--fill", "random:1"))
        self.assertEqual(run["outputs"][0]["name"], "y")

    def test_bench_chooses_units_for_small_work(self):
        text = self.good("bench", self.save("m.onnx", mlp()[0]), "--repeat", 3, "--threads", 1)
        self.assertRegex(text, r"work: [1-9][0-9.]* [kM]?FLOP, [1-9][0-9.]* [kMG]FLOP/s")

    def test_bench_prints_what_it_measured_when_interrupted(self):
        path = self.save("m.onnx", mlp()[0])
        self.good("bench", path, "--repeat", 1)
        for more in [[], ["--json"]]:
            process = subprocess.Popen([TENON, "bench", str(path), "--seconds", "600", "--threads", "1", *more],
                                       env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            self.assertEqual((process.returncode, err), (130, ""))
            if more:
                report = json.loads(out)
                self.assertTrue(report["interrupted"])
                self.assertGreater(report["latency_s"]["count"], 0)
            else:
                self.assertRegex(out, r"over [1-9]\d* runs")

    def test_conformance_counts_cases(self):
        proto, reference = mlp()
        case = self.folder / "cases/test_mlp"
        (case / "test_data_set_0").mkdir(parents=True)
        (case / "model.onnx").write_bytes(proto.SerializeToString())
        x = np.random.default_rng(1).standard_normal((3, 12)).astype("f")
        for name, value in [("input_0", x), ("output_0", reference(x).astype("f"))]:
            (case / f"test_data_set_0/{name}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
        text = self.good("conformance", self.folder / "cases")
        self.assertRegex(text.splitlines()[-1], r"^1 of 1 passed = 100(\.0+)? %$")
        report = json.loads(self.good("conformance", "--json", self.folder / "cases"))
        self.assertEqual((report["passed"], report["total"]), (1, 1))
        wrong = numpy_helper.from_array(np.zeros((3, 5), "f")).SerializeToString()
        (case / "test_data_set_0/output_0.pb").write_bytes(wrong)
        self.assertRegex(self.good("conformance", self.folder / "cases"), r"FAIL .*element 0(.|\n)*0 of 1 passed")

    def test_inspect_shows_every_stage_and_opt_reads_it_back(self):
        path = self.save("m.onnx", mlp()[0])
        text = self.good("inspect", path, "--stage", "import", "--constants")
        tir = self.folder / "m.tir"
        tir.write_text(text)
        self.assertEqual(self.good("opt", "--constants", tir), text)
        after = self.good("inspect", path, "--after", "canonicalize")
        self.assertIn("dot", after)
        self.assertIn("canonicalize", self.good("opt", "--list"))
        self.assertIn("exp", self.good("opt", "--pass", "decompose,canonicalize", tir))
        self.assertIn("dot", self.good("inspect", path, "--stage", "loop"))
        for stage, word in [("loop", "trace \""), ("schedule", "; inline("), ("target", "in parallel("),
                            ("llvm", "define"), ("asm", "ret")]:
            self.assertIn(word, self.good("inspect", path, "--kernel", 0, "--stage", stage))
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.assertIn("input  x: f32[batch, 12]", self.good("inspect", self.folder / "m.tenon"))
        self.assertIn("worst relative error", self.good("compare", tir))


SCALE = """\
kernel @scale[n](x: in f32[n, 8], y: out f32[n, 8]) {
  trace "io, ii = split(i, 4, tail = predicate)"
  trace "parallel(io)"
  for i in serial(n) {
    for j in serial(8) {
      block b(vi: s = i, vj: s = j) {
        y[vi, vj] = x[vi, vj] * f32(3)
      }
    }
  }
}
"""


class Kernels(Case):
    """Kernels as text: what is printed reads back, and a trace is what runs."""

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_every_printed_stage_reads_back_and_runs(self):
        path = self.save("m.onnx", mlp()[0])
        listed = self.good("inspect", path, "--stage", "loop").splitlines()[1:]
        self.assertGreater(len(listed), 1)
        for kernel in range(len(listed)):
            for stage in ["loop", "schedule", "target"]:
                text = self.good("inspect", path, "--kernel", kernel, "--stage", stage)
                tir = self.write(f"k{kernel}_{stage}.tir", text)
                self.good("opt", tir)
                self.good("inspect", tir, "--kernel", 0, "--stage", "asm")
                self.assertIn("supported", self.good("check", tir))
                self.assertIn("worst relative error", self.good("compare", tir))
            loop, scheduled = (self.folder / f"k{kernel}_{s}.tir" for s in ("loop", "schedule"))
            # The trace of the definition, replayed, is the scheduled program, and so is its text.
            self.assertEqual(self.good("opt", loop), scheduled.read_text().split("\n", 1)[1])
            self.assertEqual(self.good("inspect", loop, "--kernel", 0, "--stage", "target").splitlines()[1:],
                             (self.folder / f"k{kernel}_target.tir").read_text().splitlines()[1:])

    def test_a_trace_in_a_file_is_the_schedule(self):
        tir = self.write("scale.tir", SCALE)
        self.assertIn("for io in parallel(", self.good("opt", tir))
        target = self.good("inspect", tir, "--kernel", "scale", "--stage", "target")
        self.assertIn("its own schedule", target)
        self.assertIn("for io in parallel((n + 3) // 4)", target)
        other = self.write("other.tir", SCALE.replace("parallel(io)", "vectorize(j)"))
        target = self.good("inspect", other, "--kernel", 0, "--stage", "target")
        self.assertNotIn("parallel", target)
        self.assertIn("vector(8)", target)
        for file in [tir, other]:
            x = np.arange(5 * 8, dtype="f").reshape(5, 8)
            self.good("run", file, "--input", self.array("x", x), "--save", self.folder / "out")
            np.testing.assert_array_equal(np.load(self.folder / "out/y.npy"), x * 3)
            self.assertIn("worst relative error", self.good("compare", file, "--shape", "n=9"))
        self.good("bench", tir, "--shape", "n=64", "--seconds", "0.01")

    def test_a_trace_that_does_not_replay_is_refused_with_its_line(self):
        nonsense = self.write("n.tir", SCALE.replace("parallel(io)", "explode(everything)"))
        wrong = self.write("w.tir", SCALE.replace("parallel(io)", "parallel(nowhere)"))
        for command in ["opt", "inspect", "check", "run", "compare", "bench"]:
            self.bad(command, nonsense, says=["n.tir:3:9", "explode", "[schedule.trace]"])
            self.bad(command, wrong, says=["w.tir:3:9", "nowhere", "[schedule.parallel]"])

    def test_a_schedule_file_schedules_a_kernel(self):
        tir = self.write("scale.tir", SCALE)
        lines = self.write("s.txt", "; mine\n\np, q = split(i, 2, tail = peel)  ; rows\nparallel(p)\n")
        text = self.good("opt", "--schedule", lines, tir)
        self.assertIn("for p in parallel(n // 2)", text)
        self.assertNotIn("io", text)
        self.assertIn("for p in parallel(", self.good("opt", self.write("again.tir", text)))
        self.write("s.txt", "p, q = split(i, 2)\n\nparallel(nowhere)\n")
        self.bad("opt", "--schedule", lines, tir, says=["s.txt:3:", "[schedule.parallel]"])
        self.bad("opt", "--schedule", self.folder / "none.txt", tir, says="none.txt")
        onnx_file = self.save("m.onnx", mlp()[0])
        self.bad("opt", "--schedule", lines, onnx_file, status=2, says="one kernel")
        self.bad("opt", "--pass", "decompose", tir, status=2, says="one kernel")
        self.assertIn("split(loop, integer, tail = predicate)", self.good("opt", "--list"))

    def test_kernels_that_are_no_program_are_refused(self):
        two = SCALE + SCALE.replace("@scale", "@other")
        self.bad("run", self.write("two.tir", two), says=["two.tir", "2 kernels", "[tir.no_model]"])
        self.bad("run", self.write("none.tir", "; nothing\n"), says="[tir.no_model]")
        unsound = SCALE.replace("x[vi, vj] * f32(3)", "x[vi] * f32(3)")
        self.bad("check", self.write("u.tir", unsound), says="")
        self.bad("check", self.write("v.tir", SCALE.replace("y: out", "y: in")), says="")
        free = SCALE.replace("x: in f32[n, 8]", "x: const f32[n, 8]")
        self.bad("run", self.write("c.tir", free), says=["c.tir", "'x'", "[tir.constant]"])
        fixed = self.write("f.tir", SCALE.replace("[n]", "[]").replace("n, 8", "6, 8").replace("(n)", "(6)")
                           .replace("x: in", "x: const"))
        self.assertEqual(self.good("run", fixed), self.good("run", fixed))
        self.assertIn("worst relative error", self.good("compare", fixed))


class Numbers(Case):
    def test_run_agrees_with_numpy_at_many_batches(self):
        proto, reference = mlp()
        path = self.save("m.onnx", proto)
        for batch in [1, 3, 17]:
            x = np.random.default_rng(batch).standard_normal((batch, 12)).astype("f")
            np.testing.assert_allclose(self.run_model(path, "x", x), reference(x), rtol=1e-4, atol=1e-5)

    def test_one_artifact_serves_all_lengths(self):
        proto, reference = attention()
        file = self.folder / "m.tenon"
        self.good("compile", self.save("m.onnx", proto), "-o", file)
        for batch, seq in [(1, 1), (1, 128), (3, 7), (2, 31), (1, 129), (3, 63)]:
            tokens = np.random.default_rng(seq).integers(0, 50, (batch, seq))
            for program in [TENON, TENON_RUN]:
                y = self.run_model(file, "tokens", tokens, program=program)
                np.testing.assert_allclose(y, reference(tokens), rtol=1e-4, atol=1e-4)

    def test_compiled_file_gives_the_bits_of_run(self):
        path = self.save("m.onnx", mlp()[0])
        x = np.random.default_rng(5).standard_normal((9, 12)).astype("f")
        direct = self.run_model(path, "x", x)
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.assertEqual(self.run_model(self.folder / "m.tenon", "x", x, program=TENON_RUN).tobytes(), direct.tobytes())

    def test_thread_count_does_not_change_a_bit(self):
        path = self.save("m.onnx", attention()[0])
        tokens = np.random.default_rng(2).integers(0, 50, (3, 201))
        one = self.run_model(path, "tokens", tokens, "--threads", 1)
        two = self.run_model(path, "tokens", tokens, "--threads", 2)
        self.assertEqual(one.tobytes(), two.tobytes())

    def test_compare_against_saved_outputs(self):
        path = self.save("m.onnx", mlp()[0])
        out = self.folder / "out"
        self.good("run", path, "--fill", "random:0", "--save", out)
        self.assertIn("worst relative error 0 at y", self.good("compare", path, "--against", out, "--fill", "random:0"))
        np.save(out / "y.npy", np.load(out / "y.npy") + 0.5)
        self.assertEqual(self.call("compare", path, "--against", out, "--fill", "random:0").returncode, 1)

    def test_compile_time_grows_linearly_with_a_chain(self):
        paths = {n: self.save(f"c{n}.onnx", chain(n)) for n in [1000, 10000]}

        def user_time(n):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            self.good("compile", paths[n], "-o", self.folder / "c.tenon", "--no-cache")
            return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

        for _ in range(3):  # a busy machine may disturb one measurement
            small, large = user_time(1000), user_time(10000)
            if large <= 12 * small:
                return
        self.fail(f"1,000 nodes take {small:.2f} s, 10,000 take {large:.2f} s")


class CacheFolder(Case):
    def setUp(self):
        super().setUp()
        self.path = self.save("m.onnx", mlp()[0])

    def cached(self, *more, env=None):
        text = self.good("bench", self.path, "--json", "--repeat", 2, "--threads", 1, *more, env=env)
        return json.loads(text)["setup_s"]["cached"]

    def entries(self):
        return sorted(self.cache.glob("*.tenon"))

    def test_second_run_is_cached(self):
        self.assertFalse(self.cached())
        self.assertTrue(self.cached())
        self.assertFalse(self.cached("--no-cache"))
        self.assertFalse(self.cached("--target", "x86-64-v3"))
        self.assertTrue(self.cached("--target", "x86-64-v3"))

    def test_no_cache_stores_nothing(self):
        self.cached("--no-cache")
        self.assertEqual(self.entries(), [])

    def test_a_changed_model_is_compiled_anew(self):
        self.cached()
        proto = mlp()[0]
        proto.graph.node[2].op_type = "Sigmoid"
        self.save("m.onnx", proto)
        self.assertFalse(self.cached())

    def test_a_damaged_entry_is_rebuilt(self):
        x = np.random.default_rng(5).standard_normal((9, 12)).astype("f")
        right = self.run_model(self.path, "x", x)
        for damage in [lambda d: d[:len(d) // 2], lambda d: b"", lambda d: b"x" * len(d)]:
            for entry in self.entries():
                entry.write_bytes(damage(entry.read_bytes()))
            self.assertEqual(self.run_model(self.path, "x", x).tobytes(), right.tobytes())
            self.assertTrue(self.cached())

    def test_a_cache_that_cannot_be_written_does_not_stop_a_run(self):
        (self.folder / "file").write_text("")
        self.assertFalse(self.cached(env={"TENON_CACHE_DIR": str(self.folder / "file/cache")}))

    def test_concurrent_processes_share_it(self):
        command = [TENON, "run", str(self.path), "--fill", "random:3"]
        running = [subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for _ in range(4)]
        results = [p.communicate() for p in running]
        self.assertEqual([p.returncode for p in running], [0] * 4, results)
        self.assertEqual(len({out for out, _ in results}), 1)
        self.assertEqual(self.temporary_files(), [])

    def test_size_is_bounded(self):
        self.cached()
        size = self.entries()[0].stat().st_size
        env = {"TENON_CACHE_SIZE": str(size * 5 // 2)}
        for disabled in ["sink_transposes", "fold_constants", "simplify_algebra"]:
            self.cached("--disable-pass", disabled, env=env)
            time.sleep(0.02)
        self.assertLessEqual(sum(e.stat().st_size for e in self.entries()), size * 5 // 2)
        self.assertGreaterEqual(len(self.entries()), 1)


class Interrupt(Case):
    def test_no_partial_file_is_left(self):
        path = self.save("m.onnx", chain(3000))
        out = self.folder / "out.tenon"
        start = time.monotonic()
        self.good("compile", path, "-o", out)
        whole = time.monotonic() - start
        size = out.stat().st_size
        for k in range(10):
            out.unlink(missing_ok=True)
            process = subprocess.Popen([TENON, "compile", str(path), "-o", str(out), "--no-cache"],
                                       env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(whole * (k + 1) / 10.5)
            process.send_signal(signal.SIGINT if k % 2 else signal.SIGTERM)
            process.wait(30)
            self.assertEqual(self.temporary_files(), [])
            if out.exists():
                self.assertEqual(out.stat().st_size, size)

    def test_the_cache_holds_whole_entries_only(self):
        path = self.save("m.onnx", chain(1000))
        for k in range(6):
            process = subprocess.Popen([TENON, "run", str(path), "--fill", "zeros"],
                                       env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05 * (k + 1))
            process.send_signal(signal.SIGINT)
            process.wait(30)
        self.assertEqual(self.temporary_files(), [])
        self.good("run", path, "--fill", "zeros")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
