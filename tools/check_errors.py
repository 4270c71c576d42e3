#!/usr/bin/env python3
"""Refuses an error code in src/ whose family docs/errors.md does not list, and one that no test provokes.

A code is `family.name`; numbered constraints (`conv.C4`) belong to the family `OPERATOR.Cn`. Codes are the string
literals of that form in the compiler's sources; a schedule primitive's `refuse("split", ...)` is schedule.split. A
test provokes a code when it names it, or, for a primitive, has a line `refuses("split(...`. A constraint that
several operators share through one function needs the test of one of them.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r'(?:fail|refuse|Diagnostic)\(\s*"([a-z_]+)(\.[A-Za-z_0-9]*)?"|\{\{\{"([a-z_]+)(\.[A-Za-z_0-9]+)"')
CONSTRAINT = re.compile(r"\.C\d+$")
# What nothing from outside provokes, and why it stands all the same.
UNPROVOKED = {
    "conformance.fallback": "a launch without code would be a defect of Tenon",
    "export.size": "takes 2 GB of constants inside of kernels",
    "file.read": "a file that opens but cannot be mapped",
    "onnx.malformed": "the net below everything that the importer checks by name",
}


def sources():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in (".cc", ".h") and not path.stem.endswith("_test") and not path.stem.startswith("test"):
            yield path, path.read_text()


def test_text():
    paths = [*(ROOT / "src").rglob("*_test.cc"), *(ROOT / "src").rglob("test*.h"), *(ROOT / "test").glob("*.*")]
    return "\n".join(path.read_text() for path in paths)


def listed_families():
    """First cells of the table rows, such as | `onnx` | ... |."""
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    return set(rows)


def used_codes(families):
    """The place of each family, and of each code of a listed family that is no constraint."""
    used, codes = {}, {}
    literal = re.compile(rf'"((?:{"|".join(sorted(f for f in families if f.islower()))})\.[a-z_0-9]+)"')
    for path, text in sources():
        def where(match):
            return f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        for match in CODE.finditer(text):
            family, name = match[1] or match[3], match[2] or match[4] or ""
            if name or family == "usage":
                used.setdefault("OPERATOR.Cn" if CONSTRAINT.search(name) else family, where(match))
            else:  # a primitive's own refuse("split", ...)
                codes.setdefault(f"schedule.{family}", where(match))
        for match in literal.finditer(text):
            if path.suffix == ".cc":
                codes.setdefault(match[1], where(match))
    return used, codes


def functions(text):
    """Name and body of each function that starts in the first column."""
    for match in re.finditer(r"^(?=[A-Za-z])[^\n;#]*?\b(\w+)\((?:[^;{]|\{\})*\{$", text, re.MULTILINE):
        yield match[1], text[match.end():text.find("\n}", match.end())]


def arguments(text, at):
    """The arguments of a call whose bracket opens at `at`."""
    parts, depth, quoted = [""], 0, False
    for i in range(at, len(text)):
        ch = text[i]
        quoted ^= ch == '"' and text[i - 1] != "\\"
        depth += 0 if quoted else (ch in "([{") - (ch in ")]}")
        if depth == 0:
            return parts
        if ch == "," and depth == 1 and not quoted:
            parts.append("")
        elif i > at:
            parts[-1] += ch
    return parts


def constraints():
    """Codes of the operators that each refusing place serves, by that place."""
    bodies, rows = {}, {}
    for path in sorted((ROOT / "src/ops").rglob("*.cc")):
        if path.stem.endswith("_test"):
            continue
        text = path.read_text()
        bodies.update({(path.parent, path.stem, name): body for name, body in functions(text)})
        for match in re.finditer(r"Op::(\w+),\s*(?:Pattern::\w+,\s*)?(\w+_type)\b", text):
            rows[match[1].rstrip("_")] = (path.parent, None, match[2])
        for match in re.finditer(r'\{"(\w+)",\s*"[^"]*",\s*(?:"[^"]*"\s*)+,\s*(\w+)[,}]', text):
            rows[match[1]] = (path.parent, path.stem, match[2])
    by_name = collections.defaultdict(list)
    for key in bodies:
        by_name[key[0], key[2]].append(key)

    def reached(start):
        seen, work, found = set(), [start], set()
        while work:
            key = work.pop()
            if key in seen:
                continue
            seen.add(key)
            for match in re.finditer(r"\b(refuse|require|check_axis|check_axes)\(", bodies[key]):
                number = arguments(bodies[key], match.end() - 1)[match[1] == "require"].strip()
                if number.isdigit():
                    found.add((key, int(number)))
            for word in re.findall(r"\b(\w+)\(", bodies[key]):
                same = (key[0], key[1], word)
                work += [same] if same in bodies else []
        return found

    served = collections.defaultdict(set)
    for operator, (folder, stem, name) in rows.items():
        for key in by_name[folder, name]:
            if stem is None or key[1] == stem:
                for place, number in reached(key):
                    served[place, number].add(f"{operator}.C{number}")
    return served


def main():
    listed, tests = listed_families(), test_text()
    used, codes = used_codes(listed)
    problems = [f"{where}: family '{family}' is not listed in docs/errors.md"
                for family, where in sorted(used.items()) if family not in listed]
    named = set(re.findall(r"\b[a-z_0-9]+\.[A-Za-z_0-9]+\b", tests))
    named |= {f"schedule.{name}" for name in re.findall(r'refuses\("(?:[^"]*= )?(\w+)\(', tests)}
    problems += [f"{where}: no test provokes {code}" for code, where in sorted(codes.items())
                 if code not in named and code not in UNPROVOKED]
    served = constraints()
    problems += [f"src/ops/.../{stem}.cc: no test provokes constraint {number} of {name}: {' '.join(sorted(some))}"
                 for ((_, stem, name), number), some in sorted(served.items()) if not some & named]
    count = f"{len(used)} families, {len(codes)} codes and {len(served)} constraints, all listed and provoked"
    print("\n".join(problems) if problems else count)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
