#!/usr/bin/env python3
"""Models as objects of C. Each is linked into a strict C99 program, whose outputs are those of `tenon run` to the last
bit. TENON_BIN names the folder of the programs, TENON_CC the compiler.
"""
import pathlib
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

import cases_test
from embedded import Embedded
from harness import TENON, Case, attention, chain, mlp, model

ROOT = pathlib.Path(__file__).resolve().parent
F, I = TensorProto.FLOAT, TensorProto.INT64
node = helper.make_node


def f32(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


def typed(proto, **types):
    """The model with other element types of outputs."""
    for output in proto.graph.output:
        if output.name in types:
            output.type.tensor_type.elem_type = types[output.name]
    return proto


def counting_loop(trips):
    """Squares and sums x [n] over and over: one carried value, one stacked."""
    body = helper.make_graph(
        [node("Mul", ["v", "half"], ["h"]), node("Add", ["h", "x"], ["next"]), node("ReduceSum", ["next"], ["s"], keepdims=0),
         node("Identity", ["c"], ["go"])], "body",
        [helper.make_tensor_value_info("i", I, []), helper.make_tensor_value_info("c", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v", F, ["n"])],
        [helper.make_tensor_value_info("go", TensorProto.BOOL, []), helper.make_tensor_value_info("next", F, ["n"]),
         helper.make_tensor_value_info("s", F, [])])
    return model([node("Loop", ["trips", "", "x"], ["y", "sums"], body=body)], [("x", F, ["n"])],
                 [("y", ["n"]), ("sums", ["t"])], [("trips", np.array(trips)), ("half", np.array(0.5, "f"))])


class Embed(Case):
    def expected(self, path, arrays, outputs, *options):
        given = [a for name, value in arrays.items() for a in ("--input", self.array(name, value))]
        out = self.folder / "out"
        self.good("run", path, *given, "--save", out, "--threads", 1, *options)
        return {name: np.load(out / f"{name}.npy") for name in outputs}

    def check(self, path, arrays, form="o", workers=1, extra=0, options=()):
        embedded = Embedded(self, path, form, *options)
        got = embedded.run(arrays, workers, extra)
        for name, want in self.expected(path, arrays, got).items():
            self.assertEqual((want.dtype, want.shape), (got[name].dtype, got[name].shape), name)
            self.assertEqual(want.tobytes(), got[name].tobytes(), name)
        return embedded

    def test_each_form_holds_the_functions_alone_and_needs_nothing(self):
        path = self.save("m.onnx", mlp()[0])
        arrays = {"x": f32(5, 12)}
        for form in ("o", "a", "so"):
            for options in ((), ("--weights", "WEIGHTS")):
                with self.subTest(form=form, options=options):
                    embedded = self.check(path, arrays, form, options=options)
                    dynamic = ["-D"] if form == "so" else []
                    self.assertEqual(embedded.command("nm", *dynamic, "-u", embedded.object).strip().strip("m.o:"), "")
                    names = embedded.command("nm", *dynamic, "--defined-only", "--extern-only", "--format=posix", embedded.object)
                    names = {line.split()[0] for line in names.splitlines() if " T " in line}
                    self.assertEqual(names, {"m_open", "m_size", "m_run", "m_close"})
                    self.assertEqual(embedded.weights is not None, embedded.header.value("WEIGHTS_BYTES") is not None)

    def test_constant_extents_give_macros(self):
        embedded = self.check(self.save("m.onnx", mlp()[0]), {"x": f32(3, 12)}, options=("--reshape", "x=3x12"))
        header = embedded.header
        self.assertEqual((header.value("X_COUNT"), header.value("Y_COUNT"), header.extents), (36, 15, {}))
        self.assertIsNotNone(header.value("WORKSPACE_BYTES"))

    def test_symbolic_extents_and_integers(self):
        tokens = np.random.default_rng(1).integers(0, 50, (3, 17))
        embedded = self.check(self.save("m.onnx", attention()[0]), {"tokens": tokens})
        self.assertEqual(embedded.header.extents, {"batch": "batch", "axis 0 of tokens": "batch", "seq": "seq", "axis 1 of tokens": "seq"})

    def test_one_instance_runs_with_one_shape_after_the_other(self):
        path, x = self.save("m.onnx", mlp()[0]), f32(9, 12)
        embedded = Embedded(self, path)
        embedded.give({"x": x})
        embedded.build("""#include "m.h"
#include "embed_test.h"
int main(void) {
  static m_instance instance;
  static m_io io;
  static unsigned char space[1 << 16];
  const int batches[] = {3, 9, 0, 3};
  char name[] = "0.out";
  size_t bytes, most = 0;
  int i;
  (void)tell; (void)on_threads;
  io.x = load("x.in", 64);
  if (m_open(&instance, M_VERSION, NULL)) return 1;
  for (i = 0; i < 4; ++i, ++name[0]) {
    io.batch = batches[i];
    if (m_size(&instance, &io, &bytes) || bytes > sizeof space || (i == 1 && bytes < most)) return 2;
    most = bytes;
    io.y_bytes = (uint64_t)(io.y_shape[0] * io.y_shape[1] * 4);
    io.y = malloc(io.y_bytes + 1);
    if (m_run(&instance, &io, space + i, bytes)) return 3;
    save(name, io.y, io.y_bytes);
  }
  return 0;
}
""")
        embedded.command("./main")
        for i, batch in enumerate((3, 9, 0, 3)):
            got = (embedded.folder / f"{i}.out").read_bytes()
            self.assertEqual(got, self.expected(path, {"x": x[:batch]}, ["y"])["y"].tobytes(), batch)

    def test_several_outputs_of_several_types(self):
        proto = model([node("TopK", ["x", "k"], ["v", "at"]), node("Cast", ["v"], ["b"], to=TensorProto.INT8),
                       node("Greater", ["x", "z"], ["p"])], [("x", F, ["n", 9])],
                      [("v", ["n", 4]), ("at", ["n", 4]), ("b", ["n", 4]), ("p", ["n", 9]), ("x_", ["n", 9])],
                      [("k", np.array([4])), ("z", np.array(0, "f"))])
        proto.graph.node.append(node("Identity", ["x"], ["x_"]))
        typed(proto, at=I, b=TensorProto.INT8, p=TensorProto.BOOL)
        self.check(self.save("m.onnx", proto), {"x": 9 * f32(4, 9)})

    def test_halves(self):
        proto = typed(model([node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), node("Tanh", ["h"], ["y"])],
                            [("x", F, ["n"])], [("y", ["n"])]), y=TensorProto.FLOAT16)
        self.check(self.save("m.onnx", proto), {"x": f32(33)})

    def test_extents_that_data_decide(self):
        proto = typed(model([node("NonZero", ["x"], ["i"]), node("Transpose", ["i"], ["y"])], [("x", F, ["n", 5])],
                            [("y", ["count", 2])]), y=I)
        path, x = self.save("m.onnx", proto), f32(40, 5) * (f32(40, 5, seed=2) > 0)
        embedded = self.check(path, {"x": x}, extra=1 << 16)
        self.assertIn("elements of tensors", embedded.header.text)
        self.assertIn("for these data the run needs at least", embedded.run({"x": x}, status=4))

    def test_loops_grow_in_the_workspace(self):
        for trips in (0, 1, 37):
            path = self.save("m.onnx", counting_loop(trips))
            self.check(path, {"x": f32(6)}, extra=1 << 14)

    def test_a_recurrent_layer_takes_what_its_extents_say(self):
        proto = model([node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=9)], [("x", F, ["t", 2, 5])],
                      [("y", ["t", 1, 2, 9])], [("w", f32(1, 36, 5)), ("r", f32(1, 36, 9)), ("b", f32(1, 72))])
        path = self.save("m.onnx", proto)
        for steps in (0, 1, 23):
            embedded = self.check(path, {"x": f32(steps, 2, 5)})
            self.assertNotIn("elements of tensors", embedded.header.text)
        self.assertIsNotNone(self.check(path, {"x": f32(23, 2, 5)}, options=("--reshape", "x=23x2x5")).header.value("WORKSPACE_BYTES"))

    def test_the_cases_of_the_fuzzer(self):
        for case in cases_test.CASES:
            given = onnx.load(case / "model.onnx").graph
            names = [i.name for i in given.input if i.name not in {w.name for w in given.initializer}]
            data_set = sorted(case.glob("test_data_set_*"))[-1]
            with self.subTest(case=case.name):
                self.check(case / "model.onnx", dict(zip(names, cases_test.read_tensors(data_set, "input"))), extra=1 << 20)

    def test_threads_of_the_caller_change_nothing(self):
        proto = model([node("MatMul", ["x", "w"], ["a"]), node("Softmax", ["a"], ["y"])], [("x", F, ["n", 256])],
                      [("y", ["n", 512])], [("w", f32(256, 512))])
        path, arrays = self.save("m.onnx", proto), {"x": f32(300, 256)}
        for workers in (1, 3, 8):
            self.check(path, arrays, workers=workers)

    def test_a_default_stands_in_for_null(self):
        path = self.save("m.onnx", model([node("Add", ["x", "w"], ["y"])], [("x", F, [4]), ("w", F, [4])], [("y", [4])],
                                         [("w", f32(4))]))
        self.check(path, {"x": f32(4, seed=2)})

    def test_a_parameter_of_the_caller_is_changed(self):
        text = self.folder / "m.tir"
        text.write_text("model @roles[n](x: f32[n], w: const f32[n], p: inout f32[n]) -> (y, p) {\n"
                        "  a = mul(x, w) : f32[n]\n  q = add(p, a) : f32[n]\n  return a, q\n}\n")
        x, w, p = f32(7), f32(7, seed=2), f32(7, seed=3)
        got = Embedded(self, text).run({"x": x, "w": w, "p": p})
        self.assertEqual(got["y"].tobytes(), (x * w).tobytes())
        self.assertEqual(got["p"].tobytes(), (p + x * w + x * w).tobytes())  # the program runs twice

    def test_a_state_is_refused(self):
        text = self.folder / "m.tir"
        text.write_text("model @count[](x: f32[2], sum: state f32[2] double = constant [0, 0] : f32[2]) -> (y, sum) {\n"
                        "  s = add(x, sum) : f32[2]\n  return s, s\n}\n")
        self.bad("compile", text, "-o", self.folder / "m.o", says=["[embed.state]", "'sum'", "an input and an output"])
        self.assertFalse((self.folder / "m.h").exists())

    def test_what_does_not_fit_is_refused_in_words(self):
        path = self.save("m.onnx", model([node("Gather", ["x", "i"], ["g"]), node("Add", ["g", "b"], ["y"])],
                                         [("x", F, [5, 3]), ("i", I, ["n"]), ("b", F, ["m", 3])], [("y", ["n", 3])]))
        embedded = Embedded(self, path)
        x, b = f32(5, 3), f32(4, 3)
        say = lambda i, b, status: embedded.run({"x": x, "i": np.array(i), "b": b}, status=status)
        self.assertIn("index 7 does not lie in an axis of extent 5", say([0, 4, 7, 1], b, 6))
        self.assertIn("m", say([0, 1, 2], b, 5))
        n = embedded.header.name
        for lines, status, words in (
                (f"return {n}_open(&instance, 1, &hooks);", 1, ""),
                (f"return {n}_open(NULL, M_VERSION, &hooks);", 3, ""),
                (f"return {n}_run(&instance, &io, space, 64);", 3, ""),
                (f"OPEN io.n = -1; return {n}_size(&instance, &io, &bytes);", 3, "extent"),
                (f"OPEN io.n = 2; io.m = 2; return {n}_run(&instance, &io, space, sizeof space);", 3, "input 'x' is NULL"),
                (f"OPEN io.x = space; io.i = (int64_t *)(space + 1); io.b = space; io.n = io.m = 1; "
                 f"return {n}_run(&instance, &io, space, sizeof space);", 3, "'i' is not aligned"),
                (f"OPEN io.x = space; io.i = (int64_t *)space; io.b = space; io.n = io.m = 1; io.y = space + 64; io.y_bytes = 8; "
                 f"return {n}_run(&instance, &io, space, sizeof space);", 4, "'y' has 8 bytes, it takes 12"),
                (f"OPEN io.n = io.m = 1 << 20; return {n}_run(&instance, &io, NULL, 0);", 4, "give more"),
                (f"hooks.parallel_for = on_threads; hooks.workers = 5000; OPEN return 0;", 3, "1024")):
            with self.subTest(lines=lines):
                lines = lines.replace("OPEN", f"if ((code = {n}_open(&instance, M_VERSION, &hooks)) != 0) return code;\n ")
                lines = lines.replace("io.x = space", "io.x = (float *)space").replace("io.b = space", "io.b = (float *)space")
                lines = lines.replace("io.y = space + 64", "io.y = (float *)(space + 64)")
                embedded.build(f"""#include "{n}.h"
#include "embed_test.h"
static unsigned char space[1 << 16];
int main(void) {{
  static {n}_instance instance;
  static {n}_io io;
  static {n}_hooks hooks;
  size_t bytes = 0;
  int code = 0;
  hooks.error = tell;
  hooks.error_user = stderr;
  (void)instance; (void)hooks; (void)bytes; (void)code; (void)space; (void)io; (void)load; (void)save; (void)on_threads;
  {lines}
}}
""")
                self.assertIn(words, embedded.command("./main", status=status))

    def test_a_cpu_that_lacks_instructions_is_refused_by_name(self):
        embedded = Embedded(self, self.save("m.onnx", mlp()[0]), "o", "--target", "x86-64-v3", runner=["qemu-x86_64", "-cpu", "Nehalem"])
        said = embedded.run({"x": f32(5, 12)}, status=2)
        self.assertIn("avx2", said)
        self.assertNotIn("sse4.1", said)

    def test_a_compiled_file_becomes_the_same_object(self):
        path, compiled = self.save("m.onnx", chain(5)), self.folder / "m.tenon"
        self.good("compile", path, "-o", compiled)
        for source in (path, compiled):
            self.good("compile", source, "-o", self.folder / f"{source.suffix[1:]}.o", "--name", "net")
        for suffix in (".o", ".h"):
            files = [(self.folder / name).with_suffix(suffix).read_bytes() for name in ("onnx", "tenon")]
            if suffix == ".h":
                files = [f.split(b"\n", 1)[1].replace(b"ONNX", b"TENON") for f in files]
            self.assertEqual(*files)

    def test_hostile_names_stay_inside_their_comments(self):
        proto = model([node("Add", ["int", "*/ #error"], ["\\\nY"])], [("int", F, ["while", 3]), ("*/ #error", F, ["while", 3])],
                      [("\\\nY", ["while", 3])])
        path = self.save("m.onnx", proto)
        embedded = Embedded(self, path)
        embedded.build(f'#include "{embedded.header.name}.h"\nint main(void) {{ m_io io = {{0}}; return io.int_ != 0 || io.while_ != 0; }}\n')
        embedded.command("./main")

    def test_two_models_in_one_program(self):
        for name in ("one", "two"):
            self.good("compile", self.save(f"{name}.onnx", chain(3 if name == "one" else 4)), "-o", self.folder / f"{name}.o")
        embedded = Embedded(self, self.save("m.onnx", mlp()[0]))
        (embedded.folder / "main.c").write_text(
            '#include "../one.h"\n#include "../two.h"\nint main(void) { one_instance a; two_instance b;\n'
            "return one_open(&a, ONE_VERSION, 0) + two_open(&b, TWO_VERSION, 0); }\n")
        embedded.command(*embedded.cc, "-std=c99", "-pedantic", "-Werror", "-Wall", "-o", "main", "main.c", "../one.o", "../two.o")
        embedded.command("./main")

    def test_wrong_usage(self):
        path = self.save("m.onnx", mlp()[0])
        for arguments, says in ((["m.tenon", "--name", "net"], "--name"), (["m.o", "--name", "a b"], "no name in C"),
                                (["m.o", "--header", "m.o"], "give each file its own")):
            out, *options = arguments
            options = [self.folder / o if o == "m.o" else o for o in options]
            self.bad("compile", path, "-o", self.folder / out, *options, status=2, says=["[usage]", says])


if __name__ == "__main__":
    unittest.main()
