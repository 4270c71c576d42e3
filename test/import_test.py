#!/usr/bin/env python3
"""What exporters write and the standard leaves open, from the file to the outputs: defaults of
inputs, nodes out of order, dimensions without names, extents that broadcast at run time, branches
and loops whose shapes only they know; and products of narrow types.

Run by ctest with TENON_BIN naming the folder of tenon and tenon-run. Each model runs from its file,
from a compiled file by tenon-run, and against the reference interpreter.
"""
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import harness
from harness import TENON, TENON_RUN

F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
node, value = helper.make_node, helper.make_tensor_value_info


def f32(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


def i64(*values):
    return np.array(values, np.int64)


def model(nodes, inputs, outputs, weights=None, ir_version=8, opset=17):
    """`inputs` and `outputs` are tuples (name, type, shape); `weights` maps names to arrays."""
    graph = helper.make_graph(nodes, "test", [value(*x) for x in inputs], [value(*y) for y in outputs],
                              [numpy_helper.from_array(v, n) for n, v in (weights or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def body(name, nodes, inputs, outputs):
    return helper.make_graph(nodes, name, [value(*x) for x in inputs], [value(*y) for y in outputs])


class Case(harness.Case):
    def inputs(self, feeds):
        options = []
        for name, array in feeds.items():
            np.save(self.folder / f"{name}.npy", array)
            options += ["--input", f"{name}={self.folder / name}.npy"]
        return options

    def check(self, proto, *sets):
        """Each set is (feeds, wanted outputs by name); one compiled file serves all of them."""
        path, compiled = self.save("model.onnx", proto), self.folder / "model.tenon"
        self.good("compile", path, "-o", compiled)
        for feeds, wanted in sets:
            options, out = self.inputs(feeds), self.folder / "out"
            self.good("compare", path, *options)
            for program, start in ((TENON, ["run", path]), (TENON_RUN, [compiled])):
                self.good(*start, *options, "--save", out, program=program)
                for name, array in wanted.items():
                    got = np.load(out / f"{name}.npy")
                    self.assertEqual(got.shape, array.shape)
                    np.testing.assert_allclose(got, array, rtol=1e-5, atol=1e-6)
        return path

    def refused(self, path, feeds, says):
        done = self.call("run", path, *self.inputs(feeds))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(says, done.stderr)


class Defaults(Case):
    """An initializer that is also an input is a default that the caller may override."""

    def scaled(self, **more):
        nodes = [node("Mul", ["x", "gain"], ["a"]), node("Add", ["a", "w"], ["y"]),
                 node("Slice", ["y", "zero", "ends", "zero"], ["head"])]
        return model(nodes, [("x", F, ["n", 3]), ("gain", F, [1]), ("ends", I, [1])],
                     [("y", F, ["n", 3]), ("head", F, None)],
                     {"gain": f32(1), "ends": i64(2), "zero": i64(0), "w": f32(3, seed=2)}, **more)

    def test_default_is_used_or_overridden(self):
        x, gain, w = f32(4, 3, seed=5), f32(1), f32(3, seed=2)
        sets = []
        for g, ends in ((None, None), (f32(1, seed=9), None), (None, 3), (f32(1, seed=8), 1)):
            y = x * (gain if g is None else g) + w
            feeds = {"x": x} | ({} if g is None else {"gain": g}) | ({} if ends is None else {"ends": i64(ends)})
            sets.append((feeds, {"y": y, "head": y[:2 if ends is None else ends]}))
        path = self.check(self.scaled(), *sets)
        self.assertIn("gain: f32[1], with a default", self.good("check", path))
        self.assertIn("gain: f32[1], with a default", self.good("inspect", self.folder / "model.tenon"))
        self.good("bench", path, "--repeat", "2")
        text = self.folder / "model.tir"
        text.write_text(self.good("inspect", path, "--stage", "import"))
        self.good("run", text, *self.inputs(sets[0][0]), "--save", self.folder / "tir")
        np.testing.assert_allclose(np.load(self.folder / "tir/y.npy"), sets[0][1]["y"], rtol=1e-5)

    def test_initializers_of_old_models_are_constants(self):
        path = self.save("model.onnx", self.scaled(ir_version=3))
        self.good("run", path, *self.inputs({"x": f32(2, 3)}))
        self.refused(path, {"x": f32(2, 3), "gain": f32(1)}, "no input 'gain'")

    def test_weights_that_an_exporter_lists_are_constants(self):
        w = f32(256, 128)
        proto = model([node("MatMul", ["x", "w"], ["y"])], [("x", F, ["n", 256]), ("w", F, [256, 128])],
                      [("y", F, ["n", 128])], {"w": w})
        x = f32(2, 256, seed=3)
        path = self.check(proto, ({"x": x}, {"y": x @ w}))
        self.assertNotIn("w:", self.good("check", path))

    def test_default_that_decides_axes_is_a_constant(self):
        proto = model([node("ReduceSum", ["x", "axes"], ["y"], keepdims=0), node("Add", ["y", "one"], ["z"])],
                      [("x", F, ["n", 3]), ("axes", I, [1])], [("z", F, None)],
                      {"axes": i64(1), "one": np.float32([1])})
        x = f32(2, 3)
        path = self.check(proto, ({"x": x}, {"z": x.sum(1) + 1}))
        self.refused(path, {"x": x, "axes": i64(0)}, "no input 'axes'")

    def test_conformance_overrides_and_drops_nothing(self):
        x, g = f32(2, 3), f32(1, seed=4)
        case = self.folder / "cases/test_default"
        (case / "test_data_set_0").mkdir(parents=True)

        def put(name, array):
            (case / f"test_data_set_0/{name}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())

        (case / "model.onnx").write_bytes(self.scaled().SerializeToString())
        y = x * g + f32(3, seed=2)
        for name, array in (("input_0", x), ("input_1", g), ("output_0", y), ("output_1", y)):
            put(name, array)
        self.assertIn("1 of 1 passed", self.good("conformance", self.folder / "cases"))
        (case / "model.onnx").write_bytes(self.scaled(ir_version=3).SerializeToString())
        self.assertRegex(self.good("conformance", self.folder / "cases"), r"FAIL .*no input 'gain'")


class Order(Case):
    def test_nodes_out_of_order_are_sorted_with_a_warning(self):
        proto = model([node("Add", ["a", "b"], ["y"]), node("Exp", ["a"], ["b"]), node("Neg", ["x"], ["a"])],
                      [("x", F, [3])], [("y", F, [3])])
        x = f32(3)
        path = self.check(proto, ({"x": x}, {"y": -x + np.exp(-x)}))
        done = self.call("check", path)
        self.assertIn("tenon: warning:", done.stderr)
        self.assertIn("the nodes are sorted", done.stderr)

    def test_a_cycle_is_refused(self):
        proto = model([node("Add", ["x", "b"], ["a"]), node("Exp", ["a"], ["b"])], [("x", F, [3])], [("b", F, [3])])
        done = self.call("check", self.save("model.onnx", proto))
        self.assertEqual(done.returncode, 1)
        self.assertIn("onnx.undefined", done.stderr)


class Names(Case):
    """Names of dimensions are hints."""

    def test_placeholders_are_no_names(self):
        for name in ("?", "None", "unk__7", "unk_7", "unknown", None):
            x = f32(2, 5)
            proto = model([node("Softmax", ["x"], ["y"])], [("x", F, [name, name])], [("y", F, [name, name])])
            e = np.exp(x - x.max(1, keepdims=True))
            self.check(proto, ({"x": x}, {"y": e / e.sum(1, keepdims=True)}))

    def test_axes_of_one_name_differ_where_nothing_needs_them_equal(self):
        proto = model([node("Concat", ["x", "z"], ["y"], axis=0)], [("x", F, ["n", 2]), ("z", F, ["n", 2])],
                      [("y", F, ["n", 2])])
        x, z = f32(3, 2), f32(4, 2, seed=2)
        path = self.check(proto, ({"x": x, "z": z}, {"y": np.concatenate([x, z])}))
        self.good("run", path, "--fill", "random", "--shape", "n=3")

    def test_axes_of_one_name_are_one_where_an_operator_needs_it(self):
        proto = model([node("MatMul", ["x", "z"], ["y"])], [("x", F, [2, "n"]), ("z", F, ["n", 3])], [("y", F, [2, 3])])
        x, z = f32(2, 4), f32(4, 3, seed=2)
        path = self.check(proto, ({"x": x, "z": z}, {"y": x @ z}))
        self.refused(path, {"x": x, "z": z[:3]}, "[run.symbol]")


class Broadcast(Case):
    """Extents of different names broadcast where one of them is 1 at run time."""

    def test_two_extents(self):
        proto = model([node("Add", ["x", "z"], ["a"]), node("Exp", ["a"], ["y"])],
                      [("x", F, ["n", "k"]), ("z", F, ["m", "j"])], [("y", F, None)])
        shapes = [((3, 4), (3, 4)), ((1, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 1), (1, 4)), ((1, 1), (1, 1)),
                  ((1, 2), (0, 2)), ((0, 1), (1, 5))]
        sets = []
        for a, b in shapes:
            x, z = f32(*a), f32(*b, seed=2)
            sets.append(({"x": x, "z": z}, {"y": np.exp(x + z)}))
        path = self.check(proto, *sets)
        self.refused(path, {"x": f32(3, 4), "z": f32(2, 4)}, "[run.check]")

    def test_extent_against_a_literal(self):
        proto = model([node("Mul", ["x", "w"], ["y"])], [("x", F, ["n", "k"])], [("y", F, None)], {"w": f32(4)})
        x = f32(3, 4)
        path = self.check(proto, ({"x": x}, {"y": x * f32(4)}), ({"x": x[:, :1]}, {"y": x[:, :1] * f32(4)}))
        self.refused(path, {"x": f32(3, 2)}, "[run.check]")

    def test_many_names_end(self):
        count = 40
        nodes = [node("Add", [f"a{i}", f"x{i + 1}"], [f"a{i + 1}"]) for i in range(count)]
        nodes.insert(0, node("Neg", ["x0"], ["a0"]))
        proto = model(nodes, [(f"x{i}", F, [f"n{i}"]) for i in range(count + 1)], [(f"a{count}", F, None)])
        feeds = {f"x{i}": f32(5, seed=i) for i in range(count + 1)}
        self.check(proto, (feeds, {f"a{count}": sum(list(feeds.values())[1:], -feeds["x0"])}))

    def test_batches_masks_and_their_chains(self):
        nodes = [node("MatMul", ["q", "k"], ["s"]), node("Add", ["s", "bias"], ["t"]),
                 node("Where", ["mask", "t", "low"], ["u"]), node("MatMul", ["u", "k"], ["v"]),
                 node("Sub", ["v", "s"], ["y"])]
        proto = model(nodes, [("q", F, ["a", 3, 3]), ("k", F, ["b", 3, 3]), ("bias", F, ["c", "d", 3]),
                              ("mask", B, ["e", "f", "g"])], [("y", F, None)], {"low": np.float32(-2)})
        sets = []
        for a, b, c, d, e, f, g in ((2, 2, 2, 3, 2, 3, 3), (1, 2, 1, 1, 2, 3, 1), (2, 1, 1, 3, 1, 1, 3),
                                    (1, 1, 2, 3, 1, 3, 3), (1, 1, 1, 1, 2, 1, 1)):
            q, k, bias = f32(a, 3, 3), f32(b, 3, 3, seed=2), f32(c, d, 3, seed=3)
            mask = f32(e, f, g, seed=4) > 0
            u = np.where(mask, q @ k + bias, np.float32(-2))
            sets.append(({"q": q, "k": k, "bias": bias, "mask": mask}, {"y": u @ k - q @ k}))
        self.check(proto, *sets)


class Branches(Case):
    def test_shapes_that_only_a_branch_knows(self):
        kept = body("kept", [node("NonZero", ["x"], ["z"]), node("Squeeze", ["z", "zero"], ["i"])], [], [("i", I, None)])
        none = body("none", [node("Constant", [], ["j"], value=numpy_helper.from_array(i64()))], [], [("j", I, None)])
        proto = model([node("If", ["c"], ["i0"], then_branch=kept, else_branch=none), node("Gather", ["x", "i0"], ["y"])],
                      [("c", B, []), ("x", F, ["n"])], [("y", F, ["kept"])], {"zero": i64(0)})
        x = np.float32([0, 3, 0, 4, 5])
        self.check(proto, ({"c": np.array(True), "x": x}, {"y": x[x != 0]}), ({"c": np.array(True), "x": 0 * x}, {"y": x[:0]}),
                   ({"c": np.array(False), "x": x}, {"y": x[:0]}))

    def squeezed(self):
        """[n, 3] where the last extent is 1, else [n, 3, t], as exporters write torch.squeeze(-1)."""
        return [node("Shape", ["x"], ["s"]), node("Gather", ["s", "minus"], ["t"], axis=0), node("Equal", ["t", "one"], ["c"]),
                node("If", ["c"], ["z"], then_branch=body("t", [node("Squeeze", ["x", "minus"], ["z1"])], [], [("z1", F, None)]),
                     else_branch=body("e", [node("Identity", ["x"], ["z2"])], [], [("z2", F, None)]))]

    def test_a_rank_that_the_users_of_a_value_decide(self):
        nodes = self.squeezed() + [node("Gemm", ["z", "w"], ["y"])]
        proto = model(nodes, [("x", F, ["n", 3, "t"])], [("y", F, None)], {"minus": i64(-1), "one": i64(1), "w": f32(3, 2)})
        sets = [({"x": f32(n, 3, 1)}, {"y": f32(n, 3, 1)[:, :, 0] @ f32(3, 2)}) for n in (1, 4)]
        path = self.check(proto, *sets)
        self.refused(path, {"x": f32(2, 3, 2)}, "must take its then branch")

    def test_ranks_that_the_users_of_a_value_make_one(self):
        nodes = self.squeezed() + [node("Exp", ["z"], ["e"]), node("Reshape", ["e", "minus"], ["f"]), node("Neg", ["f"], ["y"])]
        proto = model(nodes, [("x", F, ["n", 3, "t"])], [("y", F, ["all"])], {"minus": i64(-1), "one": i64(1)})
        self.check(proto, *[({"x": f32(2, 3, t)}, {"y": -np.exp(f32(2, 3, t)).ravel()}) for t in (1, 2, 5)])

    def test_many_ranks_end(self):
        nodes, inputs = [node("Neg", ["x"], ["y0"])], [("x", F, ["n"])]
        for i in range(24):
            inputs.append((f"c{i}", B, []))
            nodes += [node("If", [f"c{i}"], [f"z{i}"],
                           then_branch=body("t", [node("Unsqueeze", [f"y{i}", "zero"], [f"t{i}"])], [], [(f"t{i}", F, None)]),
                           else_branch=body("e", [node("Identity", [f"y{i}"], [f"e{i}"])], [], [(f"e{i}", F, None)])),
                      node("Reshape", [f"z{i}", "minus"], [f"y{i + 1}"])]
        proto = model(nodes, inputs, [("y24", F, None)], {"zero": i64(0), "minus": i64(-1)})
        done = self.call("check", self.save("model.onnx", proto))
        self.assertEqual(done.returncode, 1)
        self.assertIn("[onnx.size]", done.stderr)

    def growing(self, depth):
        """A loop inside `depth` others whose carried value grows by one element an iteration."""
        inner = body(f"b{depth}", [node("Identity", [f"c{depth}"], [f"k{depth}"]),
                                   node("Concat", [f"v{depth}", "one"], [f"o{depth}"], axis=0)],
                     [(f"i{depth}", I, []), (f"c{depth}", B, []), (f"v{depth}", F, None)], [(f"k{depth}", B, []), (f"o{depth}", F, None)])
        for d in range(depth - 1, -1, -1):
            inner = body(f"b{d}", [node("Identity", [f"c{d}"], [f"k{d}"]), node("Loop", ["n", "", f"v{d}"], [f"o{d}"], body=inner)],
                         [(f"i{d}", I, []), (f"c{d}", B, []), (f"v{d}", F, None)], [(f"k{d}", B, []), (f"o{d}", F, None)])
        return model([node("Loop", ["n", "", "x"], ["y"], body=inner)], [("n", I, []), ("x", F, [2])], [("y", F, None)],
                     {"one": np.ones(1, np.float32)})

    def test_nested_loops_that_grow(self):
        ones = lambda n: np.ones(n, np.float32)
        self.check(self.growing(2), *[({"n": np.array(n), "x": ones(2)}, {"y": ones(2 + n ** 3)}) for n in (0, 1, 2)])

    def test_nesting_that_doubles_the_work_ends(self):
        done = self.call("check", self.save("model.onnx", self.growing(24)))
        self.assertEqual(done.returncode, 1)
        self.assertIn("[onnx.size]", done.stderr)
        self.assertNotIn("[onnx.output]", done.stderr)

    def test_a_concat_of_many_sizes(self):
        count = 40
        proto = model([node("Concat", [f"x{i}" for i in range(count)], ["y"], axis=0)],
                      [(f"x{i}", F, [f"n{i}"]) for i in range(count)], [("y", F, None)])
        sets = []
        for step in (1, 7, 23):
            parts = [np.arange(i * step % 50, dtype=np.float32) + i for i in range(count)]
            sets.append(({f"x{i}": part for i, part in enumerate(parts)}, {"y": np.concatenate(parts)}))
        self.check(proto, *sets)

    def test_ranks_that_stay_different_are_refused(self):
        proto = model(self.squeezed() + [node("Exp", ["z"], ["y"])], [("x", F, ["n", 3, "t"])], [("y", F, None)],
                      {"minus": i64(-1), "one": i64(1)})
        done = self.call("check", self.save("model.onnx", proto))
        self.assertEqual(done.returncode, 1)
        self.assertIn("values of different ranks", done.stderr)
        self.assertIn("[onnx.if]", done.stderr)


class Loops(Case):
    def test_a_carried_value_grows_until_the_data_say_stop(self):
        step = body("step", [node("ReduceMax", ["v"], ["m"], keepdims=0), node("Add", ["m", "one"], ["next"]),
                             node("Concat", ["v", "next"], ["w"], axis=0), node("Less", ["next", "limit"], ["c1"]),
                             node("Squeeze", ["c1"], ["go"]), node("Identity", ["next"], ["s"])],
                    [("i", I, []), ("c", B, []), ("v", F, ["k"])], [("go", B, []), ("w", F, ["k1"]), ("s", F, [1])])
        proto = model([node("Loop", ["max", "", "x"], ["y", "steps"], body=step)], [("max", I, []), ("x", F, ["n"]), ("limit", F, [1])],
                      [("y", F, ["total"]), ("steps", F, ["count", 1])], {"one": np.float32([1])})
        sets = []
        for most, n, limit in ((10, 2, 4), (2, 3, 100), (0, 3, 4), (9, 1, 0)):
            x = np.arange(n, dtype="f")
            y, steps = list(x), []
            while len(steps) < most:
                y.append(max(y) + 1)
                steps.append([y[-1]])
                if not y[-1] < limit:
                    break
            sets.append(({"max": np.array(most), "x": x, "limit": np.float32([limit])},
                         {"y": np.float32(y), "steps": np.float32(steps).reshape(-1, 1)}))
        self.check(proto, *sets)

    def test_stacked_values_of_different_shapes_are_refused(self):
        step = body("step", [node("Cast", ["c"], ["d"], to=B), node("Concat", ["v", "x"], ["w"], axis=0),
                             node("Identity", ["w"], ["s"])],
                    [("i", I, []), ("c", B, []), ("v", F, ["k"])], [("d", B, []), ("w", F, ["k1"]), ("s", F, ["k1"])])
        proto = model([node("Loop", ["trips", "", "x"], ["y", "z"], body=step)], [("trips", I, []), ("x", F, ["n"])],
                      [("y", F, ["total"]), ("z", F, None)])
        x = f32(3)
        path = self.check(proto, ({"trips": np.array(1), "x": x}, {"y": np.tile(x, 2), "z": np.tile(x, 2)[None]}))
        self.refused(path, {"trips": np.array(2), "x": x}, "stacked value changes its shape")

    def test_a_carried_value_takes_another_extent_of_the_same_name(self):
        """The first iteration turns [n] into [m], which need not be equal."""
        step = body("step", [node("Cast", ["c"], ["d"], to=B), node("Add", ["z", "one"], ["w"])],
                    [("i", I, []), ("c", B, []), ("v", F, ["k"])], [("d", B, []), ("w", F, ["k1"])])
        proto = model([node("Loop", ["trips", "", "x"], ["y"], body=step)],
                      [("trips", I, []), ("x", F, ["n"]), ("z", F, ["m"])], [("y", F, ["total"])], {"one": np.float32([1])})
        x, z = f32(2), f32(5, seed=2)
        self.check(proto, ({"trips": np.array(0), "x": x, "z": z}, {"y": x}), ({"trips": np.array(3), "x": x, "z": z}, {"y": z + 1}))


class NarrowProducts(Case):
    """Bytes and halves reach the machine's instructions, one kernel a product, without a copy in a wide type."""
    BYTES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}

    def kernel(self, path, kind, target):
        listed = [line.split() for line in self.good("inspect", path, "--stage", "loop").splitlines()[1:]]
        kernels = [line[0] for line in listed if kind in line[2]]
        self.assertEqual(len(kernels), 1, listed)
        return self.good("inspect", path, "--kernel", kernels[0], "--stage", "asm", "--target", target)

    def check_bytes(self, op, x, w, x_zero, wanted, **attributes):
        shape = ["n"] + list(x.shape[1:])
        proto = model([node(op, ["x", "w", "z"], ["y"], **attributes)], [("x", self.BYTES[x.dtype.name], shape)],
                      [("y", TensorProto.INT32, None)], {"w": w, "z": np.array(x_zero, x.dtype)})
        self.check(proto, ({"x": x}, {"y": wanted.astype(np.int32)}))
        path = self.folder / "model.onnx"
        for target, word in (("sapphirerapids", "vpdpbusd"), ("x86-64-v3", "vpmaddwd")):
            self.assertIn(word, self.kernel(path, "dot" if op == "MatMulInteger" else "conv", target))

    def test_integer_matmuls_of_every_sign_with_a_zero_point(self):
        random = np.random.default_rng(3)
        for left in self.BYTES:
            for right in self.BYTES:
                x = random.integers(np.iinfo(left).min, np.iinfo(left).max + 1, (9, 131)).astype(left)
                w = random.integers(np.iinfo(right).min, np.iinfo(right).max + 1, (131, 70)).astype(right)
                self.check_bytes("MatMulInteger", x, w, 7, (x.astype(np.int64) - 7) @ w.astype(np.int64))

    def test_integer_convolutions_with_a_zero_point(self):
        random = np.random.default_rng(4)
        x = random.integers(0, 256, (2, 20, 6)).astype(np.uint8)
        w = random.integers(-128, 128, (33, 20, 3)).astype(np.int8)
        padded = np.pad(x.astype(np.int64) - 5, ((0, 0), (0, 0), (1, 1)))
        taps = np.stack([padded[:, :, i:i + 6] for i in range(3)], axis=-1)
        self.check_bytes("ConvInteger", x, w, 5, np.einsum("nciw,mcw->nmi", taps, w.astype(np.int64)), pads=[1, 1])

    def test_products_of_halves_accumulate_in_floats(self):
        half = TensorProto.BFLOAT16
        weights = helper.make_tensor("w", half, [65, 48], f32(65 * 48).tolist())
        proto = model([node("Cast", ["x"], ["h"], to=half), node("Cast", ["h"], ["wide_h"], to=F),
                       node("Cast", ["w"], ["wide_w"], to=F), node("MatMul", ["wide_h", "wide_w"], ["sum"]),
                       node("MatMul", ["h", "w"], ["low"]), node("Cast", ["low"], ["y"], to=F)],
                      [("x", F, ["n", 65])], [("sum", F, None), ("y", F, None)])
        proto.graph.initializer.append(weights)
        path = self.save("halves.onnx", proto)
        self.good("compare", path, "--shape", "n=9")
        listed = self.good("inspect", path, "--stage", "loop").splitlines()
        for line in [line.split() for line in listed[1:] if "dot" in line]:
            for target, word in (("sapphirerapids", "vdpbf16ps"), ("x86-64-v3", "vfmadd")):
                self.assertIn(word, self.good("inspect", path, "--kernel", line[0], "--stage", "asm", "--target", target))


class PackedWeights(Case):
    """Weights of sub-byte types, dequantized for a product: right, and as small in the compiled file as in the model."""
    LEVELS = {TensorProto.INT4: np.r_[0:8, -8:0], TensorProto.UINT4: np.arange(16), TensorProto.INT2: [0, 1, -2, -1],
              TensorProto.UINT2: np.arange(4),
              TensorProto.FLOAT4E2M1: [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]}

    def packed(self, name, kind, codes):
        bits = 2 if len(self.LEVELS[kind]) == 4 else 4
        row = np.zeros((-(-codes.size // (8 // bits)), 8 // bits), np.uint8)
        row.reshape(-1)[:codes.size] = codes.reshape(-1)
        raw = np.bitwise_or.reduce(row << (np.arange(8 // bits, dtype=np.uint8) * bits), axis=1).astype(np.uint8)
        return helper.make_tensor(name, kind, codes.shape, raw.tobytes(), raw=True)

    def dequantized(self, kind, mode, depth, columns):
        """The model, its input and output, and the bytes of its weights."""
        r, levels = np.random.default_rng(3), np.array(self.LEVELS[kind], "f")
        codes = r.integers(0, len(levels), (depth, columns))
        shape = {"tensor": (), "axis": (columns,), "blocked": (depth // 8, columns)}[mode]
        scale, zero = r.random(shape).astype("f") + np.float32(0.1), r.integers(0, len(levels), shape)
        inputs, tensors = ["w", "s"], [self.packed("w", kind, codes), numpy_helper.from_array(np.array(scale), "s")]
        if kind != TensorProto.FLOAT4E2M1:
            inputs, tensors = inputs + ["z"], tensors + [self.packed("z", kind, np.array(zero))]
        shift = levels[zero] if len(inputs) == 3 else np.float32(0)
        wide = lambda v: np.repeat(v, 8, axis=0) if mode == "blocked" and np.ndim(v) else v
        weights = (levels[codes] - wide(shift)) * wide(scale)
        options = {"tensor": {}, "axis": {"axis": 1}, "blocked": {"axis": 0, "block_size": 8}}[mode]
        proto = model([node("DequantizeLinear", inputs, ["d"], **options), node("MatMul", ["x", "d"], ["y"])],
                      [("x", F, ["n", depth])], [("y", F, ["n", columns])], ir_version=13, opset=25)
        proto.graph.initializer.extend(tensors)
        x = f32(3, depth)
        return proto, x, x.astype("d") @ weights, len(tensors[0].raw_data)

    def test_products_of_dequantized_weights(self):
        for kind in self.LEVELS:
            for mode in ("tensor", "axis", "blocked"):
                for depth, columns in ((16, 7), (72, 65)):
                    proto, x, y, _ = self.dequantized(kind, mode, depth, columns)
                    with self.subTest(kind=kind, mode=mode, depth=depth, columns=columns):
                        path = self.save("model.onnx", proto)
                        self.good("compare", path, "--shape", "n=3")
                        self.good("run", path, *self.inputs({"x": x}), "--save", self.folder / "out")
                        np.testing.assert_allclose(np.load(self.folder / "out/y.npy"), y, rtol=1e-4, atol=1e-3)


if __name__ == "__main__":
    unittest.main()
