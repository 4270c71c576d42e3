#!/usr/bin/env python3
"""What the command line refuses, from outside: models, input, options, memory, targets, indices, compiled
files. Each refusal is one line with a place and a code, and a status.
"""
import json
import pathlib
import struct
import subprocess
import sys
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from harness import TENON_RUN, Case, attention, mlp, model


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

    def test_check_refuses_what_run_refuses(self):
        for text, code in [("t0 = iota() {axis = 0} : f32[n]", "package.unbound_size"),
                           ("t0 = exp(x) : f32[3]", "graph.type"), ("t0 = gather(x, x) {axis = 0} : f32[2]", "gather"),
                           ("t0 = exp(y) : f32[2]", "text.name")]:
            path = self.folder / "m.tir"
            path.write_text(f"model @m[n](x: f32[2]) -> (y) {{\n  {text}\n  return t0\n}}\n")
            refused = self.bad("run", path, "--fill", "zeros", says=code)
            self.assertEqual(self.bad("check", path, says=code), refused)
            report = self.call("check", "--json", path)
            self.assertEqual((report.returncode, json.loads(report.stdout)["supported"]), (1, False))

    def test_constants_of_kernels_are_known_and_only_read(self):
        kernel = ("kernel @k[](k: const i4[4], y: out f32[4]) {\n  for i in serial(4) {\n    block b(v: s = i) {\n"
                  "      y[v] = cast<f32>(k[v])\n%s    }\n  }\n}\n")
        model = ("model @m[](x: i4[4]) -> (y) {\n  t0 = call_kernel(x) {kernel = @k, name = \"k\", sizes = []} : f32[4]\n"
                 "  return t0\n}\n")
        path = self.folder / "m.tir"
        path.write_text(kernel % "" + model)
        self.bad("run", path, "--fill", "zeros", says=["package.constant", "computed tensor"])
        path.write_text(kernel % "      k[v] = i4(1)\n" + model)
        self.bad("check", path, says=["verify.buffer", "'k'", "may not be written"])

    def test_names_of_built_in_composites_mean_these(self):
        path = self.folder / "m.tir"
        path.write_text("function @softmax[](x: f32[2, 3]) {\n  t0 = neg(x) : f32[2, 3]\n  return t0\n}\n"
                        "model @m[](x: f32[2, 3]) -> (y) {\n"
                        "  y = call(x) {name = \"softmax\", body = @softmax, options = \"axis=1\"} : f32[2, 3]\n  return y\n}\n")
        for command in ["check", "run"]:
            self.bad(command, path, says=["graph.composite", "@softmax", "another name"])

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
        self.bad("run", path, "--fill", "zeros", "--shape", "n=3", "--shape", "m=4", says="y needs m to be 1 or to equal n")

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
        self.bad("frob", status=2, says="no command is called 'frob'")
        self.bad("rum", status=2, says="did you mean 'run'?")
        self.bad(status=2, says="no command is given")
        self.bad("run", status=2, says="MODEL")
        self.bad("run", self.path, "--thread", 1, status=2, says="did you mean '--threads'?")
        self.bad("--no-cache", "run", self.path, status=2, says=["'--no-cache'", "before the command", "tenon run --help"])
        self.bad("-q", "run", self.path, "--no-cach", status=2, says="did you mean '--no-cache'?")
        self.bad("inspect", self.path, "--stage", "lop", status=2, says="lop")
        self.bad("run", self.path, "--input", "x", status=2, says="NAME=FILE.npy")
        self.bad("run", self.path, "--shape", "x=1xtwo", status=2, says="1xtwo")
        self.bad("run", self.path, "--fill", "ones", status=2, says="ones")
        self.bad("run", self.path, "--threads", "many", status=2, says="many")
        self.bad("--wat", status=2, says="--wat", program=TENON_RUN)
        self.bad(status=2, says="no model", program=TENON_RUN)

    def test_output_that_cannot_be_written_is_refused(self):
        self.bad("compile", self.path, "-o", self.folder / "none/m.tenon", says="[file.write]")
        self.bad("compile", self.path, "-o", self.folder, status=2, says="[compile.output]")
        for flag in ["--weights", "--header"]:
            self.bad("compile", self.path, "-o", self.folder / "m.o", flag, self.folder / "m.o", status=2, says="/m.o'; give each")

    def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(self):
        (self.folder / "file").write_text("")
        for save, says in [(self.folder / "file/out", "is a file"), ("/proc/no/out", "cannot make folder '/proc/no'")]:
            self.bad("run", self.path, "--fill", "zeros", "--save", save, says=[says, "[file.write]"])
        self.bad("run", self.path, "--fill", "zeros", "--save", "", status=2, says="--save")

    def test_numbers_out_of_range_are_refused_with_the_range(self):
        file = self.folder / "m.tenon"
        self.good("compile", self.path, "-o", file)
        fill = ["--fill", "zeros"]
        for command, option, range_ in [("bench", "--repeat", "1 to 10000000"), ("bench", "--seconds", "0 to 86400"),
                                        ("bench", "--threads", "0 to 4096"), ("run", "--jobs", "0 to 4096"),
                                        ("run", "--threads", "0 to 4096"), ("compare", "--tolerance", "0 to 1000000000"),
                                        ("compare", "--threads", "0 to 4096")]:
            for value in ["-1", "nan", "1e30", "99999999999999999999", "5x"]:
                self.bad(command, self.path, f"{option}={value}", status=2, says=[option, range_])
        self.bad("bench", self.path, "--repeat", 0, status=2, says="1 to 10000000")
        self.bad("conformance", self.folder, "--limit", 0, status=2, says="0.001 to 86400")
        for option, value, range_ in [("--repeat", "0", "1 to"), ("--repeat", "-5", "1 to"), ("--threads", "4097", "4096")]:
            self.bad(file, *fill, option, value, status=2, says=[option, range_], program=TENON_RUN)
        for shape in ["batch=-1", "batch=9223372036854775807", "x=1x99999999999999999999"]:
            self.bad("run", self.path, *fill, "--shape", shape, status=2, says="0 to 140737488355328")
        self.bad("run", self.path, "--fill", "random:-1", status=2, says="seed: '-1' is not a whole number from 0 to 9007199254740992")

    def test_numbers_of_the_python_tools_have_a_range(self):
        root = pathlib.Path(__file__).resolve().parent.parent
        for tool, option in [("bench/run.py", "--rounds=0"), ("bench/run.py", "--seconds=-1"),
                             ("bench/compare.py", "--threads=-1"), ("fuzz/run.py", "--seconds=-3")]:
            more = ["model.onnx"] if tool == "bench/compare.py" else []
            done = subprocess.run([sys.executable, root / tool, option, *more], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"is not a (whole )?number from \d+ to \d+")

    def test_shapes_that_contradict_are_refused(self):
        x = self.array("x", np.zeros((5, 12), "f"))
        self.bad("run", self.path, "--input", x, "--shape", "batch=4", says=["batch=4", "--input x", "5", "[run.symbol]"])
        self.bad("run", self.path, "--input", x, "--shape", "x=4x12", says="[run.extent]")
        self.bad("run", self.path, "--fill", "zeros", "--shape", "batch=4", "--shape", "x=5x12", says="[run.symbol]")
        self.bad("run", self.path, "--fill", "zeros", "--shape", "batch=4", "--shape", "batch=5", status=2, says="twice")
        self.bad("run", self.path, "--input", x, "--input", x, status=2, says="twice")
        self.good("run", self.path, "--input", x, "--shape", "batch=5")
        fixed = self.save("fixed.onnx", model([helper.make_node("Relu", ["x"], ["y"])],
                                              [("x", TensorProto.FLOAT, [2, 3])], [("y", [2, 3])]))
        self.bad("run", fixed, "--fill", "zeros", "--shape", "batch=1", says=["x (2x3)", "sizes are fixed"])

    def test_options_that_would_do_nothing_are_refused(self):
        file = self.folder / "m.tenon"
        self.good("compile", self.path, "-o", file)
        for command in [["inspect", file, "--stage", "loop"], ["inspect", file, "--target", "x86-64-v3"],
                        ["inspect", file, "--constants"], ["inspect", self.path, "--kernel", 0, "--stage", "import"],
                        ["inspect", self.path, "--kernel", 0, "--stage", "graph"],
                        ["inspect", self.path, "--after", "canonicalize", "--stage", "loop"],
                        ["inspect", self.path, "--after", "canonicalize", "--kernel", 0],
                        ["inspect", self.path, "--stage", "asm"],
                        ["inspect", self.path, "--kernel", 0, "--constants"], ["inspect", self.path, "--kernel", ""],
                        ["run", file, "--fill", "zeros", "--target", "x86-64-v3"],
                        ["run", file, "--fill", "zeros", "--verify", "--jobs", 2],
                        ["bench", file, "--disable-pass", "fold_constants"],
                        ["bench", self.path, "--repeat", 2, "--seconds", 1],
                        ["compare", self.path, "--against", ""],
                        ["conformance", self.folder, "--json", "--quiet"]]:
            self.bad(*command, status=2, says="")
        for twice in [["--fill", "zeros", "--fill", "zeros"], ["--threads", 1, "--threads", 2], ["--save", ""]]:
            self.bad(file, "--fill=zeros", *twice, status=2, says=twice[0], program=TENON_RUN)

    def test_an_environment_variable_of_another_form_is_refused(self):
        for value in ["abc", "-1", "5X", "8GB", "99999999999999999999", "99999999999G"]:
            self.bad("run", self.path, "--fill", "zeros", env={"TENON_CACHE_SIZE": value}, status=2,
                     says=["TENON_CACHE_SIZE", value])
        self.good("run", self.path, "--fill", "zeros", env={"TENON_CACHE_SIZE": "1G"})


class Memory(Case):
    """A run that does not fit is refused before it takes the memory, by the symbol that makes it large."""

    def test_too_large_a_symbol_is_named(self):
        path, file = self.save("m.onnx", mlp()[0]), self.folder / "m.tenon"
        self.good("compile", path, "-o", file)
        limit = 3 << 30
        for batch in [100_000_000, 10**12, 2**47]:
            for command in ["run", "bench", "compare"]:
                self.bad(command, path, "--fill", "random:0", "--shape", f"batch={batch}", memory=limit, timeout=30,
                         says=["needs", "are available", f"the extent 'batch' of {batch}", "[run.memory]"])
            self.bad(file, "--fill", "random:0", "--shape", f"batch={batch}", memory=limit, timeout=30,
                     program=TENON_RUN, says=["are available", "'batch'", "[run.memory]"])
        self.good("run", path, "--fill", "random:0", "--shape", "batch=100000", memory=limit)

    def test_shapes_too_small_for_a_window_are_not_called_large(self):
        nodes = [helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3]), helper.make_node("Relu", ["p"], ["y"])]
        path = self.save("m.onnx", model(nodes, [("x", TensorProto.FLOAT, [1, 1, "n"])], [("y", [1, 1, "m"])]))
        self.bad("run", path, "--fill", "zeros", "--shape", "n=1", says=["became negative", "give larger", "[run.extent]"])
        self.good("run", path, "--fill", "zeros", "--shape", "n=3")

    def test_the_symbol_to_blame_is_the_large_one(self):
        path = self.save("t.onnx", attention()[0])
        for large, small in [("seq", "batch"), ("batch", "seq")]:
            self.bad("run", path, "--fill", "zeros", "--shape", f"{large}=100000000", "--shape", f"{small}=2",
                     memory=4 << 30, says=[f"the extent '{large}' of 100000000", "[run.memory]"])

    def test_compare_counts_what_the_interpreter_needs(self):
        path = self.save("m.onnx", mlp()[0])
        more = ["--fill", "random:0", "--shape", "batch=3000000"]
        self.good("run", path, *more, memory=2 << 30)
        self.bad("compare", path, *more, memory=2 << 30, timeout=30, says=["'batch'", "[run.memory]"])

    def test_extents_that_the_data_gives_are_checked_when_known(self):
        nodes = [helper.make_node("Expand", ["x", "z"], ["e"]), helper.make_node("Relu", ["e"], ["y"])]
        path = self.save("expand.onnx", model(nodes, [("x", TensorProto.FLOAT, [1]), ("z", TensorProto.INT64, [1])],
                                              [("y", ["k"])]))
        for extent in [10**10, 10**13, 2**62]:
            self.bad("run", path, "--fill", "zeros", "--input", self.array("z", np.array([extent])),
                     memory=4 << 30, says="[run.memory]")

    def test_an_array_that_does_not_fit_is_refused(self):
        path = self.save("m.onnx", mlp()[0])
        huge = self.folder / "huge.npy"
        with open(huge, "wb") as out:
            np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False,
                                                       "shape": (1 << 27, 12)})
            out.truncate(out.tell() + (12 << 29))
        self.bad("run", path, "--input", f"x={huge}", memory=8 << 30, says=["huge.npy", "[run.memory]"])


class Targets(Case):
    def test_code_for_another_cpu_is_made_and_not_run(self):
        rows = json.loads(self.good("targets", "--json"))["targets"]
        foreign = [row["name"] for row in rows if not row["runs_here"]]
        if not foreign:
            self.skipTest("this CPU runs every target")
        weight = np.random.default_rng(3).standard_normal((8, 8)).astype("e")
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "half",
                                  [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [4, 8])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [4, 8])],
                                  [numpy_helper.from_array(weight, "w")])
        path = self.save("half.onnx", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
        for target in foreign:
            for command in ["run", "bench", "compare"]:
                for more in [[], ["--no-cache"]]:
                    self.bad(command, path, "--fill", "zeros", "--target", target, *more,
                             says=[target, "[target.cpu]"])
            self.bad("conformance", self.folder, "--target", target, says="[target.cpu]")
            file = self.folder / f"{target}.tenon"
            self.good("compile", path, "-o", file, "--target", target)
            self.good("inspect", file)
            self.assertIn("ret", self.good("inspect", path, "--kernel", 0, "--target", target))
            self.bad("run", file, "--fill", "zeros", says="[artifact.cpu]")
            self.bad(file, "--fill", "zeros", says="[artifact.cpu]", program=TENON_RUN)


class Indices(Case):
    """An index outside its axis is refused with node and value; made-up indices are inside."""

    def indexed(self, kind):
        """A model with the node 'lookup' into extents of 5, 7; the shape of its indices, the extents by component."""
        data = np.random.default_rng(1).standard_normal((5, 7)).astype("f")
        updates = {"ScatterElements": [3, 7], "ScatterND": [3]}
        attributes = {} if kind.endswith("ND") else {"axis": 0}
        shape = {"Gather": [3], "GatherElements": [3, 7], "GatherND": [3, 2], "ScatterElements": [3, 7],
                 "ScatterND": [3, 2]}[kind]
        inputs = [("ids", TensorProto.INT64, shape)]
        names = ["data", "flat"]
        if kind in updates:
            inputs.append(("updates", TensorProto.FLOAT, updates[kind]))
            names.append("updates")
        # The indices pass through nodes that move them first.
        nodes = [helper.make_node("Transpose", ["ids"], ["turned"]),
                 helper.make_node("Transpose", ["turned"], ["flat"]),
                 helper.make_node(kind, names, ["z"], name="lookup", **attributes),
                 helper.make_node("Relu", ["z"], ["y"], name="after")]
        rank = {"Gather": 2, "GatherElements": 2, "GatherND": 1, "ScatterElements": 2, "ScatterND": 2}[kind]
        return model(nodes, inputs, [("y", [None] * rank)], [("data", data)]), shape

    def test_node_and_value_are_named(self):
        for kind in ["Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND"]:
            with self.subTest(kind):
                proto, shape = self.indexed(kind)
                path = self.save(f"{kind}.onnx", proto)
                self.good("run", path, "--fill", "random:1")
                self.good("run", path, "--fill", "random:2", "--threads", 2)
                for value, shown in [(-17, "-17"), (23, "23"), (2**60, "2147483647 (or one farther from 0)")]:
                    ids = np.zeros(shape, "i8")
                    ids.flat[-1] = value
                    extent = 7 if kind.endswith("ND") else 5
                    self.bad("run", path, "--fill", "random:1", "--input", self.array("ids", ids),
                             says=["node 'lookup'", f"index {shown}", f"extent {extent}", "[run.index]"])

    def test_a_long_vector_of_indices_names_the_bad_one(self):
        nodes = [helper.make_node("Gather", ["data", "ids"], ["y"], name="lookup")]
        path = self.save("long.onnx", model(nodes, [("ids", TensorProto.INT32, ["n"])], [("y", ["n"])],
                                            [("data", np.arange(50, dtype="f"))]))
        self.good("run", path, "--fill", "random:1", "--shape", "n=10000")
        for at in [0, 1, 7, 8, 100, 4095, 9999]:
            ids = np.arange(10000, dtype="i4") % 50
            ids[at] = 57
            for threads in [1, 2]:
                self.bad("run", path, "--input", self.array("ids", ids), "--threads", threads,
                         says="node 'lookup': index 57 is not from -50 to 49, an index of an axis of extent 50")


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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
