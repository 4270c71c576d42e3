#!/usr/bin/env python3
"""Operators of the caller's own, from Python."""
import unittest

import numpy as np
from onnx import TensorProto, helper

import tenon

GATE = """model @gate[n, m](x: f32[n, m], w: f32[m]) -> (y) {
  t0 = broadcast(w) {dims = [1]} : f32[n, m]
  t1 = mul(x, t0) : f32[n, m]
  t2 = broadcast(f32({alpha})) {dims = []} : f32[n, m]
  t3 = mul(t1, t2) : f32[n, m]
  return t3
}
"""


def gates():
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    node = helper.make_node("Gate", ["x", "w"], ["y"], domain="com.mine", alpha=0.25)
    graph = helper.make_graph([node], "gates", [value("x", "batch", 4), value("w", 4)], [value("y", "batch", 4)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.mine", 1)])


class OperatorsTest(unittest.TestCase):
    def test_a_text_defines_an_operator(self):
        x, w = np.arange(12, dtype="f").reshape(3, 4), np.array([1, -2, 3, 0.5], "f")
        model = tenon.compile(gates(), operators={"com.mine.Gate": GATE})
        np.testing.assert_array_equal(model(x, w), x * w * 0.25)

    def test_a_known_operator_is_replaced(self):
        value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value("x")], [value("y")])
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        text = "model @neg[n](x: f32[n]) -> (y) {\n  t0 = neg(x) : f32[n]\n  return t0\n}\n"
        x = np.array([-1, 0, 2], "f")
        np.testing.assert_array_equal(tenon.compile(proto, operators={"Relu": text})(x), -x)
        np.testing.assert_array_equal(tenon.compile(proto)(x), np.maximum(x, 0))

    def test_what_does_not_fit_is_refused(self):
        for operators, code in [(None, "onnx.unknown_operator"), ({"Gate": GATE}, "onnx.unknown_operator"),
                                ({"com.mine.Gate": "model"}, "onnx.custom_operator"),
                                ({"com.mine.Gate": GATE.replace("alpha", "beta")}, "onnx.custom_operator")]:
            with self.assertRaises(tenon.Error) as caught:
                tenon.compile(gates(), operators=operators)
            self.assertEqual(caught.exception.code, code)
            if code == "onnx.custom_operator":
                self.assertIn("correct the text", str(caught.exception))
        with self.assertRaises(TypeError):
            tenon.compile(gates(), operators=["com.mine.Gate"])


if __name__ == "__main__":
    unittest.main()
