#!/usr/bin/env python3
"""The command line from outside: bad input, JSON keys, results against numpy, cache, interrupts.

Run by ctest with TENON_BIN naming the folder of tenon and tenon-run. Models are built here with the
onnx package; nothing is downloaded.
"""
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN = pathlib.Path(os.environ.get("TENON_BIN", pathlib.Path(__file__).resolve().parent.parent / "build/bin"))
TENON, TENON_RUN = BIN / "tenon", BIN / "tenon-run"
COMMANDS = ["run", "bench", "compile", "inspect", "check", "compare", "opt", "targets", "conformance"]


def model(nodes, inputs, outputs, weights=(), opset=17):
    graph = helper.make_graph(
        nodes, "test",
        [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(v, n) for n, v in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def mlp():
    """x [batch, 12] -> gelu-like hidden layer of 37 -> softmax over 5; weights and a numpy function."""
    r = np.random.default_rng(7)
    w1, b1 = r.standard_normal((12, 37)).astype("f"), r.standard_normal(37).astype("f")
    w2 = r.standard_normal((37, 5)).astype("f")
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["a"]), helper.make_node("Add", ["a", "b1"], ["b"]),
             helper.make_node("Tanh", ["b"], ["c"]), helper.make_node("MatMul", ["c", "w2"], ["d"]),
             helper.make_node("Softmax", ["d"], ["y"], axis=-1)]
    proto = model(nodes, [("x", TensorProto.FLOAT, ["batch", 12])], [("y", ["batch", 5])],
                  [("w1", w1), ("b1", b1), ("w2", w2)])

    def reference(x):
        x = x.astype("d")
        d = np.tanh(x @ w1 + b1) @ w2
        e = np.exp(d - d.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return proto, reference


def attention():
    """tokens [batch, seq] -> embedding, self attention, layer norm; symbolic in both axes."""
    r = np.random.default_rng(8)
    table, gamma = r.standard_normal((50, 16)).astype("f"), r.standard_normal(16).astype("f")
    beta = np.zeros(16, "f")
    n = helper.make_node
    nodes = [n("Gather", ["table", "tokens"], ["e"]), n("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
             n("MatMul", ["e", "et"], ["s"]), n("Softmax", ["s"], ["p"], axis=-1), n("MatMul", ["p", "e"], ["v"]),
             n("Add", ["v", "e"], ["r"]), n("LayerNormalization", ["r", "gamma", "beta"], ["y"], axis=-1)]
    proto = model(nodes, [("tokens", TensorProto.INT64, ["batch", "seq"])], [("y", ["batch", "seq", 16])],
                  [("table", table), ("gamma", gamma), ("beta", beta)])

    def reference(tokens):
        e = table[tokens].astype("d")
        s = e @ e.transpose(0, 2, 1)
        p = np.exp(s - s.max(-1, keepdims=True))
        v = (p / p.sum(-1, keepdims=True)) @ e + e
        c = v - v.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5) * gamma

    return proto, reference


def chain(count):
    ops = ["Relu", "Tanh", "Neg", "Sigmoid", "Abs"]
    nodes = [helper.make_node(ops[i % 5], [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    return model(nodes, [("v0", TensorProto.FLOAT, ["n", 8])], [(f"v{count}", ["n", 8])])


class Case(unittest.TestCase):
    def setUp(self):
        self.folder_owner = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder_owner.cleanup)
        self.folder = pathlib.Path(self.folder_owner.name)
        self.cache = self.folder / "cache"
        self.env = {**os.environ, "TENON_CACHE_DIR": str(self.cache)}

    def call(self, *arguments, program=TENON, env=None, timeout=120):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              env={**self.env, **(env or {})})

    def good(self, *arguments, **more):
        done = self.call(*arguments, **more)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    def bad(self, *arguments, status=1, says, count=1, program=TENON):
        """Exactly `count` error lines that hold the text, and the status; nothing else on stderr."""
        done = self.call(*arguments, program=program)
        context = f"{arguments}: status {done.returncode}, stderr {done.stderr!r}"
        self.assertEqual(done.returncode, status, context)
        lines = done.stderr.strip().splitlines()
        if status == 1:
            self.assertEqual(len(lines), count, context)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stderr, context)
        self.assertNotRegex(done.stderr, r"terminate called|Sanitizer|check failed|Traceback", context)
        self.assertEqual(done.stdout, "", context)
        return done.stderr

    def save(self, name, proto):
        path = self.folder / name
        path.write_bytes(proto.SerializeToString())
        return path

    def array(self, name, value):
        np.save(self.folder / f"{name}.npy", value)
        return f"{name}={self.folder / name}.npy"

    def run_model(self, path, name, value, *more, program=TENON):
        out = self.folder / "out"
        leading = ["run"] if program == TENON else []
        self.good(*leading, path, "--input", self.array(name, value), "--save", out, *more, program=program)
        return np.load(out / "y.npy")

    def temporary_files(self):
        return [p for p in self.folder.rglob("*") if ".tmp" in p.name]


class BadModel(Case):
    def test_truncated_file_is_refused(self):
        data = mlp()[0].SerializeToString()
        for size in [0, 1, 40, len(data) // 2, len(data) - 1]:
            path = self.folder / "cut.onnx"
            path.write_bytes(data[:size])
            self.bad("run", path, "--fill", "zeros", says="cut.onnx")

    def test_text_file_is_refused(self):
        path = self.folder / "words.onnx"
        path.write_text("these are words, not a model\n" * 20)
        for command in ["run", "check", "inspect", "compare", "bench"]:
            self.bad(command, path, says="[onnx.parse]")

    def test_missing_file_and_folder_are_refused(self):
        self.bad("run", self.folder / "none.onnx", says="[file.open]")
        self.bad("run", self.folder, says="not a regular file")

    def test_every_unknown_operator_is_named(self):
        nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first"),
                 helper.make_node("Relu", ["a"], ["b"]),
                 helper.make_node("Wibble", ["b"], ["y"], name="second")]
        path = self.save("odd.onnx", model(nodes, [("x", TensorProto.FLOAT, [2])], [("y", [2])]))
        for command in ["run", "check"]:
            self.bad(command, path, says=["Frobnicate", "Wibble", "first", "second"], count=2)
        done = self.call("check", "--json", path)
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        self.assertFalse(report["supported"])
        self.assertEqual(len(report["problems"]), 2)

    def test_shapes_that_do_not_fit_are_refused(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        path = self.save("bad.onnx", model(nodes, [("x", TensorProto.FLOAT, [2, 3])], [("y", [2, 5])],
                                           [("w", np.zeros((4, 5), "f"))]))
        self.bad("check", path, says="MatMul")


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.path = self.save("m.onnx", mlp()[0])

    def test_missing_input_is_named(self):
        self.bad("run", self.path, says=["'x'", "--input"])

    def test_misspelt_input_gets_a_suggestion(self):
        path = self.save("t.onnx", attention()[0])
        value = self.array("tokens", np.zeros((1, 3), "i8"))
        self.bad("run", path, "--input", value.replace("tokens=", "tokns="), says="did you mean 'tokens'?")
        self.bad("run", path, "--fill", "zeros", "--shape", "bach=2", says="did you mean 'batch'?")

    def test_extents_that_must_agree_are_refused_where_they_do_not(self):
        nodes = [helper.make_node("Add", ["x", "z"], ["y"])]
        path = self.save("add.onnx", model(nodes, [("x", TensorProto.FLOAT, ["n"]), ("z", TensorProto.FLOAT, ["m"])],
                                           [("y", ["n"])]))
        self.good("run", path, "--fill", "zeros", "--shape", "n=3", "--shape", "m=3")
        self.bad("run", path, "--fill", "zeros", "--shape", "n=3", "--shape", "m=4", says="y needs n == m")

    def test_expand_to_extents_that_do_not_fit_is_refused(self):
        nodes = [helper.make_node("Expand", ["x", "z"], ["y"])]
        path = self.save("expand.onnx", model(nodes, [("x", TensorProto.FLOAT, ["n"]), ("z", TensorProto.INT64, [1])],
                                              [("y", ["k"])]))
        for target, fits in [(3, True), (1, True), (7, False), (-3, False)]:
            np.save(self.folder / "z.npy", np.array([target]))
            command = ("run", path, "--fill", "zeros", "--shape", "n=3", "--input", f"z={self.folder / 'z.npy'}")
            if fits:
                self.good(*command)
            else:
                self.bad(*command, says="cannot expand axis 0")

    def test_wrong_shape_is_refused(self):
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 13), "f")), says=["13", "12"])
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 12, 1), "f")), says="x")

    def test_wrong_dtype_is_refused(self):
        self.bad("run", self.path, "--input", self.array("x", np.zeros((2, 12), "i4")), says=["i32", "f32"])

    def test_damaged_array_is_refused(self):
        value = self.array("x", np.zeros((2, 12), "f"))
        file = self.folder / "x.npy"
        file.write_bytes(file.read_bytes()[:100])
        self.bad("run", self.path, "--input", value, says="x.npy")
        file.write_text("not an array")
        self.bad("run", self.path, "--input", value, says="x.npy")

    def test_unknown_names_are_refused(self):
        self.bad("run", self.path, "--fill", "zeros", "--target", "pdp11", says="[target.unknown]")
        self.bad("run", self.path, "--fill", "zeros", "--disable-pass", "nix", says="[pass.unknown]")
        self.bad("inspect", self.path, "--after", "nix", says="[pass.unknown]")
        self.bad("inspect", self.path, "--kernel", "nix", says="[kernel.unknown]")
        self.bad("run", self.path, "--fill", "zeros", "--precision", "f7", says="[precision.unsupported]")

    def test_wrong_usage_has_status_2(self):
        self.bad("run", self.path, "--wat", status=2, says="--wat")
        self.bad("frob", status=2, says="")
        self.bad(status=2, says="")
        self.bad("run", status=2, says="MODEL")
        self.bad("run", self.path, "--input", "x", status=2, says="NAME=FILE.npy")
        self.bad("run", self.path, "--shape", "x=1xtwo", status=2, says="1xtwo")
        self.bad("run", self.path, "--fill", "ones", status=2, says="ones")
        self.bad("run", self.path, "--threads", "many", status=2, says="many")
        self.bad("--wat", status=2, says="--wat", program=TENON_RUN)
        self.bad(status=2, says="no model", program=TENON_RUN)

    def test_output_that_cannot_be_written_is_refused(self):
        self.bad("compile", self.path, "-o", self.folder / "none/m.tenon", says="[file.write]")
        self.bad("compile", self.path, "-o", self.folder, status=2, says="[compile.output]")


class BadArtifact(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "m.tenon"
        self.good("compile", self.save("m.onnx", mlp()[0]), "-o", self.file)
        self.data = self.file.read_bytes()

    def refuse(self, data, says="m.tenon"):
        self.file.write_bytes(data)
        self.bad("run", self.file, "--fill", "zeros", says=says)
        self.bad(self.file, "--fill", "zeros", says=says, program=TENON_RUN)

    def test_another_version_is_refused(self):
        head = bytearray(self.data)
        at = len(b"TENON") if head[:5] == b"TENON" else 8
        version = next(i for i in range(at, 32) if struct.unpack_from("<I", head, i)[0] in range(1, 100))
        struct.pack_into("<I", head, version, 99)
        self.refuse(bytes(head), says="version")

    def test_a_flipped_bit_anywhere_is_refused(self):
        size = len(self.data)
        for k in range(24):
            at = 8 + (size - 9) * k // 23
            damaged = bytearray(self.data)
            damaged[at] ^= 1 << (k % 8)
            self.refuse(bytes(damaged))

    def test_a_truncated_or_foreign_file_is_refused(self):
        for size in [0, 3, 16, 100, len(self.data) // 2, len(self.data) - 1]:
            self.refuse(self.data[:size])
        self.refuse(b"just text" * 100)
        self.refuse(self.data + b"more")

    def test_compiled_file_is_refused_where_source_is_needed(self):
        self.bad("compare", self.file, says="[model.compiled]")


class Output(Case):
    def test_every_help_has_an_example(self):
        for command in COMMANDS:
            text = self.good(command, "--help")
            self.assertRegex(text, rf"examples?:\n\s+tenon {command}", command)
        self.assertIn("example", self.good("--help"))
        self.assertIn("example", self.good("--help", program=TENON_RUN))

    def test_json_has_its_keys(self):
        path = self.save("m.onnx", mlp()[0])
        bench = json.loads(self.good("bench", path, "--json", "--seconds", 0.05, "--threads", 1, "--shape", "batch=2"))
        for key, inner in {"model": [], "target": [], "threads": [], "precision": [], "flops": [], "sol_s": [],
                           "setup_s": ["compile", "load", "cached"], "kernels": [],
                           "latency_s": ["min", "median", "p90", "p99", "count"],
                           "memory_bytes": ["weights", "arena", "peak_rss"], "fallbacks": []}.items():
            self.assertIn(key, bench)
            for name in inner:
                self.assertIn(name, bench[key])
        self.assertEqual(bench["fallbacks"], 0)
        for kernel in bench["kernels"]:
            self.assertLessEqual({"name", "operator", "shape", "time_s", "flops", "bytes", "sol_s"}, kernel.keys())
        compare = json.loads(self.good("compare", path, "--json"))
        self.assertEqual(compare["outputs"][0]["output"], "y")
        self.assertLess(compare["outputs"][0]["relative_error"], 1e-4)
        self.assertTrue(json.loads(self.good("check", path, "--json"))["supported"])
        targets = {row["name"] for row in json.loads(self.good("targets", "--json"))}
        self.assertLessEqual({"x86-64-v3", "x86-64-v4", "sapphirerapids", "znver5"}, targets)
        run = json.loads(self.good("run", path, "--json", "--fill", "random:1"))
        self.assertEqual(run["outputs"][0]["name"], "y")

    def test_conformance_counts_cases(self):
        proto, reference = mlp()
        case = self.folder / "cases/test_mlp"
        (case / "test_data_set_0").mkdir(parents=True)
        (case / "model.onnx").write_bytes(proto.SerializeToString())
        x = np.random.default_rng(1).standard_normal((3, 12)).astype("f")
        for name, value in [("input_0", x), ("output_0", reference(x).astype("f"))]:
            (case / f"test_data_set_0/{name}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
        text = self.good("conformance", self.folder / "cases")
        self.assertRegex(text.splitlines()[-1], r"^1 of 1 passed = 100(\.0+)? %$")
        report = json.loads(self.good("conformance", "--json", self.folder / "cases"))
        self.assertEqual((report["passed"], report["total"]), (1, 1))
        wrong = numpy_helper.from_array(np.zeros((3, 5), "f")).SerializeToString()
        (case / "test_data_set_0/output_0.pb").write_bytes(wrong)
        self.assertRegex(self.good("conformance", self.folder / "cases"), r"FAIL .*element 0(.|\n)*0 of 1 passed")

    def test_inspect_shows_every_stage_and_opt_reads_it_back(self):
        path = self.save("m.onnx", mlp()[0])
        text = self.good("inspect", path, "--stage", "import", "--constants")
        tir = self.folder / "m.tir"
        tir.write_text(text)
        self.assertEqual(self.good("opt", "--constants", tir), text)
        after = self.good("inspect", path, "--after", "canonicalize")
        self.assertIn("dot", after)
        self.assertIn("canonicalize", self.good("opt", "--list"))
        self.assertIn("exp", self.good("opt", "--pass", "decompose,canonicalize", tir))
        self.assertIn("dot", self.good("inspect", path, "--stage", "loop"))
        for stage, word in [("loop", "# schedule"), ("target", "# target stage"), ("llvm", "define"),
                            ("asm", "ret")]:
            self.assertIn(word, self.good("inspect", path, "--kernel", 0, "--stage", stage))
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.assertIn("input  x: f32[batch, 12]", self.good("inspect", self.folder / "m.tenon"))
        self.assertIn("worst relative error", self.good("compare", tir))


class Numbers(Case):
    def test_run_agrees_with_numpy_at_many_batches(self):
        proto, reference = mlp()
        path = self.save("m.onnx", proto)
        for batch in [1, 3, 17]:
            x = np.random.default_rng(batch).standard_normal((batch, 12)).astype("f")
            np.testing.assert_allclose(self.run_model(path, "x", x), reference(x), rtol=1e-4, atol=1e-5)

    def test_one_artifact_serves_all_lengths(self):
        proto, reference = attention()
        file = self.folder / "m.tenon"
        self.good("compile", self.save("m.onnx", proto), "-o", file)
        for batch, seq in [(1, 1), (1, 128), (3, 7), (2, 31), (1, 129), (3, 63)]:
            tokens = np.random.default_rng(seq).integers(0, 50, (batch, seq))
            for program in [TENON, TENON_RUN]:
                y = self.run_model(file, "tokens", tokens, program=program)
                np.testing.assert_allclose(y, reference(tokens), rtol=1e-4, atol=1e-4)

    def test_compiled_file_gives_the_bits_of_run(self):
        path = self.save("m.onnx", mlp()[0])
        x = np.random.default_rng(5).standard_normal((9, 12)).astype("f")
        direct = self.run_model(path, "x", x)
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.assertEqual(self.run_model(self.folder / "m.tenon", "x", x, program=TENON_RUN).tobytes(), direct.tobytes())

    def test_thread_count_does_not_change_a_bit(self):
        path = self.save("m.onnx", attention()[0])
        tokens = np.random.default_rng(2).integers(0, 50, (3, 201))
        one = self.run_model(path, "tokens", tokens, "--threads", 1)
        two = self.run_model(path, "tokens", tokens, "--threads", 2)
        self.assertEqual(one.tobytes(), two.tobytes())

    def test_compare_against_saved_outputs(self):
        path = self.save("m.onnx", mlp()[0])
        out = self.folder / "out"
        self.good("run", path, "--fill", "random:0", "--save", out)
        self.assertIn("worst relative error 0 at y", self.good("compare", path, "--against", out, "--fill", "random:0"))
        np.save(out / "y.npy", np.load(out / "y.npy") + 0.5)
        self.assertEqual(self.call("compare", path, "--against", out, "--fill", "random:0").returncode, 1)

    def test_compile_time_grows_linearly_with_a_chain(self):
        paths = {n: self.save(f"c{n}.onnx", chain(n)) for n in [1000, 10000]}

        def user_time(n):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            self.good("compile", paths[n], "-o", self.folder / "c.tenon", "--no-cache")
            return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

        for _ in range(3):  # a busy machine may disturb one measurement
            small, large = user_time(1000), user_time(10000)
            if large <= 12 * small:
                return
        self.fail(f"1,000 nodes take {small:.2f} s, 10,000 take {large:.2f} s")


class CacheFolder(Case):
    def setUp(self):
        super().setUp()
        self.path = self.save("m.onnx", mlp()[0])

    def cached(self, *more, env=None):
        text = self.good("bench", self.path, "--json", "--repeat", 2, "--threads", 1, *more, env=env)
        return json.loads(text)["setup_s"]["cached"]

    def entries(self):
        return sorted(self.cache.glob("*.tenon"))

    def test_second_run_is_cached(self):
        self.assertFalse(self.cached())
        self.assertTrue(self.cached())
        self.assertFalse(self.cached("--no-cache"))
        self.assertFalse(self.cached("--target", "x86-64-v3"))
        self.assertTrue(self.cached("--target", "x86-64-v3"))

    def test_no_cache_stores_nothing(self):
        self.cached("--no-cache")
        self.assertEqual(self.entries(), [])

    def test_a_changed_model_is_compiled_anew(self):
        self.cached()
        proto = mlp()[0]
        proto.graph.node[2].op_type = "Sigmoid"
        self.save("m.onnx", proto)
        self.assertFalse(self.cached())

    def test_a_damaged_entry_is_rebuilt(self):
        x = np.random.default_rng(5).standard_normal((9, 12)).astype("f")
        right = self.run_model(self.path, "x", x)
        for damage in [lambda d: d[:len(d) // 2], lambda d: b"", lambda d: b"x" * len(d)]:
            for entry in self.entries():
                entry.write_bytes(damage(entry.read_bytes()))
            self.assertEqual(self.run_model(self.path, "x", x).tobytes(), right.tobytes())
            self.assertTrue(self.cached())

    def test_a_cache_that_cannot_be_written_does_not_stop_a_run(self):
        (self.folder / "file").write_text("")
        self.assertFalse(self.cached(env={"TENON_CACHE_DIR": str(self.folder / "file/cache")}))

    def test_concurrent_processes_share_it(self):
        command = [TENON, "run", str(self.path), "--fill", "random:3"]
        running = [subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for _ in range(4)]
        results = [p.communicate() for p in running]
        self.assertEqual([p.returncode for p in running], [0] * 4, results)
        self.assertEqual(len({out for out, _ in results}), 1)
        self.assertEqual(self.temporary_files(), [])

    def test_size_is_bounded(self):
        self.cached()
        size = self.entries()[0].stat().st_size
        env = {"TENON_CACHE_SIZE": str(size * 5 // 2)}
        for disabled in ["sink_transposes", "fold_constants", "simplify_algebra"]:
            self.cached("--disable-pass", disabled, env=env)
            time.sleep(0.02)
        self.assertLessEqual(sum(e.stat().st_size for e in self.entries()), size * 5 // 2)
        self.assertGreaterEqual(len(self.entries()), 1)


class Interrupt(Case):
    def test_no_partial_file_is_left(self):
        path = self.save("m.onnx", chain(3000))
        out = self.folder / "out.tenon"
        start = time.monotonic()
        self.good("compile", path, "-o", out)
        whole = time.monotonic() - start
        size = out.stat().st_size
        for k in range(10):
            out.unlink(missing_ok=True)
            process = subprocess.Popen([TENON, "compile", str(path), "-o", str(out), "--no-cache"],
                                       env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(whole * (k + 1) / 10.5)
            process.send_signal(signal.SIGINT if k % 2 else signal.SIGTERM)
            process.wait(30)
            self.assertEqual(self.temporary_files(), [])
            if out.exists():
                self.assertEqual(out.stat().st_size, size)

    def test_the_cache_holds_whole_entries_only(self):
        path = self.save("m.onnx", chain(1000))
        for k in range(6):
            process = subprocess.Popen([TENON, "run", str(path), "--fill", "zeros"],
                                       env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05 * (k + 1))
            process.send_signal(signal.SIGINT)
            process.wait(30)
        self.assertEqual(self.temporary_files(), [])
        self.good("run", path, "--fill", "zeros")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
