#!/usr/bin/env python3
"""Whole models in half precision: answers near the interpreter's, and each product on a tile of registers, by an
instruction of the type or by widening where operands are packed.
"""
import json
import unittest

import numpy as np
from ml_dtypes import bfloat16
from onnx import TensorProto, helper, numpy_helper

from harness import Case

# Name, the standard's type, numpy's, and what a result rounded at each step may be off by, relative to the largest.
TYPES = [("f16", TensorProto.FLOAT16, np.float16, 4e-3), ("bf16", TensorProto.BFLOAT16, bfloat16, 4e-2)]


class Writer:
    """Nodes and weights of one element type."""

    def __init__(self, dtype):
        self.dtype, self.random = dtype, np.random.default_rng(5)
        self.nodes, self.weights = [], []

    def weight(self, *shape, scale=None, value=None):
        name = f"w{len(self.weights)}"
        scale = scale or (2 / np.prod(shape[1:] if len(shape) == 4 else shape[:1])) ** 0.5
        data = self.random.standard_normal(shape) * scale if value is None else np.full(shape, value)
        self.weights.append(numpy_helper.from_array(data.astype(self.dtype), name))
        return name

    def __call__(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def model(self, onnx_type, shape, result, dims):
        self.nodes.append(helper.make_node("Identity", [result], ["y"]))
        graph = helper.make_graph(self.nodes, "half", [helper.make_tensor_value_info("x", onnx_type, shape)],
                                  [helper.make_tensor_value_info("y", onnx_type, dims)], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def network(onnx_type, dtype):
    """Convolutions: 3x3 of stride 2, depthwise, 1x1 with a residual, pooling, a classifier."""
    g = Writer(dtype)
    a = g("Relu", g("Conv", "x", g.weight(24, 3, 3, 3), g.weight(24, scale=0.1), strides=[2, 2], pads=[1, 1, 1, 1]))
    b = g("Relu", g("Conv", a, g.weight(24, 1, 3, 3), group=24, pads=[1, 1, 1, 1]))
    c = g("Add", g("Conv", b, g.weight(24, 24, 1, 1)), a)
    d = g("Relu", g("Conv", c, g.weight(40, 24, 3, 3), pads=[1, 1, 1, 1]))
    e = g("Flatten", g("GlobalAveragePool", d))
    return g.model(onnx_type, ["n", 3, 33, 29], g("Gemm", e, g.weight(40, 19), g.weight(19, scale=0.1)), ["n", 19])


def transformer(onnx_type, dtype, width=48, heads=3):
    """A block as encoders have it: attention over all positions, then a perceptron, each normalized and added."""
    g = Writer(dtype)

    def normalized(x):
        return g("LayerNormalization", x, g.weight(width, value=1), g.weight(width, value=0), axis=-1)

    def split(x, perm):
        shape = f"s{len(g.weights)}"
        g.weights.append(numpy_helper.from_array(np.array([0, 0, heads, width // heads]), shape))
        return g("Transpose", g("Reshape", g("MatMul", x, g.weight(width, width)), shape), perm=perm)

    h = normalized("x")
    q, k, v = split(h, [0, 2, 1, 3]), split(h, [0, 2, 3, 1]), split(h, [0, 2, 1, 3])
    scores = g("Softmax", g("Mul", g("MatMul", q, k), g.weight(value=(width // heads) ** -0.5)), axis=-1)
    g.weights.append(numpy_helper.from_array(np.array([0, 0, width]), "merged"))
    merged = g("Reshape", g("Transpose", g("MatMul", scores, v), perm=[0, 2, 1, 3]), "merged")
    x = g("Add", "x", g("MatMul", merged, g.weight(width, width)))
    up = g("Gelu", g("Add", g("MatMul", normalized(x), g.weight(width, 4 * width)), g.weight(4 * width, scale=0.1)))
    return g.model(onnx_type, ["batch", "seq", width], g("Add", x, g("MatMul", up, g.weight(4 * width, width))),
                   ["batch", "seq", width])


class Halves(Case):
    def check(self, make, count, *shape):
        """`count` kernels are products; a depthwise convolution (schedule `window`) is none."""
        for name, onnx_type, dtype, tolerance in TYPES:
            with self.subTest(type=name):
                path = self.save(f"{name}.onnx", make(onnx_type, dtype))
                sizes = [word for s in shape for word in ("--shape", s)]
                self.good("compare", path, *sizes, "--fill", "random:3", "--tolerance", tolerance)
                bench = json.loads(self.good("bench", path, *sizes, "--repeat", 1, "--threads", 1, "--json"))
                products = [k for k in bench["kernels"] if k["operator"] in ("dot", "conv") and k["schedule"] != "window"]
                self.assertEqual(len(products), count)
                for kernel in products:
                    self.assertRegex(" ".join(kernel["instructions"]), r"(fma|dot2|amx)_tile", kernel)
                    self.assertGreater(bench["peaks"]["instruction_gops"][kernel["instructions"][0]], 1)

    def test_convolutions(self):
        self.check(network, 4, "n=2")

    def test_transformer(self):
        self.check(transformer, 6, "batch=2", "seq=37")


if __name__ == "__main__":
    unittest.main()
