#!/usr/bin/env python3
"""Graphs and kernels that Python builds: against numpy, and what they refuse."""
import pathlib
import subprocess
import sys
import unittest

import numpy as np

import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(20261128)


def array(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("f")


CONSTANT = array(3, 4)


class GraphTest(unittest.TestCase):
    def result(self, build, *inputs):
        """What a graph of one output gives for the inputs; its shapes are symbolic."""
        g = tenon.Graph()
        nodes = []
        for i, x in enumerate(inputs):
            axes = ", ".join(f"n{i}_{d}" for d in range(x.ndim))
            nodes.append(g.input(f"x{i}", f"{ {'float32': 'f32', 'int64': 'i64'}[x.dtype.name] }[{axes}]"))
        g.output("y", build(g, *nodes))
        return g.compile()(*inputs)

    def agree(self, build, *inputs):
        """The same function of nodes and of arrays."""
        np.testing.assert_allclose(self.result(lambda g, *x: build(*x), *inputs), build(*inputs), rtol=1e-5, atol=1e-6)

    def test_operators_are_those_of_numpy(self):
        a, b = array(3, 4), array(3, 4)
        self.agree(lambda x, y: x + y * 2 - x / (y + 3), a, b)
        self.agree(lambda x, y: (1 - x) * (2 / (3 + y)) - -x + abs(y), a, b)
        self.agree(lambda x: x**2 % 0.3 // 0.125, a)
        self.agree(lambda x, y: x @ y.T, a, b)
        self.agree(lambda x: np.float32(2) * x + CONSTANT * x, a)
        for f in (lambda x, y: x < y, lambda x, y: x >= y, lambda x, y: (x == x) & ~(y > 0), lambda x, y: (x != y) | (x <= 0)):
            np.testing.assert_array_equal(self.result(lambda g, x, y: f(x, y), a, b), f(a, b))

    def test_indices_are_those_of_numpy(self):
        x = array(5, 6, 7)
        for f in (lambda x: x[1:], lambda x: x[:, -2:], lambda x: x[..., ::3], lambda x: x[2], lambda x: x[-1, 1:4, 3],
                  lambda x: x[None, :, None, 2], lambda x: x[:, 1:-1:2, -3:-1], lambda x: x[...]):
            self.agree(f, x)
        with self.assertRaises(IndexError):
            self.result(lambda g, x: x[0, 0, 0, 0], x)
        for index in ([1, 2], True):
            with self.assertRaises(TypeError):
                self.result(lambda g, x: x[index], x)
        with self.assertRaisesRegex(TypeError, "//"):
            self.result(lambda g, x: x / 2, np.arange(3))

    def test_a_layer_of_attention_by_name(self):
        x, w = array(4, 16), array(16, 48)

        def layer(g, x):
            q, k, v = (t.reshape("n0_0", 2, 8).transpose(1, 0, 2) for t in (g.slice(x @ w, axes=1, starts=s, stops=s + 16)
                                                                            for s in (0, 16, 32)))
            p = g.softmax(q @ k.transpose(0, 2, 1) * 8**-0.5, axis=-1)
            return g.layer_norm((p @ v).transpose(1, 0, 2).reshape(-1, 16) + x)[0]

        q, k, v = ((x @ w)[:, s:s + 16].reshape(4, 2, 8).transpose(1, 0, 2) for s in (0, 16, 32))
        p = np.exp(q @ k.transpose(0, 2, 1) * 8**-0.5)
        h = (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(4, 16) + x
        expected = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
        np.testing.assert_allclose(self.result(layer, x), expected, rtol=1e-4, atol=1e-5)

    def test_reductions_gathers_and_several_results(self):
        x, i = array(4, 5), np.array([2, 0, 1, 2])
        np.testing.assert_allclose(self.result(lambda g, x: g.reduce_sum(x, axes=[1], keepdims=True), x),
                                   x.sum(1, keepdims=True), rtol=1e-6)
        np.testing.assert_array_equal(self.result(lambda g, x, i: g.gather(x, i, axis=1), x, i), x[:, i])
        np.testing.assert_array_equal(self.result(lambda g, x: g.sort(x, axis=0, descending=True)[1], x),
                                      np.argsort(-x, 0, kind="stable"))
        np.testing.assert_array_equal(self.result(lambda g, x: g.concat(x, g.flip(x, axis=0), axis=1), x),
                                      np.concatenate([x, x[::-1]], 1))
        np.testing.assert_array_equal(self.result(lambda g, x: g.pad(x, low=[0, 1], high=["n0_0", 0]), x),
                                      np.pad(x, [(0, 4), (1, 0)]))

    def test_integers_that_no_float_holds_stay_what_they_are(self):
        for type, dtype, value in (("i64", "i8", 2**53 + 1), ("i64", "i8", 1 - 2**63), ("u64", "u8", 2**64 - 1)):
            g = tenon.Graph()
            g.output("y", g.input("x", f"{type}[2]") + value)
            self.assertEqual(g.compile()(np.zeros(2, dtype)).tolist(), [value, value])

    def test_a_state_lives_from_run_to_run(self):
        g = tenon.Graph("counter")
        total = g.input("total", "state f32[3] reserve 8")
        g.output("total", total + g.input("x", "f32[3]"))
        g.output("twice", total * 2)
        model = g.compile()
        one = np.ones(3, "f")
        self.assertEqual([float(model.run({"x": one})["twice"][0]) for _ in range(3)], [0, 2, 4])

    def test_types_and_shapes_are_told(self):
        g = tenon.Graph()
        x = g.input("x", "f16[batch, 3]")
        self.assertEqual((x.shape, x.type), (("batch", 3), "f16"))
        self.assertEqual(x.cast("i8").type, "i8")
        self.assertEqual((x + 1).type, "f16")
        self.assertIn("model @main[batch](x: f16[batch, 3])", str(g))
        self.assertIn("softmax", dir(g))
        self.assertEqual(tenon.graph.operators()["softmax"].options, "axis")

    def test_what_is_wrong_is_refused_in_words(self):
        g, other = tenon.Graph(), tenon.Graph()
        x = g.input("x", "f32[2, 3]")
        for code, call in {"graph.name": lambda: g.input("x", "f32"), "text.syntax": lambda: g.input("z", "f32[2"),
                           "graph.operator": lambda: g.apply("sofmax", x), "graph.option": lambda: g.softmax(x, axes=1),
                           "softmax.C2": lambda: g.softmax(x, axis=2), "dot.C4": lambda: x @ x,
                           "graph.no_output": g.compile, "api.type": lambda: g.scalar("f31", 1)}.items():
            with self.assertRaises(tenon.Error) as caught:
                call()
            self.assertEqual(caught.exception.code, code)
        with self.assertRaisesRegex(AttributeError, "operators"):
            g.sofmax(x)
        with self.assertRaisesRegex(ValueError, "another graph"):
            x + other.input("x", "f32[2, 3]")
        with self.assertRaisesRegex(TypeError, "scalar"):
            g.exp(1)
        with self.assertRaisesRegex(TypeError, "select"):
            bool(x > 0)


SUM = """
kernel @sum[n](x: in f32[n, 40], y: out f32[n]) {
  for i in serial(n) {
    for j in serial(40) {
      block sum(v_i: s = i, v_j: r = j) { y[v_i] sum= x[v_i, v_j] init f32(0) }
    }
  }
}
"""


class KernelTest(unittest.TestCase):
    def test_each_step_computes_the_same(self):
        k = tenon.Kernel(SUM, "sum.tir")
        x = array(19, 40)
        i, j = k.loops("sum")
        steps = [lambda: None, lambda: k.split(i, 8), lambda: k.parallel("i_0"), lambda: k.split(j, 16, tail="peel")]
        made = []
        for step in steps:
            made.append(step())
            np.testing.assert_allclose(k.compile(threads=2)(x), x.sum(1), rtol=1e-5)
        self.assertEqual(made[1], ("i_0", "i_1"))
        self.assertEqual(len(k.trace), 3)
        self.assertGreater(k.time(n=64, seconds=0.01), 0)

    def test_a_refusal_changes_nothing(self):
        k = tenon.Kernel(SUM, "sum.tir")
        before = str(k)
        for code, call in {"schedule.vectorize": lambda: k.vectorize("z"), "schedule.split": lambda: k.split("i", 0),
                           "schedule.trace": lambda: k.apply("splt(i, 4)"), "kernel.stage": lambda: k.text("bytes"),
                           "schedule.decision": lambda: k.schedule("no_such = sample() -> 3"),
                           "tir.no_model": lambda: tenon.Kernel("")}.items():
            with self.assertRaises(tenon.Error) as caught:
                call()
            self.assertEqual(caught.exception.code, code)
        with self.assertRaisesRegex(AttributeError, "primitives"):
            k.splt("i", 4)
        with self.assertRaisesRegex(TypeError, "n=N"):
            k.time()
        self.assertEqual((str(k), k.trace), (before, []))

    def test_text_reads_back_and_copies_part(self):
        k = tenon.Kernel(SUM)
        k.split("i", 4)
        again = tenon.Kernel(k.text("loop"))
        self.assertEqual((str(again), again.trace), (str(k), k.trace))
        other = k.copy()
        other.unroll("i_1")
        self.assertEqual((len(other.trace), len(k.trace)), (2, 1))
        self.assertIn("vaddss", k.text("asm", target="x86-64-v3"))
        self.assertIn("define", k.text("llvm"))

    def test_the_default_schedule_takes_decisions(self):
        g = tenon.Graph()
        g.output("y", g.input("a", "f32[60, 48]") @ g.input("b", "f32[48, 50]"))
        k = g.kernel()
        rows = next(line for line in k.decisions() if ".rows = " in line)
        k.schedule(rows.partition(" = ")[0] + " = sample() -> 3")
        self.assertTrue(any(line.endswith("-> 3") for line in k.trace))
        a, b = array(60, 48), array(48, 50)
        np.testing.assert_allclose(k.compile()(a, b), a @ b, rtol=1e-4, atol=1e-5)
        with self.assertRaises(tenon.Error):
            g.kernel(1)

    def test_the_example_runs_at_an_odd_size(self):
        done = subprocess.run([sys.executable, ROOT / "examples/schedules.py", "70"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("refused"), 1)
        self.assertIn("the default schedule", done.stdout)


if __name__ == "__main__":
    unittest.main()
