#!/usr/bin/env python3
"""What each graph pass makes of small models, as text: the cases stand in src/graph/PASS.tir beside the pass,
those of its parts in a folder below.

    ;; Powers of two are products.           the sentence opens a case; further ;; lines go on with it
    ; passes: fold_constants, absorb_scales  where it is not the one pass of the file's name
    ; sizes: n = 4, m = 0                    for the run; a symbolic extent without one is 3
    ; fails: runtime.index                   where the run has to end with this error, before and after
    model @m[](x: f32[3]) -> (y) { ... }     the model before
    ; -->                                    the model after, as `tenon opt --constants` prints it, follows
    ; --> unchanged                          or: the passes leave the model alone
    ; --> error: TEXT [code]                 or: the passes or the reader refuse it

Each case is printed, read back and run: before and after have to compute the same with all passes off that may be, and
the model before the same as the reference interpreter, so that no expectation can bless a wrong rule. A new case
needs `; -->` only; `--rewrite` puts in what the passes make now, for `git diff` and a reader to judge. Run by ctest
with TENON_BIN naming the folder of the programs.
"""
import concurrent.futures
import dataclasses
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from harness import TENON

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src/graph"
ROWS = re.findall(r"^TENON_PASS\((\w+), (\w+), (true|false),", (FOLDER / "passes.def").read_text(), re.M)
OPTIONAL = [name for name, _, required in ROWS if required == "false"]
OPTIONS = {"passes", "sizes", "fails"}
REWRITE = "./dev test --rewrite"
TOLERANCE = "1e-5"


class Malformed(Exception):
    """A file that is not of the form above."""


@dataclasses.dataclass
class Case:
    file: pathlib.Path
    line: int  # of its sentence, from 1
    sentence: str = ""
    options: dict = dataclasses.field(default_factory=dict)
    head: list = dataclasses.field(default_factory=list)  # the lines before the separator, as they stand
    separator: int = 0  # its line, from 1
    expected: str = ""  # "unchanged", "error: ..." or the text after

    @property
    def place(self):
        return f"{self.file.relative_to(ROOT)}:{self.line}"

    @property
    def passes(self):
        return self.options.get("passes", self.file.stem).replace(" ", "")

    @property
    def before(self):
        return "\n".join(line for line in self.head if not line.startswith(";")) + "\n"


def parse(file):
    """The lines above the first case, and the cases."""
    preamble, cases, case = [], [], None
    for number, line in enumerate(file.read_text().splitlines(), 1):
        opens = line.startswith(";; ")
        if opens and (case is None or case.separator or case.before.strip()):
            case = Case(file, number)
            cases.append(case)
        if case is None:
            preamble.append(line)
        elif line.startswith("; -->") and not case.separator:
            case.separator, case.expected = number, line.removeprefix("; -->").strip()
        elif case.separator:
            case.expected += line + "\n"
        else:
            case.head.append(line)
            if opens:
                case.sentence = f"{case.sentence} {line[3:]}".strip()
            elif option := re.fullmatch(r"; (\w+): (.*)", line):
                if option[1] not in OPTIONS:
                    raise Malformed(f"{file}:{number}: no option is called '{option[1]}'; there are {sorted(OPTIONS)}")
                case.options[option[1]] = option[2].strip()
    for case in cases:
        case.expected = case.expected.strip("\n")
        if not case.separator or not case.before.strip():
            raise Malformed(f"{case.place}: a case is a sentence, a model and a line that starts with '; -->'")
    return preamble, cases


class Trial:
    """One case in a folder of its own: what the passes make of it, and what is wrong with that."""

    def __init__(self, case, folder):
        self.case, self.folder = case, pathlib.Path(folder)

    def call(self, *arguments):
        return subprocess.run([TENON, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "TENON_CACHE_DIR": str(self.folder / "cache")})

    def opt(self, name, *arguments):
        done = self.call("opt", "--constants", name, *arguments)
        if done.returncode not in (0, 1) or (done.returncode == 1 and "error: " not in done.stderr):
            raise AssertionError(f"tenon opt ended with status {done.returncode}: {done.stderr}")
        return done.stdout.strip("\n") if done.returncode == 0 else done.stderr.strip().removeprefix("tenon: ")

    def made(self):
        """The text for the place of `expected`."""
        (self.folder / "model.tir").write_text(self.case.before)
        after = self.opt("model.tir", "--pass", self.case.passes)
        if after.startswith("error: "):
            return after
        return "unchanged" if after == self.opt("model.tir") else after

    def problem(self):
        """What does not hold, or an empty text."""
        made = self.made()
        return self.difference(made) or ("" if made.startswith("error: ") else self.run_problem(made))

    def difference(self, made):
        case = self.case
        if made == case.expected:
            return ""
        want, got = case.expected.splitlines(), made.splitlines()
        same = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
        # A word or an error stands on the line of the separator, a model below it.
        line = case.separator + (1 + same if case.expected.startswith(("model", "function", "kernel")) else 0)
        diff = "\n".join(difflib.unified_diff(want, got, "expected", f"after {case.passes}", lineterm=""))
        return f"{case.file.relative_to(ROOT)}:{line}: {case.sentence}\n{diff}\nto accept it: {REWRITE}"

    def run_problem(self, made):
        after = self.opt("model.tir") if made == "unchanged" else made
        (self.folder / "after.tir").write_text(after + "\n")
        if (again := self.opt("after.tir")) != after:
            return f"{self.case.place}: the text after does not read back:\n{again}"
        plain = ["--no-cache", "--verify", "--fill", "random:1", *self.sizes(after)]
        plain += [word for name in OPTIONAL for word in ("--disable-pass", name)]
        steps = [("run", "model.tir", "--save", "saved"),
                 ("compare", "model.tir", "--against", "interp", "--tolerance", TOLERANCE),
                 ("compare", "after.tir", "--against", "saved", "--tolerance", TOLERANCE)]
        if code := self.case.options.get("fails"):
            steps = [("run", "model.tir"), ("run", "after.tir")]
        for step in steps:
            done = self.call(*step, *plain)
            good = done.returncode == 1 and f"[{code}]" in done.stderr if code else done.returncode == 0
            vacuous = step[0] == "compare" and ": relative error " not in done.stdout
            if not good or vacuous:
                return (f"{self.case.place}: {self.case.sentence}\nbefore and after do not compute the same: "
                        f"tenon {' '.join(step)} ends with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return ""

    def sizes(self, after):
        """--shape SYMBOL=N for each symbol that the parameters of the model name."""
        params = re.search(r"^model @\w+\[[^\]]*\][^(]*(\(.*?\)) (->|\{)", after, re.M)[1]
        symbols = dict.fromkeys(re.findall(r"[a-z]\w*", " ".join(re.findall(r"\[([^\]]*)\]", params))), "3")
        given = dict(part.replace(" ", "").split("=") for part in self.case.options.get("sizes", "").split(",") if part)
        return [word for symbol, n in {**symbols, **given}.items() for word in ("--shape", f"{symbol}={n}")]


def try_all(cases, question):
    """question(trial) of each case, two at a time."""
    def one(case):
        with tempfile.TemporaryDirectory() as folder:
            return question(Trial(case, folder))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, cases))


def files():
    return sorted(FOLDER.rglob("*.tir"))


class TextTest(unittest.TestCase):
    def test_cases(self):
        for file in files():
            cases = parse(file)[1]
            for case, problem in zip(cases, try_all(cases, Trial.problem)):
                with self.subTest(case.place):
                    if problem:
                        self.fail(f"\n{problem}")

    def test_every_pass_has_cases(self):
        names = {file.stem for file in files() if file.parent == FOLDER}  # parts of fuse are named as they like
        for name, function, _ in ROWS:
            if name != "fuse":
                self.assertTrue({name, function} & names, f"pass {name} has no cases: src/graph/{function}.tir")
        self.assertLessEqual(names, {name for name, _, _ in ROWS}, "a file of cases is named like its pass")

    def test_every_file_says_where_its_pass_acts_and_where_not(self):
        for file in files():
            if file.parent != FOLDER:
                continue
            with self.subTest(file.name):
                outcomes = [case.expected for case in parse(file)[1]]
                self.assertTrue("unchanged" in outcomes, "no case that the pass leaves alone")
                self.assertTrue(any(o.startswith(("model", "function")) for o in outcomes), "no case that it changes")

    def test_sentences_differ(self):
        sentences = [case.sentence for file in files() for case in parse(file)[1]]
        self.assertEqual(sorted(sentences), sorted(set(sentences)))


def rewrite(names):
    """Puts what the passes make now in the place of what is expected; heads and models stay as they are."""
    for file in [pathlib.Path(name).resolve() for name in names] or files():
        preamble, cases = parse(file)
        lines = preamble
        for case, made in zip(cases, try_all(cases, Trial.made)):
            beside = made == "unchanged" or made.startswith("error: ")
            lines += [*case.head, f"; --> {made}" if beside else f"; -->\n{made}", ""]
        text = "\n".join(lines)
        if text != file.read_text():
            file.write_text(text)
            print(f"rewritten: {file.relative_to(ROOT)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rewrite"]:
        rewrite(sys.argv[2:])
    else:
        unittest.main()
