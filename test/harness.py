"""What the tests in Python share: the programs, small models, and a test case that calls the programs with a
folder and a cache of its own. TENON_BIN names the folder of tenon and tenon-run.
"""
import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

BIN = pathlib.Path(os.environ.get("TENON_BIN", pathlib.Path(__file__).resolve().parent.parent / "build/bin"))
TENON, TENON_RUN = BIN / "tenon", BIN / "tenon-run"


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
