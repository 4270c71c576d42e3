"""What the tests of the package share: small models and the numpy functions that they compute."""
import pathlib
import tempfile
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def model(nodes, inputs, outputs, weights=(), opset=17):
    graph = helper.make_graph(nodes, "test", [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
                              [helper.make_tensor_value_info(n, t, s) for n, t, s in outputs],
                              [numpy_helper.from_array(v, n) for n, v in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def add(dtype=TensorProto.FLOAT, shape=("n", 3)):
    """y = a + b"""
    return model([helper.make_node("Add", ["a", "b"], ["y"])], [("a", dtype, shape), ("b", dtype, shape)],
                 [("y", dtype, shape)])


def two_outputs():
    """double = 2x, total: the sum of its rows"""
    return model([helper.make_node("Add", ["x", "x"], ["double"]),
                  helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=0)],
                 [("x", TensorProto.FLOAT, ["n", 4])],
                 [("double", TensorProto.FLOAT, ["n", 4]), ("total", TensorProto.FLOAT, ["n"])],
                 [("axes", np.array([1], "q"))])


def nonzero():
    """at: the indices of what is not 0, whose number the elements decide; twice: 2x"""
    return model([helper.make_node("NonZero", ["x"], ["at"]), helper.make_node("Add", ["x", "x"], ["twice"])],
                 [("x", TensorProto.FLOAT, ["n"])],
                 [("at", TensorProto.INT64, [1, "count"]), ("twice", TensorProto.FLOAT, ["n"])])


def scaled():
    """y = x * scale, where scale is an input with default 2"""
    return model([helper.make_node("Mul", ["x", "scale"], ["y"])],
                 [("x", TensorProto.FLOAT, ["n"]), ("scale", TensorProto.FLOAT, [1])],
                 [("y", TensorProto.FLOAT, ["n"])], [("scale", np.array([2], "f"))])


def slow(layers=40, width=256, rows="n"):
    """Matrix products one after the other: enough work to look around during a compilation and a run."""
    r = np.random.default_rng(1)
    weights = [(f"w{i}", (r.standard_normal((width, width)) / width).astype("f")) for i in range(layers)]
    nodes = [helper.make_node("MatMul", ["x" if i == 0 else f"t{i}", f"w{i}"], ["y" if i == layers - 1 else f"t{i + 1}"])
             for i in range(layers)]
    return model(nodes, [("x", TensorProto.FLOAT, [rows, width])], [("y", TensorProto.FLOAT, [rows, width])], weights)


COUNTER = """model @count[](x: f32[2], sum: state f32[2] double = constant [0, 0] : f32[2]) -> (y, sum) {
  s = add(x, sum) : f32[2]
  return s, s
}
"""

ROLES = """model @roles[n](x: f32[n], w: const f32[n], p: inout f32[n]) -> (y, p) {
  a = mul(x, w) : f32[n]
  q = add(p, a) : f32[n]
  return a, q
}
"""


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
