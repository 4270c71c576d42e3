#!/usr/bin/env python3
"""tenon.onnx_backend: a fixed sample of the standard's own suite, run by the standard's own runner, and its interface."""
import unittest

import numpy as np
import onnx
import tenon
import tenon.onnx_backend as backend
from onnx import TensorProto, helper
from onnx.backend.test import BackendTest

from models import Case, model, two_outputs

SAMPLE = ("abs", "add_bcast", "argmax_keepdims_example", "attention_4d", "averagepool_2d_same_upper", "batchnorm_example",
          "cast_FLOAT_to_BFLOAT16", "clip_example", "concat_2d_axis_1", "constant_pad", "conv_with_strides_padding",
          "convtranspose", "cumsum_1d", "dequantizelinear_axis", "einsum_transpose", "expand_dim_changed", "gather_0",
          "gemm_all_attributes", "if", "instancenorm_example", "isnan", "layer_normalization_2d_axis1", "loop11",
          "lstm_defaults", "matmul_3d", "maxpool_2d_ceil", "nonzero_example", "onehot_with_axis", "pow_example",
          "quantizelinear", "range_float_type_positive_delta", "reduce_mean_keepdims_random", "reshape_negative_dim",
          "resize_upsample_scales_linear", "scatter_elements_with_axis", "slice_neg", "softmax_axis_1", "split_equal_parts_1d_opset18",
          "tile", "top_k", "transpose_default", "unsqueeze_negative_axes", "where_example")


def standard_tests():
    """The sample as the standard's runner makes it; a name that it lacks is a failed test."""
    with np.errstate(all="ignore"):
        everything = BackendTest(backend, __name__).test_cases["OnnxBackendNodeModelTest"]
    wanted = [f"test_{name}_cpu" for name in SAMPLE]
    missing = [name for name in wanted if not hasattr(everything, name)]
    tests = {name: getattr(everything, name) for name in wanted if name not in missing}
    return type("OnnxBackendNodeTest", (unittest.TestCase,),
                {**tests, "test_none_is_missing": lambda self: self.assertEqual(missing, [])})


OnnxBackendNodeTest = standard_tests()


class Interface(Case):
    def test_a_prepared_model_takes_inputs_in_order_or_by_name(self):
        prepared = backend.prepare(two_outputs(), threads=1)
        x = np.arange(8, dtype="f").reshape(2, 4)
        for inputs in ([x], {"x": x}):
            double, total = prepared.run(inputs)
            np.testing.assert_array_equal(double, 2 * x)
            np.testing.assert_array_equal(total, x.sum(1))

    def test_an_axis_that_is_an_input_is_known_by_the_run(self):
        total = model([helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)],
                      [("x", TensorProto.FLOAT, [2, 6]), ("axes", TensorProto.INT64, [1])],
                      [("y", TensorProto.FLOAT, [None])])
        self.assertFalse(backend.is_compatible(total))
        prepared = backend.prepare(total)
        x = np.arange(12, dtype="f").reshape(2, 6)
        for axis in (0, 1, 1, -1, 0):
            np.testing.assert_array_equal(prepared.run([x, np.array([axis])])[0], x.sum(axis))
        with self.assertRaises(tenon.Error):
            prepared.run([x, np.array([2])])

    def test_runs_a_node(self):
        a, b = np.array([1, 5, 3], "f"), np.array([4, 2, 3], "f")
        np.testing.assert_array_equal(backend.run_node(helper.make_node("Sub", ["a", "b"], ["y"]), [a, b])[0], a - b)
        less = backend.run_node(helper.make_node("Less", ["a", "b"], ["y"]), [a, b], outputs_info=[(np.bool_, (3,))])
        np.testing.assert_array_equal(less[0], a < b)

    def test_refuses(self):
        self.assertTrue(backend.supports_device("CPU") and backend.supports_device("CPU:0"))
        self.assertFalse(backend.supports_device("CUDA"))
        with self.assertRaisesRegex(ValueError, "on the CPU"):
            backend.prepare(two_outputs(), "CUDA")
        words = model([helper.make_node("StringConcat", ["a", "a"], ["y"])], [("a", TensorProto.STRING, ["n", "m"])],
                      [("y", TensorProto.STRING, ["n", "m"])], opset=20)
        with self.assertRaises(tenon.Error):
            backend.prepare(words)
        self.assertFalse(backend.is_compatible(words))
        self.assertTrue(backend.is_compatible(two_outputs()))
        with self.assertRaises(onnx.checker.ValidationError):
            backend.prepare(model([helper.make_node("Add", ["a", "b"], ["y"])], [], []))


if __name__ == "__main__":
    unittest.main()
