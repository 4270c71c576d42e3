#!/usr/bin/env python3
"""Running models: arrays in and out, their types and strides, names, bindings, roles, states; what is refused."""
import array
import ctypes
import unittest

import ml_dtypes
import numpy as np
import tenon
from onnx import TensorProto, helper

from models import COUNTER, ROLES, Case, add, model, nonzero, scaled, two_outputs


class Dlpack:
    """An array that offers DLPack alone."""

    def __init__(self, value):
        self.value = value

    def __dlpack__(self, **options):
        return self.value.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.value.__dlpack_device__()


class Calls(Case):
    @classmethod
    def setUpClass(cls):
        cls.add = tenon.compile(add(), threads=1)
        cls.a, cls.b = np.random.default_rng(2).standard_normal((2, 5, 3)).astype("f")

    def refused(self, code, function, *args, **kwargs):
        with self.assertRaises(tenon.Error) as caught:
            function(*args, **kwargs)
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_takes_inputs_in_order_or_by_name_and_gives_a_new_array(self):
        expected = self.a + self.b
        for y in (self.add(self.a, self.b), self.add(self.a, b=self.b), self.add(b=self.b, a=self.a)):
            self.assertIs(type(y), np.ndarray)
            np.testing.assert_array_equal(y, expected)
        first = self.add(self.a, self.b)
        second = self.add(self.b, self.b)
        np.testing.assert_array_equal(first, expected)  # the next run leaves it alone
        np.testing.assert_array_equal(second, self.b + self.b)

    def test_one_model_takes_all_sizes(self):
        for n in (1, 7, 0, 200, 1):
            x = np.arange(3 * n, dtype="f").reshape(n, 3)
            np.testing.assert_array_equal(self.add(x, x), x + x)

    def test_gives_several_outputs_as_a_tuple_and_by_name(self):
        m = tenon.compile(two_outputs())
        x = np.arange(8, dtype="f").reshape(2, 4)
        double, total = m(x)
        np.testing.assert_array_equal(double, 2 * x)
        np.testing.assert_array_equal(total, x.sum(1))
        by_name = m.run({"x": x})
        self.assertEqual(list(by_name), ["double", "total"])
        np.testing.assert_array_equal(by_name["total"], x.sum(1))

    def test_writes_to_the_arrays_of_out(self):
        out = np.full((5, 3), np.nan, "f")
        y = self.add.run({"a": self.a, "b": self.b}, out={"y": out})
        self.assertIs(y["y"], out)
        np.testing.assert_array_equal(out, self.a + self.b)
        feed = {"a": self.a, "b": self.b}
        readonly = np.empty((5, 3), "f")
        readonly.flags.writeable = False
        for wrong, error, words in [(np.empty((4, 3), "f"), ValueError, r"has shape \(5, 3\), and the array for it \(4, 3\)"),
                                    (np.empty((5, 3), "d"), TypeError, "is f64, and the output f32"),
                                    (np.empty((5, 6), "f")[:, ::2], ValueError, "not contiguous"),
                                    (readonly, TypeError, "read-only"), ([1.0], TypeError, "is list")]:
            with self.assertRaisesRegex(error, words):
                self.add.run(feed, out={"y": wrong})
        for call in (self.add.run, self.add.bind):
            with self.assertRaisesRegex(TypeError, "dict of arrays by name"):
                call(feed, [out])
        self.refused("run.output_name", self.add.run, feed, out={"z": out})
        self.refused("run.overlap", self.add.run, feed, out={"y": self.a})

    def test_reads_any_strides(self):
        wide = np.random.default_rng(3).standard_normal((10, 6)).astype("f")
        for a in (wide[::2, ::2], wide[::-2, 3:], wide.T[:5, :3], np.broadcast_to(wide[0, :3], (5, 3)),
                  np.asfortranarray(self.a)):
            np.testing.assert_array_equal(self.add(a, self.b), a + self.b)
        records = np.zeros(5, [("tag", "i1"), ("v", "f4", 3)])
        with self.assertRaisesRegex(ValueError, "ascontiguousarray"):
            self.add(records["v"], self.b)

    def test_reads_buffers_and_dlpack(self):
        vector = tenon.compile(add(shape=("n",)))
        expected = np.array([2, 4, 6], "f")
        for x in (array.array("f", [1, 2, 3]), memoryview(np.array([1, 2, 3], "f")), (ctypes.c_float * 3)(1, 2, 3),
                  Dlpack(np.array([1, 2, 3], "f")), Dlpack(np.arange(6, 0, -1, dtype="f")[::-2] / 2 + 0.5)):
            given = np.asarray(x.value if isinstance(x, Dlpack) else x)
            np.testing.assert_array_equal(vector(x, x), given + given)
        np.testing.assert_array_equal(vector(Dlpack(expected / 2), expected / 2), expected)
        out = np.empty(3, "f")
        vector.run({"a": expected, "b": expected}, out={"y": Dlpack(out)})
        np.testing.assert_array_equal(out, expected * 2)

    def test_refuses_what_is_no_array(self):
        for wrong in ([1.0, 2.0], 3.0, None, "text", np.array(["a"]), np.zeros(3, "c8"), np.zeros(3, "M8[s]"),
                      np.array([None]), np.zeros(3, ">f4")):
            with self.assertRaisesRegex(TypeError, "input 'a' is "):
                self.add(wrong, self.b)

    def test_refuses_other_types_shapes_and_names_and_converts_nothing(self):
        for wrong in ("d", "e", "i4", "u1", "?"):
            e = self.refused("run.dtype", self.add, self.a.astype(wrong), self.b)
            self.assertIn("'a'", e.message)
        self.refused("run.rank", self.add, self.a[0], self.b)
        self.refused("run.extent", self.add, self.a[:, :2], self.b)
        self.refused("run.symbol", self.add, self.a[:2], self.b)
        self.refused("run.missing_input", self.add, self.a)
        self.refused("run.missing_input", self.add.run, {"b": self.b})
        e = self.refused("run.input_name", self.add, self.a, bb=self.b)
        self.assertIn("'b'", e.message)
        with self.assertRaisesRegex(TypeError, "given twice"):
            self.add(self.a, a=self.b)
        with self.assertRaisesRegex(TypeError, "takes 2 inputs, and 3 are given"):
            self.add(self.a, self.b, self.b)
        with self.assertRaisesRegex(TypeError, "names"):
            self.add.run({1: self.a})
        np.testing.assert_array_equal(self.add(self.a, self.b), self.a + self.b)  # refusals leave nothing behind

    def test_errors_carry_all_problems(self):
        e = self.refused("file.open", tenon.load, self.folder / "no.tenon")
        self.assertIn("no.tenon", e.location)
        self.assertEqual(str(e), f"{e.location}: {e.message} [{e.code}]")
        self.assertEqual(e.problems, ((e.code, e.message),))


class Types(Case):
    def test_all_number_types_pass_through(self):
        for onnx_type, dtype in [(TensorProto.FLOAT, "f4"), (TensorProto.DOUBLE, "f8"), (TensorProto.FLOAT16, "f2"),
                                 (TensorProto.INT8, "i1"), (TensorProto.INT16, "i2"), (TensorProto.INT32, "i4"),
                                 (TensorProto.INT64, "i8"), (TensorProto.UINT8, "u1"), (TensorProto.UINT16, "u2"),
                                 (TensorProto.UINT32, "u4"), (TensorProto.UINT64, "u8")]:
            m = tenon.compile(add(onnx_type))
            self.assertEqual(m.inputs[0].dtype, np.dtype(dtype))
            x = np.arange(6).reshape(2, 3).astype(dtype)
            y = m(x, x[::-1])
            self.assertEqual(y.dtype, np.dtype(dtype))
            np.testing.assert_array_equal(y, x + x[::-1])
        less = tenon.compile(model([helper.make_node("Not", ["x"], ["y"])],
                                   [("x", TensorProto.BOOL, ["n"])], [("y", TensorProto.BOOL, ["n"])]))
        np.testing.assert_array_equal(less(np.array([True, False])), [False, True])

    def test_signed_integers_of_part_of_a_byte_keep_their_sign(self):
        """ml_dtypes leaves the upper bits of their byte 0, and the runtime's elements are extended."""
        for onnx_type, dtype, least in ((TensorProto.INT4, ml_dtypes.int4, -8), (TensorProto.INT2, ml_dtypes.int2, -2)):
            cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
            m = tenon.compile(model([cast], [("x", onnx_type, ["n"])], [("y", TensorProto.FLOAT, ["n"])], opset=25))
            numbers = np.arange(least, -least, dtype="i1")
            x = numbers.astype(dtype)
            before = x.tobytes()
            np.testing.assert_array_equal(m(x), numbers)
            np.testing.assert_array_equal(m(x[::-2]), numbers[::-2])
            bound = m.bind({"x": x})
            self.assertEqual(x.tobytes(), before)
            x[:] = numbers[::-1]
            np.testing.assert_array_equal(bound(), numbers[::-1])

    def test_bfloat16_is_that_of_ml_dtypes(self):
        m = tenon.compile(add(TensorProto.BFLOAT16))
        self.assertEqual((m.inputs[0].dtype, m.inputs[0].type), (np.dtype(ml_dtypes.bfloat16), "bf16"))
        x = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
        for y in (m(x, x[:, ::-1]), m.bind({"a": x, "b": x[:, ::-1]})()):
            self.assertEqual(y.dtype, np.dtype(ml_dtypes.bfloat16))
            np.testing.assert_array_equal(y.astype("f"), (x + x[:, ::-1]).astype("f"))
        out = np.empty((2, 3), ml_dtypes.bfloat16)
        m.run({"a": x, "b": x}, out={"y": out})
        np.testing.assert_array_equal(out.astype("f"), 2 * x.astype("f"))
        with self.assertRaisesRegex(tenon.Error, "bf16"):
            m(x.view("u2"), x)  # plain bits, where a dtype for them is at hand

    def test_a_scalar_has_no_axes(self):
        m = tenon.compile(add(shape=()))
        y = m(np.float32(2), np.array(3, "f"))
        self.assertEqual((y.shape, float(y)), ((), 5.0))

    def test_shapes_name_their_symbols(self):
        m = tenon.compile(two_outputs())
        self.assertEqual([(v.name, v.type, v.shape) for v in (*m.inputs, *m.outputs)],
                         [("x", "f32", ("n", 4)), ("double", "f32", ("n", 4)), ("total", "f32", ("n",))])
        self.assertEqual((m.states, m.name, m.precision, m.runs_here), ((), "test", "f32", True))
        self.assertIn("x: f32[n, 4]", repr(m))
        self.assertIn("x: f32[n, 4]", repr(m.inputs[0]))


class DataDependent(Case):
    def test_outputs_whose_shape_only_the_run_tells(self):
        m = tenon.compile(nonzero())
        for x in (np.array([0, 1, 0, 2], "f"), np.zeros(3, "f"), np.ones(9, "f")):
            at, twice = m(x)
            np.testing.assert_array_equal(at, np.stack(np.nonzero(x)))
            np.testing.assert_array_equal(twice, 2 * x)
        x = np.array([0, 1, 0, 2], "f")
        out = np.empty((1, 2), "q")
        m.run({"x": x}, out={"at": out})
        np.testing.assert_array_equal(out, [[1, 3]])
        with self.assertRaisesRegex(ValueError, r"has shape \(1, 2\)"):
            m.run({"x": x}, out={"at": np.empty((1, 4), "q")})
        with self.assertRaises(tenon.Error) as caught:
            m.run({"x": x}, out={"at": np.empty((1, 1), "q")})
        self.assertEqual(caught.exception.code, "run.output_memory")
        bound = m.bind({"x": x})
        first, _ = bound()
        x[0] = 1
        second, _ = bound()
        self.assertEqual((first.tolist(), second.tolist()), ([[1, 3]], [[0, 1, 3]]))
        with self.assertRaisesRegex(ValueError, "only a run tells"):
            m.bind({"x": x}, {"at": out})


class Warmup(Case):
    def test_runs_ahead_of_time_change_nothing(self):
        (self.folder / "count.tir").write_text(COUNTER)
        (self.folder / "roles.tir").write_text(ROLES)
        one = np.ones(2, "f")
        bound = tenon.compile(self.folder / "count.tir").bind({"x": one})
        np.testing.assert_array_equal(bound()[0], one)
        bound.warmup(3)
        np.testing.assert_array_equal(bound()[0], 2 * one)
        with self.assertRaisesRegex(ValueError, "bind"):
            tenon.compile(self.folder / "count.tir").warmup({"x": one})
        with self.assertRaisesRegex(tenon.Error, "inout"):
            tenon.compile(self.folder / "roles.tir").bind({"x": one, "w": one, "p": one.copy()}).warmup()

    def test_a_model_runs_on_arrays_of_the_shapes_to_come(self):
        (self.folder / "roles.tir").write_text("model @twice[n](x: f32[n]) -> (y) {\n  y = add(x, x) : f32[n]\n  return y\n}\n")
        m = tenon.compile(self.folder / "roles.tir")
        m.warmup({"x": np.ones(5, "f")}, runs=2)
        np.testing.assert_array_equal(m(np.ones(5, "f")), 2 * np.ones(5, "f"))
        with self.assertRaisesRegex(tenon.Error, "run.missing_input"):
            m.warmup({})


class Bindings(Case):
    def test_a_bound_call_reads_and_writes_the_same_arrays(self):
        m = tenon.compile(add())
        a, b, y = np.ones((2, 3), "f"), np.ones((2, 3), "f"), np.zeros((2, 3), "f")
        bound = m.bind({"a": a, "b": b}, {"y": y})
        self.assertIs(bound(), y)
        a[:] = 5
        bound()
        np.testing.assert_array_equal(y, np.full((2, 3), 6))
        wide = np.arange(12, dtype="f").reshape(2, 6)
        own = m.bind({"a": wide[:, ::2], "b": b})
        first = own()
        wide *= 2
        self.assertIs(own(), first)
        np.testing.assert_array_equal(first, wide[:, ::2] + 1)

    def test_arrays_live_as_long_as_the_binding(self):
        bound = tenon.compile(add()).bind({"a": np.full((4, 3), 2, "f"), "b": np.full((4, 3), 3, "f")})
        np.empty((4, 3), "f").fill(7)
        np.testing.assert_array_equal(bound(), np.full((4, 3), 5))

    def test_refuses_what_a_run_would(self):
        m = tenon.compile(add())
        x = np.ones((2, 3), "f")
        with self.assertRaises(tenon.Error) as caught:
            m.bind({"a": x})
        self.assertEqual(caught.exception.code, "run.missing_input")
        with self.assertRaisesRegex(ValueError, "has shape"):
            m.bind({"a": x, "b": x}, {"y": np.empty((3, 3), "f")})

    def test_defaults_hold_where_nothing_is_given(self):
        m = tenon.compile(scaled())
        x = np.array([1, 2], "f")
        self.assertEqual([i.optional for i in m.inputs], [False, True])
        for _ in range(3):
            np.testing.assert_array_equal(m(x), 2 * x)
            np.testing.assert_array_equal(m(x, np.array([10], "f")), 10 * x)
        np.testing.assert_array_equal(m.bind({"x": x})(), 2 * x)


class Roles(Case):
    def test_const_and_inout_inputs(self):
        (self.folder / "m.tir").write_text(ROLES)
        m = tenon.compile(self.folder / "m.tir")
        self.assertEqual([i.role for i in m.inputs], ["in", "const", "inout"])
        x, w, p = np.array([1, 2], "f"), np.array([3, 4], "f"), np.zeros(2, "f")
        for turn in (1, 2):
            m.run({"x": x, "w": w, "p": p})
            np.testing.assert_array_equal(p, turn * x * w)
        other = np.array([1, 1], "f")  # another array is another constant
        p[:] = 0
        m.run({"x": x, "w": other, "p": p})
        np.testing.assert_array_equal(p, x)
        p.flags.writeable = False
        with self.assertRaisesRegex(TypeError, "input 'p' is read-only"):
            m.run({"x": x, "w": w, "p": p})


class States(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "count.tir").write_text(COUNTER)
        self.model = tenon.compile(self.folder / "count.tir")
        self.one = np.ones(2, "f")

    def test_stay_from_run_to_run_and_are_read_written_and_reset(self):
        m = self.model
        self.assertEqual([(s.name, s.type, s.shape) for s in m.states], [("sum", "f32", (2,))])
        for turn in (1, 2, 3):
            results = m.run({"x": self.one})
            np.testing.assert_array_equal(results["y"], [turn, turn])
        kept = m.state("sum")
        m.set_state("sum", np.array([10, 20], "f"))
        m(self.one)
        np.testing.assert_array_equal(m.state("sum"), [11, 21])
        np.testing.assert_array_equal(kept, [3, 3])
        m.reset()
        np.testing.assert_array_equal(m.state("sum"), [0, 0])
        for code, call in [("run.state_name", lambda: m.state("summ")),
                           ("run.state", lambda: m.set_state("sum", np.zeros(2, "d"))),
                           ("run.state_name", lambda: m.set_state("x", self.one))]:
            with self.assertRaises(tenon.Error) as caught:
                call()
            self.assertEqual(caught.exception.code, code)

    def test_of_a_binding_are_its_own(self):
        self.model(self.one)
        bound = self.model.bind({"x": self.one})
        bound(), bound()
        np.testing.assert_array_equal(bound.state("sum"), [3, 3])
        np.testing.assert_array_equal(self.model.state("sum"), [1, 1])
        bound.set_state("sum", np.array([5, 5], "f"))
        bound()
        np.testing.assert_array_equal(bound.state("sum"), [6, 6])
        bound.reset()
        np.testing.assert_array_equal(bound.state("sum"), [0, 0])


if __name__ == "__main__":
    unittest.main()
