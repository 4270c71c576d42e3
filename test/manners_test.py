#!/usr/bin/env python3
"""What surrounds the commands: completion in three shells, the manual page, `env`, and how much is said."""
import json
import os
import subprocess
import unittest

import numpy as np
from onnx import TensorProto, helper

from harness import BIN, TENON, TENON_RUN, Case, chain, mlp, model


class Completion(Case):
    """Each shell sources the script and completes words as a user types them."""

    def shell(self, name, script, *words):
        source = self.folder / f"complete.{name}"
        source.write_text(self.good("completion", name))
        env = {**self.env, "PATH": f"{BIN}:{os.environ['PATH']}", "SOURCE": str(source), "HOME": str(self.folder)}
        done = subprocess.run([name, "-c", script, *words], capture_output=True, text=True, env=env, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def bash(self, *words):
        return self.shell("bash", 'source "$SOURCE"; COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; _tenon; '
                          'printf "%s\\n" "${COMPREPLY[@]}"', "tenon", *words)

    def fish(self, line):
        lines = self.shell("fish", f'source "$SOURCE"; complete -C "{line}" | string replace -r "\\t.*" ""')
        return [word for word in lines if word]

    def test_bash(self):
        self.assertEqual(self.bash("be"), ["bench"])
        self.assertEqual(self.bash("bench", "--thr"), ["--threads"])
        self.assertEqual(self.bash("compile", "--target", "neoverse-n"), ["neoverse-n1"])
        self.assertEqual(self.bash("completion", ""), ["bash", "zsh", "fish"])
        (self.folder / "some.onnx").touch()
        self.assertEqual(self.bash("run", f"{self.folder}/so"), [f"{self.folder}/some.onnx"])

    def test_fish(self):
        self.assertEqual(self.fish("tenon be"), ["bench"])
        self.assertEqual(self.fish("tenon bench --thr"), ["--threads"])
        self.assertEqual(self.fish("tenon compile --target neoverse-n"), ["neoverse-n1"])

    def test_zsh(self):
        # Completion needs a terminal there; what the functions of the completion system get is looked at instead.
        script = """
          compdef() { print -r -- "compdef $@"; }
          _describe() { print -rl -- "${(@P)2}"; }
          _arguments() { print -rl -- "$@"; }
          source "$SOURCE"
          words=(tenon "$@"); CURRENT=$(( $# + 1 )); _tenon"""
        names = self.shell("zsh", script, "zsh", "be")
        self.assertEqual(names[:3], ["compdef", "_tenon", "tenon"])
        self.assertTrue(any(name.startswith("bench:") for name in names))
        options = " ".join(self.shell("zsh", script, "zsh", "compile", "--t"))
        self.assertIn("--target[", options)
        self.assertIn("neoverse-n1", options)
        self.assertIn("*:argument:_files", options)

    def test_unknown_shell_is_refused(self):
        self.bad("completion", "tcsh", status=2, says="tcsh")


class Manual(Case):
    def test_page_is_sound_and_complete(self):
        page = self.folder / "tenon.1"
        page.write_text(self.good("man"))
        checked = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True, timeout=60)
        # A page that is the same every day has no date.
        self.assertEqual([line for line in checked.stdout.splitlines() if "missing date" not in line], [])
        text = subprocess.run(["mandoc", "-Tutf8", page], capture_output=True, text=True, timeout=60).stdout
        plain = "".join(c for i, c in enumerate(text) if c != "\b" and text[i + 1:i + 2] != "\b")
        for word in ["tenon run MODEL", "--schedules", "TENON_CACHE_SIZE", "EXIT STATUS", "tenon bench model.onnx"]:
            self.assertIn(word, plain)


class Environment(Case):
    def test_env_says_what_is_in_force(self):
        env = json.loads(self.good("env", "--json", env={"TENON_CACHE_SIZE": "500M"}))
        targets = {row["name"]: row for row in json.loads(self.good("targets", "--json"))["targets"]}
        self.assertTrue(targets[env["host"]]["host"])
        self.assertLessEqual(set(targets[env["host"]]["needs"]), set(env["features"]))
        self.assertEqual(env["targets"], ["x86", "aarch64"])
        self.assertRegex(env["code_generator"], r"^LLVM \d+\.")
        self.assertEqual(env["model_cache"], str(self.cache))
        self.assertEqual(env["variables"]["TENON_CACHE_SIZE"], "500M")
        self.assertTrue(1 <= env["threads"] <= env["cpus"]["usable"] <= env["cpus"]["online"], env)
        text = self.good("env")
        self.assertIn(env["cpu"], text)
        self.assertRegex(text, r"TENON_PERF_MAP +not set")

    def test_threads_keep_to_the_affinity_mask(self):
        one = min(os.sched_getaffinity(0))
        done = subprocess.run([TENON, "env", "--json"], capture_output=True, text=True, env=self.env, timeout=60,
                              preexec_fn=lambda: os.sched_setaffinity(0, {one}))
        env = json.loads(done.stdout)
        self.assertEqual((env["threads"], env["cpus"]["usable"]), (1, 1))

    def test_version_names_what_it_can_make_code_for(self):
        self.assertRegex(self.good("--version"), r"^tenon \d+\.\d+\.\d+\nLLVM .*; targets x86 aarch64\nthis CPU: ")


class Reshape(Case):
    """Sizes that an exporter fixed are given anew."""

    def model(self):
        r = np.random.default_rng(3)
        w = r.standard_normal((5, 3, 3, 3)).astype("f")
        nodes = [helper.make_node("Conv", ["image", "w"], ["a"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"]),
                 helper.make_node("GlobalAveragePool", ["b"], ["y"])]
        return model(nodes, [("image", TensorProto.FLOAT, [1, 3, 32, 32])], [("y", [1, 5, 1, 1])], [("w", w)]), w

    def test_shapes_and_symbols(self):
        proto, w = self.model()
        path = self.save("m.onnx", proto)
        for shape, given in [((2, 3, 20, 11), "2x3x20x11"), ((1, 3, 9, 14), "1x3xheightxwidth"), ((4, 3, 7, 7), "batchx3x7x7")]:
            x = np.random.default_rng(4).standard_normal(shape).astype("f")
            y = self.run_model(path, "image", x, "--reshape", f"image={given}")
            padded = np.pad(x.astype("d"), ((0, 0), (0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
            expected = np.maximum(np.einsum("nchwij,ocij->nohw", windows, w), 0).mean((2, 3), keepdims=True)
            np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)

    def test_every_command_that_compiles_takes_it(self):
        path = self.save("m.onnx", self.model()[0])
        reshape = ["--reshape", "image=1x3x8x8"]
        self.assertIn("worst relative error", self.good("compare", path, *reshape))
        self.good("compile", path, "-o", self.folder / "m.tenon", *reshape)
        self.assertIn("[1, 3, 8, 8]", self.good("inspect", path, "--stage", "import", *reshape))
        self.bad("run", self.folder / "m.tenon", *reshape, "--fill", "zeros", status=2, says="--reshape")
        # What was compiled for one shape is not taken for another.
        self.good("run", path, "--fill", "zeros", *reshape)
        self.good("run", path, "--fill", "zeros", "--reshape", "image=3x3x9x9")

    def test_refusals(self):
        path = self.save("m.onnx", self.model()[0])
        for given, says in [("picture=1x3x8x8", "the inputs are image (1x3x32x32) [onnx.reshape]"), ("image=1x3x8", ["has 4", "give an extent for each axis"]),
                            ("image=1x3x8x-8", "extent '-8'"), ("image", "names no input"), ("image=1x3x8x", "extent ''"),
                            ("image=1x3x8x9999999999999999999999", "extent '9999999999999999999999'")]:
            self.bad("run", path, "--fill", "zeros", "--reshape", given, says=says)
        self.bad("run", path, "--fill", "zeros", *["--reshape", "image=1x3x8x8"] * 2, says="second time")
        text = self.folder / "m.tir"
        text.write_text(self.good("inspect", path, "--stage", "graph", "--constants"))
        self.bad("run", text, "--fill", "zeros", "--reshape", "image=1x3x8x8", says="[compile.reshape]")


class Talk(Case):
    def test_quiet_and_verbose(self):
        path = self.save("m.onnx", mlp()[0])
        for arguments in [["compile", path, "-o", self.folder / "m.tenon"], ["bench", path, "--repeat", 1, "--no-cache"]]:
            self.assertEqual(self.call(*arguments).stderr, "")
            self.assertEqual(self.call(*arguments, "--quiet").stderr, "")
            spoken = self.call(*arguments, "-v").stderr
            self.assertIn("tenon: ", spoken)
            self.assertNotIn("\r", spoken)
            self.assertGreater(self.call("--verbose", *arguments).stderr.count("\n"), 3)

    def test_quiet_keeps_errors(self):
        self.bad("run", "missing.onnx", "-q", says="missing.onnx")

    def test_quiet_leaves_out_warnings(self):
        kernel = self.good("inspect", self.save("c.onnx", chain(3)), "--kernel", 0, "--stage", "loop")
        folder = self.folder / "schedules"
        folder.mkdir()
        (folder / "k.tir").write_text(kernel)
        run = ["run", self.save("m.onnx", mlp()[0]), "--fill", "zeros", "--schedules", folder]
        self.assertIn("warning", self.call(*run).stderr)
        self.assertEqual(self.call(*run, "-q").stderr, "")


class Files(Case):
    """Odd names: full disks, pipes, devices, links in a circle."""

    def setUp(self):
        super().setUp()
        self.path = self.save("m.onnx", mlp()[0])

    def test_output_that_a_full_disk_does_not_take_is_an_error(self):
        self.good("compile", self.path, "-o", self.folder / "m.tenon")
        for command in [[TENON, "run", self.path, "--fill", "zeros"], [TENON, "inspect", self.path, "--stage", "loop"], [TENON, "man"],
                        [TENON, "--help"], [TENON_RUN, self.folder / "m.tenon", "--fill", "zeros"], [TENON_RUN, "--help"]]:
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=self.env, timeout=60)
            self.assertEqual(done.returncode, 1, command)
            self.assertRegex(done.stderr, r"^tenon(-run)?: error: cannot write all of the standard output.*\[file\.write\]\n$")

    def test_pipes_are_refused_and_not_waited_for(self):
        pipe = self.folder / "pipe.onnx"
        os.mkfifo(pipe)
        self.bad("run", pipe, says="not a regular file", timeout=20)
        self.bad("run", self.path, "--input", f"x={pipe}", says="not a regular file", timeout=20)
        for option in [["inspect", self.path, "--emit-onnx"], ["run", self.path, "--fill", "zeros", "--trace"]]:
            self.bad(*option, pipe, says=["a device or a pipe", "[file.write]"])
            self.assertTrue(pipe.is_fifo())

    def test_a_link_stays_and_its_file_is_written(self):
        link, target = self.folder / "link.onnx", self.folder / "target.onnx"
        target.write_text("old")
        link.symlink_to("target.onnx")
        self.good("inspect", self.path, "--emit-onnx", link)
        self.assertTrue(link.is_symlink())
        self.good("run", target, "--fill", "zeros")

    def test_links_in_a_circle_hide_no_cases(self):
        (self.folder / "a").symlink_to("b")
        (self.folder / "b").symlink_to("a")
        self.bad("conformance", self.folder, "--filter", "nothing", says="[conformance.cases]")


if __name__ == "__main__":
    unittest.main()
