#!/usr/bin/env python3
"""The documentation is true: each block of code of each page runs, in the order of its page, and prints what the page says;
links and named files exist; the generated pages have what they are made of.

usage: docs_test.py [PAGE...]     such as docs/install.md; without pages all of them, and the checks

A page's blocks run in one folder that looks like the repository's root. Languages:
  sh             by bash, with the programs in PATH
  python         one after the other in one namespace
  c, cpp, cmake, tir, text with title="FILE"    are written to FILE, which a block of sh or python has to use
  output         what the block before printed; `...` stands for anything
  text           no code
`<!-- not run: REASON -->` before a block says that it does not run, for one of REASONS; the test lists these blocks.

TENON_BIN names the folder of the programs, TENON_CC and TENON_CXX the compilers.
"""
import collections
import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import BIN

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = BIN.parent
sys.path.insert(0, str(BUILD / "python"))
sys.path.insert(0, str(ROOT / "tools/docs"))
os.environ["TENON_BUILD"] = str(BUILD)
import pages  # noqa: E402

REASONS = {
    "builds the project": "run by whoever reads this",
    "installs packages": "needs the network",
    "takes minutes": "",
    "needs PyTorch": "./dev test torch runs such models",
    "needs ./dev build aarch64": "test/aarch64_test.py runs these",
}
FILES = ("c", "cpp", "cmake", "tir", "text")
LANGUAGES = {"sh", "python", "output", *FILES}
Block = collections.namedtuple("Block", "language title text line reason")

SOURCES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(path):
    found, lines, i, reason = [], path.read_text().split("\n"), 0, None
    while i < len(lines):
        marker = re.fullmatch(r"\s*<!-- not run: (.*) -->", lines[i])
        fence = re.match(r"( *)```(\S*)(.*)", lines[i])
        if marker:
            reason = marker[1]
        elif fence:
            end = next(j for j in range(i + 1, len(lines)) if lines[j].strip() == "```")
            title = re.search(r'title="([^"]*)"', fence[3])
            text = "".join(line[len(fence[1]):] + "\n" for line in lines[i + 1:end])
            found.append(Block(fence[2], title and title[1], text, i + 1, reason))
            i, reason = end, None
        elif lines[i].strip():
            reason = None
        i += 1
    return found


def matches(expected, said):
    pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, said.strip(), re.DOTALL)


class Runner:
    """The folder of a page and what its blocks share."""

    def __init__(self, folder):
        self.folder, self.names = folder, {"__name__": "__main__"}
        for name in ("examples", "include", "bench", "test"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "build").symlink_to(BUILD)
        tools = folder / ".tools"
        for path, command in ((tools / "cc", shutil.which(os.environ.get("TENON_CC", "cc"))),
                              (tools / "c++", shutil.which(os.environ.get("TENON_CXX", "c++"))),
                              (folder / ".venv/bin/python", sys.executable)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'#!/bin/sh\nexec "{command}" "$@"\n')
            path.chmod(0o755)
        self.environment = dict(os.environ, PATH=f"{tools}:{BIN}:{os.environ['PATH']}", CC=str(tools / "cc"),
                                CXX=str(tools / "c++"), CMAKE_GENERATOR="Ninja", PYTHONPATH=str(BUILD / "python"),
                                TENON_CACHE_DIR=str(folder / ".cache"))

    def sh(self, text):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"status {done.returncode}: {done.stdout}")
        return done.stdout

    def python(self, text):
        said, before = io.StringIO(), os.getcwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(said):
                exec(compile(text, "block", "exec"), self.names)
        finally:
            os.chdir(before)
        return said.getvalue()


class Pages(unittest.TestCase):
    pass


def run_page(self, path):
    name, said = path.relative_to(ROOT), None
    found = blocks(path)
    commands = "".join(b.text for b in found if b.language in ("sh", "python"))
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(pathlib.Path(folder))
        for block in found:
            where = f"{name}:{block.line}"
            self.assertIn(block.language, LANGUAGES, f"{where}: a block needs a language")
            if block.reason is not None:
                self.assertIn(block.reason, REASONS, where)
            elif block.language == "output":
                self.assertIsNotNone(said, f"{where}: nothing ran before")
                self.assertTrue(matches(block.text, said), f"{where}: the page says\n{block.text}and it is\n{said}")
            elif block.language in FILES and block.title:
                self.assertIn(block.title.split("/")[0], commands, f"{where}: no block uses the file")
                to = runner.folder / block.title
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(block.text)
            elif block.language in ("sh", "python"):
                try:
                    said = getattr(runner, block.language)(block.text)
                except Exception as error:
                    raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
            else:
                self.assertEqual(block.language, "text", f'{where}: code has title="FILE", or a reason not to run')


def test_name(page):
    return "test_" + re.sub(r"\W", "_", str(page))


for _path in SOURCES:
    if blocks(_path):
        setattr(Pages, test_name(_path.relative_to(ROOT)), lambda self, path=_path: run_page(self, path))


def prose(text):
    """Without code."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "`", text)


def anchors(text):
    """As the page that is built has them: given ones, else made of the heading's words."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found = set(re.findall(r'id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        given = re.search(r"\{#(\S+)\}", heading)
        words = re.sub(r"[^\w\s-]", "", re.sub(r"`|\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
        found.add(given[1] if given else re.sub(r"[-\s]+", "-", words))
    return found


class Links(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = {path: path.read_text() for path in SOURCES}
        cls.texts.update({ROOT / "docs" / path: text for path, text in pages.generated().items()
                          if path not in pages.OUTSIDE.values()})

    def test_lead_to_what_exists(self):
        count = 0
        for path, text in self.texts.items():
            for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
                if re.match(r"[a-z]+:", target):
                    continue
                count += 1
                file, _, anchor = target.partition("#")
                to = pathlib.Path(os.path.normpath(path.parent / file)) if file else path
                where = f"{path.relative_to(ROOT)}: {target}"
                self.assertTrue(to in self.texts or to.exists(), where)
                if anchor:
                    self.assertIn(anchor, anchors(self.texts[to]), where)
        self.assertGreater(count, 60)

    def test_named_files_exist(self):
        named = re.compile(r"`((?:docs|src|include|test|tools|examples|bench|python|fuzz)/[\w./-]*\w)`")
        for path in SOURCES:
            if path.name == "CHANGELOG.md" or path.parent.name == "decisions":
                continue  # they speak of what was
            for name in named.findall(path.read_text()):
                if not re.search("NAME|TARGET|ARCHITECTURE|COMMAND", name):
                    self.assertTrue((ROOT / name).exists() or (ROOT / "src" / name).exists(), f"{path.relative_to(ROOT)}: {name}")


class Generated(unittest.TestCase):
    def test_c_pages_have_every_declaration(self):
        for path in (ROOT / "include/tenon").glob("*.h"):
            page = pages.generated()[f"reference/c/{path.name}.md"]
            for name in set(re.findall(r"\b(tenon_\w+)\(|\b(TENON_[A-Z]\w*) ", path.read_text())):
                name = name[0] or name[1]
                if not re.fullmatch(r"TENON_(API|\w+_H)", name):
                    self.assertRegex(page, rf'{{#{name}}}|id="{name}"|`{name}`', path.name)

    def test_python_pages_have_every_public_name(self):
        import tenon
        import tenon_runtime

        for package in (tenon, tenon_runtime):
            page = pages.generated()[f"reference/python/{package.__name__}.md"]
            for name in package.__all__:
                self.assertIn(f"{{#{name}}}", page)
            for name in dir(package.Model):
                if not name.startswith("_"):
                    self.assertIn(f"{{#Model.{name}}}", page)

    def test_tables_have_every_row(self):
        import tenon

        generated = pages.generated()
        for page, rows in (("operators", tenon.graph.operators()), ("primitives", tenon.schedule.primitives())):
            self.assertGreater(len(rows), 10)
            for name in rows:
                self.assertRegex(generated[f"reference/{page}.md"], rf"(?m)^(\| `{name}`|### {name}$)")
        rows = dict(re.findall(r"^\| `(\w+)` \| ([\d, ]+) \|$", generated["reference/onnx.md"], re.MULTILINE))
        self.assertGreater(len(rows), 150)
        self.assertEqual(rows["Relu"].split(", ")[0], "1")
        self.assertNotIn("StringConcat", rows)
        done = subprocess.run([str(BIN / "tenon"), "--help"], capture_output=True, text=True)
        commands = re.findall(r"^  (\w+) +\S", done.stdout.split("Subcommands:")[1].split("\n\n")[0], re.MULTILINE)
        self.assertIn("run", commands)
        for command in commands:
            self.assertIn(f"\n## tenon {command}\n", generated["reference/command-line.md"])


def list_blocks_that_do_not_run():
    for path in SOURCES:
        for block in blocks(path):
            if block.reason is not None:
                print(f"not run: {path.relative_to(ROOT)}:{block.line}: {block.reason}")


if __name__ == "__main__":
    list_blocks_that_do_not_run()
    if len(sys.argv) > 1 and sys.argv[1].endswith(".md"):
        sys.argv[1:] = [f"Pages.{test_name(page)}" for page in sys.argv[1:]]
    unittest.main()
