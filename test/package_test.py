#!/usr/bin/env python3
"""The Debian packages: made twice with the same bytes, unpacked into a scratch root, and used from there by CMake,
pkg-config and a shell, as is the build tree. TENON_BIN names the folder of the programs, TENON_CC the compiler.
"""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import BIN

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = BIN.parent
CC = os.environ.get("TENON_CC", "cc")
PACKAGES = ["libtenon-dev", "libtenon-runtime0", "tenon"]
CONSUMER = """cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(Tenon 0.1 CONFIG REQUIRED)
add_executable(by_shared digit.c)
target_link_libraries(by_shared PRIVATE Tenon::runtime)
add_executable(by_static digit.c)
target_link_libraries(by_static PRIVATE Tenon::runtime_static)
add_executable(compile compile.c)
target_link_libraries(compile PRIVATE Tenon::compiler)
add_executable(inside main.c)
tenon_add_model(inside %(root)s/examples/digits.onnx OPTIONS --reshape image=1x1x8x8)
add_executable(named named.c)
tenon_add_model(named %(root)s/examples/digits.onnx NAME other MACHINE x86-64-v3)
"""
COMPILE = """#include <stdio.h>
#include "tenon/compiler.h"
int main(void) { return printf("%s\\n", tenon_version()) < 0; }
"""
NAMED = '#include "other.h"\nint main(void) { other_instance i; return other_open(&i, OTHER_VERSION, NULL); }\n'


def run(*command, cwd=None, env=None, stdin=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=cwd, input=stdin, timeout=300,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def make_packages(folder):
    """Packages of the build tree as it is: cpack installs and builds nothing anew."""
    run("cpack", "-D", f"CPACK_OUTPUT_FILE_PREFIX={folder}", "-B", folder, cwd=BUILD, env={"SOURCE_DATE_EPOCH": "1700000000"})
    return {re.sub("_.*", "", p.name): p for p in folder.glob("*.deb")}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.owner = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.owner.cleanup)
        cls.folder = pathlib.Path(cls.owner.name)
        cls.packages = make_packages(cls.folder / "packages")
        cls.root = cls.folder / "root"
        for package in cls.packages.values():
            run("dpkg-deb", "-x", package, cls.root)
        cls.lib = next(cls.root.glob("usr/lib/**/libtenon-runtime.a")).parent
        cls.env = {"LD_LIBRARY_PATH": str(cls.lib), "PATH": f"{cls.root}/usr/bin:{os.environ['PATH']}",
                   "PKG_CONFIG_PATH": str(cls.lib / "pkgconfig"), "TENON_CACHE_DIR": str(cls.folder / "cache")}
        page = (ROOT / "docs/tutorials/deploy-in-c.md").read_text()
        for name, text in (("digit.c", re.search(r'```c title="digit.c"\n(.*?)```', page, re.DOTALL)[1]), ("compile.c", COMPILE),
                           ("main.c", (ROOT / "examples/embed/main.c").read_text()), ("named.c", NAMED),
                           ("CMakeLists.txt", CONSUMER % {"root": ROOT})):
            (cls.folder / name).write_text(text)
        run("tenon", "compile", ROOT / "examples/digits.onnx", "-o", cls.folder / "digits.tenon", env=cls.env)
        cls.three = (ROOT / "examples/embed/three.txt").read_text()

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.packages[package], name).strip()

    def test_three_packages_ask_for_what_they_need(self):
        self.assertEqual(sorted(self.packages), PACKAGES)
        self.assertRegex(self.field("libtenon-runtime0", "Depends"), r"^libc6 \(>= [\d.]+\)$")
        self.assertRegex(self.field("libtenon-dev", "Depends"), r"libtenon-runtime0 \(= .*\), tenon \(= ")
        self.assertIn("libllvm19", self.field("tenon", "Depends"))
        self.assertIn("SONAME", run("readelf", "-d", self.lib / "libtenon-runtime.so.0"))
        for name in PACKAGES:
            self.assertIn("License: Apache-2.0", (self.root / f"usr/share/doc/{name}/copyright").read_text())
        self.assertLess((self.lib / "libtenon-runtime.so.0").stat().st_size, 2 << 20)

    def test_the_same_tree_gives_the_same_bytes(self):
        again = make_packages(self.folder / "again")
        for name, package in self.packages.items():
            self.assertEqual(package.read_bytes(), again[name].read_bytes(), name)

    def test_programs_manual_and_completion(self):
        share = self.root / "usr/share"
        self.assertIn("tenon ", run("tenon", "--version", env=self.env))
        self.assertIn("scores", run("tenon-run", self.folder / "digits.tenon", "--fill", "zeros", env=self.env))
        self.assertIn(".SH NAME", run("gzip", "-dc", share / "man/man1/tenon.1.gz"))
        self.assertIn("#compdef tenon", (share / "zsh/vendor-completions/_tenon").read_text())
        self.assertIn("complete", (share / "fish/vendor_completions.d/tenon.fish").read_text())
        run("bash", "-c", f"source {share}/bash-completion/completions/tenon && complete -p tenon")

    def test_pkg_config(self):
        for name, static in (("tenon-runtime", []), ("tenon-runtime", ["--static"]), ("tenon", [])):
            flags = run("pkg-config", *static, "--cflags", "--libs", name, env=self.env).split()
            if static:  # the archive alone
                flags = [f"{self.lib}/libtenon-runtime.a" if f == "-ltenon-runtime" else f for f in flags]
            run(CC, "-std=c99", "-Wall", "-Werror", "digit.c", "-o", "digit", *flags, cwd=self.folder)
            self.assertRegex(run("./digit", cwd=self.folder, env={} if static else self.env), r"^it is a \d\n$")

    def consume(self, name, *options):
        build = self.folder / name
        run("cmake", "-S", self.folder, "-B", build, "-G", "Ninja", f"-DCMAKE_C_COMPILER={CC}", "-DCMAKE_C_FLAGS=-std=c99 -Wall -Werror",
            *options, env=self.env)
        run("cmake", "--build", build, env=self.env)
        for program in ("by_shared", "by_static"):
            self.assertRegex(run(build / program, self.folder / "digits.tenon"), r"^it is a \d\n$")
        self.assertRegex(run(build / "compile"), r"^\d+\.\d+\.\d+\n$")
        self.assertEqual(run(build / "inside", stdin=self.three), "it is a 3\n")
        run(build / "named")
        self.assertIn("no work to do", run("cmake", "--build", build, env=self.env))

    def test_cmake_finds_the_installed_tree(self):
        self.consume("installed", f"-DCMAKE_PREFIX_PATH={self.root}/usr")

    def test_cmake_finds_the_build_tree(self):
        self.consume("in_build_tree", f"-DTenon_DIR={BUILD}/cmake")

    def test_the_example_is_a_project_of_its_own(self):
        build = self.folder / "example"
        run("cmake", "-S", ROOT / "examples/embed", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.root}/usr", env=self.env)
        run("cmake", "--build", build, env=self.env)
        self.assertEqual(run(build / "digit", stdin=self.three), "it is a 3\n")

    def test_a_later_version_is_not_found(self):
        (self.folder / "later").mkdir()
        (self.folder / "later/CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES NONE)\n"
                                                          "find_package(Tenon 0.2 CONFIG REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "0.2"):
            run("cmake", "-S", self.folder / "later", "-B", self.folder / "later/build", f"-DCMAKE_PREFIX_PATH={self.root}/usr")


if __name__ == "__main__":
    unittest.main()
