#!/usr/bin/env python3
"""tenon.InferenceSession beside onnxruntime.InferenceSession: the same calls, the same answers; what it lacks it says."""
import pickle
import unittest

import numpy as np
import onnxruntime
import tenon
from onnx import TensorProto

from models import Case, add, scaled, two_outputs


onnxruntime.set_default_logger_severity(3)


def described(nodes):
    return [(n.name, n.type, n.shape) for n in nodes]


class Session(Case):
    def setUp(self):
        super().setUp()
        self.proto = two_outputs()
        self.path = self.folder / "m.onnx"
        self.path.write_bytes(self.proto.SerializeToString())
        self.x = np.random.default_rng(3).standard_normal((5, 4)).astype("f")

    def both(self, source, **options):
        return [package.InferenceSession(source, providers=["CPUExecutionProvider"], **options)
                for package in (tenon, onnxruntime)]

    def test_says_and_answers_what_onnx_runtime_does(self):
        for source in (str(self.path), self.path, self.path.read_bytes()):
            ours, theirs = self.both(source)
            for what in ("get_inputs", "get_outputs", "get_overridable_initializers"):
                self.assertEqual(described(getattr(ours, what)()), described(getattr(theirs, what)()))
            self.assertEqual(ours.get_providers(), theirs.get_providers())
            self.assertEqual(ours.get_modelmeta().graph_name, theirs.get_modelmeta().graph_name)
            for names in (None, [], ["total"], ["total", "double"]):
                mine, wanted = ours.run(names, {"x": self.x}), theirs.run(names, {"x": self.x})
                self.assertIs(type(mine), list)
                self.assertEqual(len(mine), len(wanted))
                for m, w in zip(mine, wanted):
                    np.testing.assert_allclose(m, w, rtol=1e-5)
                    self.assertEqual(m.dtype, w.dtype)

    def test_types_are_named_alike(self):
        for name in ("DOUBLE", "FLOAT16", "INT8", "INT64", "UINT8", "INT32"):
            ours, theirs = self.both(add(getattr(TensorProto, name), (2, 3)).SerializeToString())
            self.assertEqual(described(ours.get_inputs()), described(theirs.get_inputs()))

    def test_inputs_with_defaults_are_listed_apart(self):
        ours, theirs = self.both(scaled().SerializeToString())
        for what in ("get_inputs", "get_overridable_initializers"):
            self.assertEqual(described(getattr(ours, what)()), described(getattr(theirs, what)()))
        for feed in ({"x": self.x[0]}, {"x": self.x[0], "scale": np.array([7], "f")}):
            np.testing.assert_array_equal(ours.run(None, feed)[0], theirs.run(None, feed)[0])

    def test_takes_a_compiled_model_too(self):
        tenon.compile(self.path).save(self.folder / "m.tenon")
        for path in (self.folder / "m.tenon", str(self.folder / "m.tenon")):
            np.testing.assert_array_equal(tenon.InferenceSession(path).run(["double"], {"x": self.x})[0], 2 * self.x)

    def test_threads_are_those_of_the_options_of_either_package(self):
        for package in (tenon, onnxruntime):
            options = package.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = 2, 1
            options.log_severity_level = 3
            self.assertEqual(tenon.InferenceSession(self.path, options).model.threads, 2)
            self.assertIs(tenon.InferenceSession(self.path, options).get_session_options(), options)

    def test_pickles(self):
        again = pickle.loads(pickle.dumps(tenon.InferenceSession(self.path)))
        np.testing.assert_array_equal(again.run(["double"], {"x": self.x})[0], 2 * self.x)

    def test_refuses_in_words(self):
        session = tenon.InferenceSession(self.path)
        with self.assertRaisesRegex(ValueError, "no output 'totl'; it has double, total"):
            session.run(["totl"], {"x": self.x})
        for feed, code in (({"z": self.x}, "run.input_name"), ({}, "run.missing_input"),
                           ({"x": self.x.astype("d")}, "run.dtype")):
            with self.assertRaises(tenon.Error) as caught:
                session.run(None, feed)
            self.assertEqual(caught.exception.code, code)
        with self.assertRaisesRegex(ValueError, "add 'CPUExecutionProvider'"):
            tenon.InferenceSession(self.path, providers=["CUDAExecutionProvider"])
        tenon.InferenceSession(self.path, providers=["CUDAExecutionProvider", ("CPUExecutionProvider", {})])
        with self.assertRaisesRegex(NotImplementedError, "has no run options; leave them out"):
            session.run(None, {"x": self.x}, object())
        self.assertFalse(hasattr(session, "run_async"))
        for name, way_out in (("io_binding", "session.model.bind"), ("end_profiling", "tenon bench"),
                              ("nonsense", "`model` is the tenon.Model")):
            with self.assertRaisesRegex(AttributeError, f"has no '{name}'; .*{way_out}"):
                getattr(session, name)
        for call, says in ((lambda: tenon.InferenceSession(self.path, providers="CPUExecutionProvider"), r"\['CPUExecutionProvider'\]"),
                           (lambda: tenon.InferenceSession(self.path, {}), "not dict"),
                           (lambda: session.run("total", {"x": self.x}), r"\['total'\]")):
            with self.assertRaisesRegex(TypeError, says):
                call()
        options = tenon.SessionOptions()
        options.intra_op_num_threads = "2"
        with self.assertRaisesRegex(TypeError, "an int, not '2'"):
            tenon.InferenceSession(self.path, options)
        with self.assertRaisesRegex(TypeError, "disabled_optimizers"):
            tenon.InferenceSession(self.path, disabled_optimizers=[])
        for name, value in (("enable_profiling", True), ("optimized_model_filepath", "o.onnx")):
            options = tenon.SessionOptions()
            setattr(options, name, value)
            with self.assertRaises(NotImplementedError):
                tenon.InferenceSession(self.path, options)
        with self.assertRaises(AttributeError):
            tenon.SessionOptions().intra_op_threads = 2
        for call in (lambda o: o.register_custom_ops_library("x.so"), lambda o: o.add_session_config_entry("k", "v"),
                     lambda o: o.add_free_dimension_override_by_name("n", 3)):
            with self.assertRaises(NotImplementedError):
                call(tenon.SessionOptions())


if __name__ == "__main__":
    unittest.main()
