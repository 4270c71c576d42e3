#!/usr/bin/env python3
"""What the command line does, from outside: output and its keys, kernels as text, results against numpy,
the cache, interrupts.
"""
import json
import re
import resource
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from harness import TENON, TENON_RUN, Case, attention, chain, mlp, model


COMMANDS = ["run", "bench", "compile", "inspect", "check", "compare", "opt", "targets", "conformance", "env", "completion",
            "man"]


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
                           "memory_bytes": ["weights", "arena", "peak_rss"], "fallbacks": [],
                           "peaks": ["f32_gflops", "l1_gbs", "l2_gbs", "dram_gbs", "instruction_gops"]}.items():
            self.assertIn(key, bench)
            for name in inner:
                self.assertIn(name, bench[key])
        self.assertEqual(bench["fallbacks"], 0)
        for kernel in bench["kernels"]:
            self.assertLessEqual({"name", "operator", "shape", "time_s", "flops", "bytes", "sol_s", "instructions"}, kernel.keys())
            for name in kernel["instructions"]:
                self.assertGreater(bench["peaks"]["instruction_gops"][name], 1)
        compare = json.loads(self.good("compare", path, "--json"))
        self.assertEqual(compare["outputs"][0]["output"], "y")
        self.assertLess(compare["outputs"][0]["relative_error"], 1e-4)
        self.assertTrue(json.loads(self.good("check", path, "--json"))["supported"])
        targets = {row["name"]: row for row in json.loads(self.good("targets", "--json"))["targets"]}
        self.assertLessEqual({"x86-64-v3", "sapphirerapids", "znver5", "aarch64", "neoverse-n1", "neoverse-v1"}, set(targets))
        self.assertEqual(targets["sapphirerapids"]["units"], ["amx-int8", "amx-bf16"])
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
        for stage, word in [("loop", "trace \""), ("schedule", "; inline("), ("target", "in parallel("),
                            ("llvm", "define"), ("asm", "ret")]:
            self.assertIn(word, self.good("inspect", path, "--kernel", 0, "--stage", stage))
        self.good("compile", path, "-o", self.folder / "m.tenon")
        self.assertIn("input  x: f32[batch, 12]", self.good("inspect", self.folder / "m.tenon"))
        self.assertIn("worst relative error", self.good("compare", tir))

    def test_a_model_with_states_compiles_runs_and_agrees(self):
        tir = self.folder / "decode.tir"
        tir.write_text('''model @decode[n, total](x: f32[n, 8], mask: f32[total], cache: state f32[total, 8] reserve 64) -> (y, cache) {
  at = from_scalars(total - n) : i64
  zero = from_scalars(0) : i64
  all = dynamic_update_slice(cache, x, at, zero) : f32[total, 8]
  y = dot(all, x) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [1]} : f32[total, n]
  return y, all
}
''')
        self.assertIn("state  cache: f32[total, 8] reserve 64", self.good("check", tir))
        self.assertIn("worst relative error", self.good("compare", tir, "--shape", "n=2", "--shape", "total=5"))
        artifact = self.folder / "decode.tenon"
        self.good("compile", tir, "-o", artifact)
        self.assertIn("state  cache: f32[total, 8]", self.good("inspect", artifact))
        self.assertIn("cache", self.good("run", artifact, "--fill", "random:1", "--shape", "n=2", "--shape", "total=5"))
        for n, total, says in [(2, 65, "run.state"), (3, 2, "run.check")]:
            self.bad("run", artifact, "--fill", "zeros", "--shape", f"n={n}", "--shape", f"total={total}", says=says)

    def test_results_without_names_are_numbered_for_every_command(self):
        tir = self.folder / "m.tir"
        tir.write_text("model @m[](x: f32[3]) {\n  t0 = neg(x) : f32[3]\n  return t0, x\n}\n")
        self.assertIn("-> (output0, output1) {", self.good("opt", tir))
        self.assertIn("output1: f32[3]", self.good("check", tir))
        self.good("run", tir, "--fill", "random:1", "--save", self.folder / "saved")
        for against in ["interp", self.folder / "saved"]:
            text = self.good("compare", tir, "--fill", "random:1", "--against", against)
            self.assertRegex(text, "(?s)output0: relative error 0.*output1: relative error 0")


# A call of a kernel whose constant is laid out in columns of four.
LAID_OUT = f"""kernel @dot[](x: in f32[2, 4], w: const f32[2, 4, 4] packed([0, 4], [1, 0, 2]), y: out f32[2, 6]) {{
  for i in serial(2) {{
    for j in serial(6) {{
      for k in serial(4) {{
        block dot(vi: s = i, vj: s = j, vk: r = k) {{
          y[vi, vj] fma= x[vi, vk] * w[vj // 4, vk, vj % 4] init f32(0)
        }}
      }}
    }}
  }}
}}
model @m[](x: f32[2, 4]) -> (y) {{
  w = constant {list(range(24))} : f32[4, 6]
  y = call_kernel(x, w) {{kernel = @dot, sizes = []}} : f32[2, 6]
  return y
}}
"""
SCALE = """\
kernel @scale[n](x: in f32[n, 8], y: out f32[n, 8]) {
  trace "io, ii = split(i, 4, tail = predicate)"
  trace "parallel(io)"
  for i in serial(n) {
    for j in serial(8) {
      block b(vi: s = i, vj: s = j) {
        y[vi, vj] = x[vi, vj] * f32(3)
      }
    }
  }
}
"""

DOT = """\
kernel @product[](x: in f32[24, 40], w: const f32[40, 64], y: out f32[24, 64]) {
  for i in serial(24) {
    for j in serial(64) {
      for k in serial(40) {
        block dot(vi: s = i, vj: s = j, vk: r = k) {
          y[vi, vj] fma= x[vi, vk] * w[vk, vj] init f32(0)
        }
      }
    }
  }
}
"""


class Kernels(Case):
    """Kernels as text: what is printed reads back, and a trace is what runs."""

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_constants_of_a_kernel_are_made_up_in_packed_storage(self):
        for kind in ["i4", "u4", "i2", "u2", "f4e2m1"]:
            body = "block b(vi: s = i) { y[vi] = x[vi] + cast<f32>(w[vi]) }"
            path = self.write("k.tir", f"kernel @k[](x: in f32[7], w: const {kind}[7], y: out f32[7]) {{\n"
                                       f"  for i in serial(7) {{\n    {body}\n  }}\n}}\n")
            self.assertIn("worst relative error 0 at", self.good("compare", path, "--fill", "random:1"))

    def test_compare_lays_a_constant_of_a_text_out_once(self):
        path = self.write("m.tir", LAID_OUT)
        self.assertIn("worst relative error 0 at y", self.good("compare", path))
        x = self.folder / "x.npy"
        np.save(x, np.eye(2, 4, dtype=np.float32))
        self.good("run", path, "--input", f"x={x}", "--save", self.folder / "out")
        np.testing.assert_array_equal(np.load(self.folder / "out" / "y.npy"), np.arange(12).reshape(2, 6))

    def test_every_printed_stage_reads_back_and_runs(self):
        path = self.save("m.onnx", mlp()[0])
        listed = self.good("inspect", path, "--stage", "loop").splitlines()[1:]
        self.assertGreater(len(listed), 1)
        for kernel in range(len(listed)):
            for stage in ["loop", "schedule", "target"]:
                text = self.good("inspect", path, "--kernel", kernel, "--stage", stage)
                tir = self.write(f"k{kernel}_{stage}.tir", text)
                self.good("opt", tir)
                self.good("inspect", tir, "--kernel", 0, "--stage", "asm")
                self.assertIn("supported", self.good("check", tir))
                self.assertIn("worst relative error", self.good("compare", tir))
            loop, scheduled = (self.folder / f"k{kernel}_{s}.tir" for s in ("loop", "schedule"))
            # The trace of the definition, replayed, is the scheduled program, and so is its text.
            self.assertEqual(self.good("opt", loop), scheduled.read_text().split("\n", 1)[1])
            self.assertEqual(self.good("inspect", loop, "--kernel", 0, "--stage", "target").splitlines()[1:],
                             (self.folder / f"k{kernel}_target.tir").read_text().splitlines()[1:])

    def test_a_trace_in_a_file_is_the_schedule(self):
        tir = self.write("scale.tir", SCALE)
        self.assertIn("for io in parallel(", self.good("opt", tir))
        target = self.good("inspect", tir, "--kernel", "scale", "--stage", "target")
        self.assertIn("its own schedule", target)
        self.assertIn("for io in parallel((n + 3) // 4)", target)
        other = self.write("other.tir", SCALE.replace("parallel(io)", "vectorize(j)"))
        target = self.good("inspect", other, "--kernel", 0, "--stage", "target")
        self.assertNotIn("parallel", target)
        self.assertIn("ramp(0, 1, 8)", target)
        for file in [tir, other]:
            x = np.arange(5 * 8, dtype="f").reshape(5, 8)
            self.good("run", file, "--input", self.array("x", x), "--save", self.folder / "out")
            np.testing.assert_array_equal(np.load(self.folder / "out/y.npy"), x * 3)
            self.assertIn("worst relative error", self.good("compare", file, "--shape", "n=9"))
        self.good("bench", tir, "--shape", "n=64", "--seconds", "0.01")

    def test_a_trace_that_does_not_replay_is_refused_with_its_line(self):
        nonsense = self.write("n.tir", SCALE.replace("parallel(io)", "explode(everything)"))
        wrong = self.write("w.tir", SCALE.replace("parallel(io)", "parallel(nowhere)"))
        for command in ["opt", "inspect", "check", "run", "compare", "bench"]:
            self.bad(command, nonsense, says=["n.tir:3:9", "explode", "[schedule.trace]"])
            self.bad(command, wrong, says=["w.tir:3:9", "nowhere", "[schedule.parallel]"])

    def test_a_folder_of_schedules_applies_to_a_model(self):
        """Edited traces, end to end: printed, changed, run, measured."""
        proto, reference = mlp()
        path, folder = self.save("m.onnx", proto), self.folder / "mine"
        self.bad("run", path, "--schedules", folder, says=[str(folder), "[schedule.folder]"])
        folder.mkdir()
        self.bad("run", path, "--schedules", folder, says=["no .tir file", "[schedule.folder]"])
        text = self.good("inspect", path, "--kernel", 0, "--stage", "loop", "--why")
        self.assertIn("default schedule: ", text.splitlines()[0])
        lines = [line for line in text.splitlines() if line.strip().startswith("trace")]
        self.assertTrue(lines)
        loop = next(line.split()[1] for line in text.splitlines() if line.strip().startswith("for "))
        edited = "\n".join(line for line in text.splitlines() if line not in lines[1:])
        edited = re.sub(rf"\b{loop}\b", "mine", edited.replace(lines[0], '  trace "parallel(mine)"'))
        (folder / "k0.tir").write_text(edited)
        shown = self.good("inspect", path, "--kernel", 0, "--stage", "loop", "--schedules", folder)
        self.assertIn("for mine in parallel(", self.good("opt", self.write("shown.tir", shown)))
        shown = self.good("inspect", path, "--kernel", 0, "--stage", "target", "--schedules", folder)
        self.assertIn("schedule of ", shown.splitlines()[0])
        self.assertIn("for mine in parallel(", shown)
        x = np.random.default_rng(3).standard_normal((5, 12)).astype("f")
        y = self.run_model(path, "x", x, "--schedules", folder)
        np.testing.assert_allclose(y, reference(x), rtol=1e-4, atol=1e-5)
        bench = json.loads(self.good("bench", path, "--json", "--seconds", "0.01", "--schedules", folder))
        self.assertEqual(bench["schedules"]["file"], 1)
        self.assertEqual(sum(bench["schedules"].values()), len(bench["kernels"]))
        self.good("compile", path, "-o", self.folder / "m.tenon", "--schedules", folder)

        other = folder / "other.tir"
        other.write_text(SCALE)
        warned = self.call("run", path, "--schedules", folder, "--fill", "zeros").stderr
        self.assertIn("kernel @scale computes what no kernel of this model does", warned)
        other.write_text(SCALE.replace("parallel(io)", "parallel(nowhere)"))
        self.bad("run", path, "--schedules", folder, says=["other.tir:3:9", "[schedule.parallel]"])
        other.write_text((folder / "k0.tir").read_text())
        self.bad("run", path, "--schedules", folder, says=["other.tir", "k0.tir", "[schedule.twice]"])
        self.bad("inspect", path, "--why", status=2, says="--kernel")

    def test_a_schedule_file_schedules_a_kernel(self):
        tir = self.write("scale.tir", SCALE)
        lines = self.write("s.txt", "; mine\n\np, q = split(i, 2, tail = peel)  ; rows\nparallel(p)\n")
        text = self.good("opt", "--schedule", lines, tir)
        self.assertIn("for p in parallel(n // 2)", text)
        self.assertNotIn("io", text)
        self.assertIn("for p in parallel(", self.good("opt", self.write("again.tir", text)))
        self.write("s.txt", "p, q = split(i, 2)\n\nparallel(nowhere)\n")
        self.bad("opt", "--schedule", lines, tir, says=["s.txt:3:", "[schedule.parallel]"])
        self.bad("opt", "--schedule", self.folder / "none.txt", tir, says="none.txt")
        onnx_file = self.save("m.onnx", mlp()[0])
        self.bad("opt", "--schedule", lines, onnx_file, status=2, says="one kernel")
        self.bad("opt", "--pass", "decompose", tir, status=2, says="works on models")
        listed = self.good("opt", "--list")
        self.assertIn("split(loop, integer, tail = predicate)", listed)
        self.assertIn("schedule 1", listed)

    def test_an_edited_decision_takes_effect_everywhere(self):
        plain = self.write("dot.tir", DOT)
        text = self.good("inspect", plain, "--kernel", 0, "--stage", "loop", "--why")
        self.assertIn('trace "schedule 1"', text)
        self.assertIn("; decided sketch = sample([", text)
        self.assertIn("dot0 is y", text.splitlines()[0])
        line = re.search(r"trace \"dot0[.]rows = sample\(\[(.*)\]\) -> ([0-9]+)\"", text)
        self.assertIn("3", line[1].split(", "))
        self.assertNotEqual(line[2], "3")
        edited = text.replace(line[0], line[0].replace(f"-> {line[2]}", "-> 3"))
        tir = self.write("edited.tir", edited)
        self.assertIn("fma_tile<3, ", self.good("opt", tir))
        self.assertIn("worst relative error", self.good("compare", tir))
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "k.tir").write_text(edited)
        shown = self.good("inspect", plain, "--kernel", 0, "--stage", "target", "--schedules", mine)
        self.assertIn("fma_tile<3, ", shown)
        self.assertIn("worst relative error", self.good("compare", plain, "--schedules", mine))
        # The lines of one kernel fit another that computes the same under other names.
        lines = [l.split('"')[1] for l in edited.splitlines() if l.strip().startswith("trace")]
        renamed = self.write("renamed.tir", re.sub(r"\b(i|j|dot|x)\b", r"my_\1", DOT))
        schedule = self.write("s.txt", "\n".join(lines))
        self.assertIn("fma_tile<3, ", self.good("opt", "--schedule", schedule, renamed))

    def test_decisions_alone_are_a_schedule(self):
        plain = self.write("dot.tir", DOT)
        schedule = self.write("s.txt", "schedule 1\ndot0.rows = sample() -> 2\n")
        self.assertIn("fma_tile<2, ", self.good("opt", "--schedule", schedule, plain))
        kernel = self.write("k.tir", DOT.replace("{\n  for", '{\n  trace "dot0.rows = sample() -> 2"\n  for', 1))
        self.assertIn("fma_tile<2, ", self.good("inspect", kernel, "--kernel", 0, "--stage", "target"))
        self.assertIn("worst relative error", self.good("compare", kernel))
        for text, says in [("dot0.rows = sample() -> 100", ["s.txt:2", "registers", "[schedule.decision]"]),
                           ("dot0.high = sample() -> 2", ["s.txt:2", "dot0.high", "dot0.rows", "[schedule.decision]"]),
                           ("dot0.rows = sample(-> 2", ["s.txt:2", "[schedule.trace]"]),
                           ("dot0.rows = sample() -> 2\nparallel(i0)", ["s.txt:2", "no line refers"]),
                           ("parallel(dot0.x)", ["s.txt:2", "[schedule.parallel]"])]:
            self.bad("opt", "--schedule", self.write("s.txt", "schedule 1\n" + text), plain, says=says)
        self.bad("opt", "--schedule", self.write("s.txt", "schedule 9\nparallel(i0)\n"), plain,
                 says=["s.txt:1", "schedule 1", "[schedule.version]"])
        wrong = self.write("w.tir", kernel.read_text().replace("dot0.rows", "dot0.high"))
        for command in ["opt", "run", "compare"]:
            self.bad(command, wrong, says=["w.tir:2:9", "dot0.high", "[schedule.decision]"])

    def test_passes_on_kernels_step_by_step(self):
        path = self.save("m.onnx", mlp()[0])
        rows = self.good("opt", "--list")
        names = [row.split()[0] for row in rows.splitlines() if "on kernels: " in row]
        self.assertEqual([names[0], names[-1]], ["lower_blocks", "vectorize"])
        code = self.good("inspect", path, "--kernel", 0, "--stage", "target")
        whole = code.split("\n", 1)[1]
        self.assertEqual(self.good("inspect", path, "--kernel", 0, "--after", names[-1]).split("\n", 1)[1], whole)
        first = self.good("inspect", path, "--kernel", 0, "--after", names[0])
        self.assertNotIn("block ", first)
        self.assertNotEqual(first, whole)
        # The scheduled kernel through all passes, and from one text to the next.
        scheduled = self.write("scheduled.tir", self.good("inspect", path, "--kernel", 0, "--stage", "schedule"))
        at_once = self.good("opt", "--pass", ",".join(names), scheduled)
        text = scheduled
        for name in names:
            text = self.write("step.tir", self.good("opt", "--pass", name, text))
            self.assertIn("worst relative error", self.good("compare", text))
        # The order of terms follows the order in which a text names them; the rest is the same.
        lines = lambda t: [line for line in t.splitlines() if not line.startswith(";")]
        self.assertEqual(len(lines(text.read_text())), len(lines(at_once)))
        self.assertEqual(len(lines(at_once)), len(lines(whole)))
        self.assertIn("worst relative error", self.good("compare", self.write("at_once.tir", at_once)))
        self.bad("opt", "--pass", "nix", scheduled, says="[pass.unknown]")
        self.bad("opt", "--pass", "lower_blocks", path, status=2, says="works on kernels")
        self.bad("opt", "--pass", names[0], "--target", "vax", scheduled, says="[target.unknown]")
        self.bad("inspect", path, "--after", "lower_blocks", status=2, says="give --kernel")
        self.bad("compile", path, "-o", self.folder / "m.tenon", "--disable-pass", "lower_blocks", says="[pass.required]")
        # Passes on kernels go through all kernels of a model, behind the pass that makes them.
        model = self.good("opt", "--pass", "decompose,fuse,lower_blocks", "--target", "x86-64-v3", path)
        self.assertIn("kernel @", model)
        self.assertNotIn("block ", model)
        self.assertIn("block ", self.good("opt", "--pass", "decompose,fuse", path))
        # A pass on kernels is switched off like one on graphs.
        off = ["--disable-pass", "simplify_statements", "--disable-pass", "simplify_statements_again"]
        self.assertIn("worst relative error", self.good("compare", path, "--verify", *off))
        plain = self.good("inspect", path, "--kernel", 0, "--stage", "target", *off)
        self.assertNotEqual(plain.split("\n", 1)[1], whole)
        self.assertNotIn("simplify_statements", self.good("compile", path, "-o", self.folder / "m.tenon", "--times", *off))

    def test_times_name_the_stages_of_kernels(self):
        text = self.good("compile", self.save("m.onnx", mlp()[0]), "-o", self.folder / "m.tenon", "--times")
        for name in ["fuse", "compile_kernels", "schedule", "lower_blocks", "compact_buffers", "emit"]:
            self.assertRegex(text, rf"(?m)^ *{name} +[0-9.]+ s")

    def test_kernels_that_are_no_program_are_refused(self):
        two = SCALE + SCALE.replace("@scale", "@other")
        self.bad("run", self.write("two.tir", two), says=["two.tir", "2 kernels", "[tir.no_model]"])
        self.bad("run", self.write("none.tir", "; nothing\n"), says="[tir.no_model]")
        unsound = SCALE.replace("x[vi, vj] * f32(3)", "x[vi] * f32(3)")
        self.bad("check", self.write("u.tir", unsound), says="")
        self.bad("check", self.write("v.tir", SCALE.replace("y: out", "y: in")), says="")
        free = SCALE.replace("x: in f32[n, 8]", "x: const f32[n, 8]")
        self.bad("run", self.write("c.tir", free), says=["c.tir", "'x'", "[tir.constant]"])
        fixed = self.write("f.tir", SCALE.replace("[n]", "[]").replace("n, 8", "6, 8").replace("(n)", "(6)")
                           .replace("x: in", "x: const"))
        self.assertEqual(self.good("run", fixed), self.good("run", fixed))
        self.assertIn("worst relative error", self.good("compare", fixed))


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

    def test_hundreds_of_sizes_in_one_concatenation(self):
        """Sums of sizes are sizes of the kernel; parts come together in levels."""
        count = 70
        inputs = [(f"x{k}", TensorProto.FLOAT, [f"n{k}", 2]) for k in range(count)]
        nodes = [
            helper.make_node("Concat", [f"x{k}" for k in range(count)], ["all"], axis=0),
            helper.make_node("Transpose", ["all"], ["turned"], perm=[1, 0]),
            helper.make_node("Neg", ["turned"], ["y"]),
        ]
        path = self.save("m.onnx", model(nodes, inputs, [("y", None)]))
        rng = np.random.default_rng(4)
        parts = [rng.standard_normal((int(rng.integers(0, 5)), 2)).astype("f") for _ in range(count)]
        given = []
        for k, part in enumerate(parts):
            np.save(self.folder / f"x{k}.npy", part)
            given += ["--input", f"x{k}={self.folder / f'x{k}.npy'}"]
        self.good("run", path, *given, "--save", self.folder / "out")
        np.testing.assert_array_equal(np.load(self.folder / "out" / "y.npy"), -np.concatenate(parts).T)

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

    def test_compare_where_a_runner_takes_the_model(self):
        path = self.save("m.onnx", mlp()[0])
        runner = ["--runner", TENON_RUN, "--shape", "batch=3"]
        self.assertIn("worst relative error", self.good("compare", path, *runner))
        self.assertIn("worst relative error", self.good("compare", path, *runner, "--target", "x86-64-v3"))
        failed = self.call("compare", path, "--runner", f"{TENON_RUN} --nonsense")
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, r"unknown option '--nonsense'[^$]*\[compare.runner\]")

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
