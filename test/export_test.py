#!/usr/bin/env python3
"""`--emit-onnx`: the optimized graph is a valid ONNX model that computes what the model does."""
import json
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from harness import Case, attention, mlp, model
from profile_test import ATTACK, decides_at_run_time, hostile


def convolutions():
    """Convolution, batch norm, pooling of both kinds, padding; symbolic batch and size."""
    r = np.random.default_rng(5)
    w, b = r.standard_normal((6, 3, 3, 3)).astype("f"), r.standard_normal(6).astype("f")
    scale, mean = r.standard_normal(6).astype("f"), r.standard_normal(6).astype("f")
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
             helper.make_node("BatchNormalization", ["a", "scale", "b", "mean", "var"], ["c"]), helper.make_node("Relu", ["c"], ["d"]),
             helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
             helper.make_node("AveragePool", ["e"], ["f"], kernel_shape=[2, 2], strides=[2, 2]),
             helper.make_node("GlobalAveragePool", ["f"], ["y"])]
    return model(nodes, [("x", TensorProto.FLOAT, ["batch", 3, "h", "w_"])], [("y", ["batch", 6, 1, 1])],
                 [("w", w), ("b", b), ("scale", scale), ("mean", mean), ("var", np.abs(scale) + 1)])


def movements():
    """Slices backwards, tiles, gathers, scatters, sorts, counts of non-zeros, integer arithmetic."""
    weights = [("i", np.array([2, 0, -1], np.int64)), ("s", np.array([5], np.int64)), ("e", np.array([-9], np.int64)),
               ("a", np.array([1], np.int64)), ("m", np.array([-2], np.int64)), ("k", np.array([3], np.int64)),
               ("rep", np.array([2, 1], np.int64)), ("u", np.ones((3, 8), "f")), ("at", np.array([[0], [1], [3]], np.int64))]
    nodes = [helper.make_node("Slice", ["x", "s", "e", "a", "m"], ["back"]), helper.make_node("Gather", ["x", "i"], ["rows"], axis=1),
             helper.make_node("TopK", ["x", "k"], ["top", "order"]), helper.make_node("Cast", ["order"], ["of"], to=1),
             helper.make_node("Concat", ["back", "rows", "top", "of"], ["all"], axis=1), helper.make_node("Tile", ["all", "rep"], ["tiled"]),
             helper.make_node("CumSum", ["tiled", "a"], ["sums"]), helper.make_node("ScatterND", ["x", "at", "u"], ["hit"]),
             helper.make_node("NonZero", ["x"], ["places"]), helper.make_node("Cast", ["places"], ["p"], to=1),
             helper.make_node("ReduceSum", ["p"], ["count"], keepdims=0), helper.make_node("ReduceMax", ["hit"], ["most"], keepdims=0),
             helper.make_node("Add", ["count", "most"], ["both"]), helper.make_node("Add", ["sums", "both"], ["y"])]
    return model(nodes, [("x", TensorProto.FLOAT, ["n", 8])], [("y", ["m", 12])], weights)


def backwards():
    """A recurrence from the last step to the first, of any number of steps."""
    r = np.random.default_rng(9)
    weights = [("w", r.standard_normal((1, 3, 4)).astype("f")), ("r", r.standard_normal((1, 3, 3)).astype("f"))]
    nodes = [helper.make_node("RNN", ["x", "w", "r"], ["y", ""], hidden_size=3, direction="reverse")]
    return model(nodes, [("x", TensorProto.FLOAT, ["seq", "batch", 4])], [("y", ["seq", 1, "batch", 3])], weights)


def branches():
    """A branch on an extent, whose arms use values of the graph around them."""
    arms = []
    for name, op in [("then", "Tanh"), ("else", "Neg")]:
        arms.append(helper.make_graph([helper.make_node(op, ["a"], [name + "_y"])], name, [],
                                      [helper.make_tensor_value_info(name + "_y", TensorProto.FLOAT, None)]))
    nodes = [helper.make_node("Exp", ["x"], ["a"]), helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
             helper.make_node("Greater", ["sum", "zero"], ["c"]), helper.make_node("If", ["c"], ["y"], then_branch=arms[0], else_branch=arms[1])]
    return model(nodes, [("x", TensorProto.FLOAT, ["n", 3])], [("y", ["n", 3])], [("zero", np.array(0, "f"))])


class Export(Case):
    def exported(self, path, *more):
        out = self.folder / "out.onnx"
        self.good("inspect", path, "--emit-onnx", out, *more)
        m = onnx.load(out)
        onnx.checker.check_model(m, full_check=True)
        onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
        return m

    def agrees(self, proto, feeds, *more, reference=True):
        """The exported model gives what Tenon does, in the standard's evaluator or in ONNX Runtime."""
        path = self.save("m.onnx", proto)
        m = self.exported(path, *more)
        arrays = [part for name, value in feeds.items() for part in ("--input", self.array(name, value))]
        self.good("run", path, *arrays, "--save", self.folder / "out")
        expected = np.load(self.folder / "out" / "y.npy")
        names = [o.name for o in m.graph.output]
        got = (ReferenceEvaluator(m).run(names, feeds) if reference else
               onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(names, feeds))
        np.testing.assert_allclose(got[names.index("y")], expected, rtol=1e-5, atol=1e-5)
        return m

    def test_computes_the_same(self):
        r = np.random.default_rng(6)
        self.agrees(mlp()[0], {"x": r.standard_normal((3, 12)).astype("f")})
        self.agrees(attention()[0], {"tokens": r.integers(0, 50, (2, 5))})
        self.agrees(convolutions(), {"x": r.standard_normal((2, 3, 13, 10)).astype("f")})
        self.agrees(movements(), {"x": r.standard_normal((4, 8)).astype("f")})
        self.agrees(backwards(), {"x": r.standard_normal((5, 2, 4)).astype("f")}, reference=False)
        for sign in [1, -1]:
            self.agrees(branches(), {"x": sign * np.abs(r.standard_normal((4, 3))).astype("f")})
        # The standard's own evaluator joins what a loop stacks along another axis, so another one runs it.
        self.agrees(decides_at_run_time(), {"x": r.standard_normal(4).astype("f")}, reference=False)

    def test_any_pass(self):
        x = np.random.default_rng(7).standard_normal((2, 3, 9, 8)).astype("f")
        for name in ["decompose", "simplify_algebra", "dead_code"]:
            m = self.agrees(convolutions(), {"x": x}, "--after", name)
            self.assertEqual([n.op_type for n in m.graph.node if n.domain == "tenon.kernel"], [])

    def test_kernels_are_functions_and_edges_have_types(self):
        m = self.exported(self.save("m.onnx", attention()[0]))
        functions = {f.name for f in m.functions if f.domain == "tenon.kernel"}
        kernels = [n for n in m.graph.node if n.domain == "tenon.kernel"]
        self.assertTrue(kernels and {n.op_type for n in kernels} == functions)
        named = {v.name for v in [*m.graph.input, *m.graph.output, *m.graph.value_info]}
        self.assertEqual([o for n in m.graph.node for o in n.output if o not in named], [])
        dims = {d.dim_param for v in m.graph.value_info for d in v.type.tensor_type.shape.dim}
        self.assertTrue({"batch", "seq"} <= dims)
        self.assertEqual({n.metadata_props[0].key for n in kernels}, {"kernel"})

    def test_profile_adds_times(self):
        out = self.folder / "timed.onnx"
        path = self.save("m.onnx", mlp()[0])
        report = json.loads(self.good("profile", path, "--json", "--repeat", 2, "--emit-onnx", out))
        m = onnx.load(out)
        onnx.checker.check_model(m, full_check=True)
        times = [float(p.value) for n in m.graph.node for p in n.metadata_props if p.key == "time_us"]
        self.assertAlmostEqual(sum(times), report["kernel_time_s"] * 1e6, 3)

    def test_what_onnx_lacks_is_a_node_of_an_own_domain(self):
        nodes = [helper.make_node("BitShift", ["x", "s"], ["y"], direction="LEFT"), helper.make_node("Unique", ["x"], ["z"])]
        proto = model(nodes, [("x", TensorProto.UINT8, [5])], [], [("s", np.array([1], np.uint8))])
        proto.graph.output.append(helper.make_tensor_value_info("y", TensorProto.UINT8, [5]))
        proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.UINT8, ["k"]))
        m = self.exported(self.save("m.onnx", proto))
        own = {n.op_type for f in [*m.functions, m.graph] for n in f.node if n.domain == "tenon"}
        self.assertEqual(own, {"unique"})

    def test_names_stay(self):
        m = self.exported(self.save("m.onnx", hostile()))
        self.assertEqual([i.name for i in m.graph.input], [ATTACK + "in"])
        self.assertEqual([o.name for o in m.graph.output], [ATTACK + "out"])
        self.assertEqual(m.graph.input[0].type.tensor_type.shape.dim[0].dim_param, ATTACK + "n")

    def test_states_have_a_next_value(self):
        text = self.folder / "s.tir"
        text.write_text("model @main[n](x: f32[n], sum: state f32[n] double) -> (sum, y) {\n"
                        "  t0 = add(sum, x) : f32[n]\n  t1 = exp(t0) : f32[n]\n  return t0, t1\n}\n")
        m = self.exported(text)
        self.assertEqual([o.name for o in m.graph.output], ["sum_next", "y"])
        self.assertEqual([p.value for i in m.graph.input for p in i.metadata_props], ["state"])

    def test_refusals(self):
        path = self.save("m.onnx", mlp()[0])
        for more in [["--stage", "loop"], ["--kernel", 0], ["--constants"]]:
            self.bad("inspect", path, "--emit-onnx", self.folder / "o.onnx", *more, status=2, says="--emit-onnx writes the graph")
        self.bad("inspect", path, "--emit-onnx", self.folder / "no" / "o.onnx", says="[file.")
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.bad("inspect", self.folder / "m.tenon", "--emit-onnx", self.folder / "o.onnx", status=2, says="--emit-onnx")


if __name__ == "__main__":
    unittest.main()
