#!/usr/bin/env python3
"""Refuses an error code in src/ whose family docs/errors.md does not list.

A code is `family.name`; numbered constraints (`conv.C4`) belong to the family `OPERATOR.Cn`. Codes are the
string literals that the compiler's sources hand to fail, refuse and Diagnostic.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r'(?:fail|refuse|Diagnostic)\(\s*"([a-z_]+)(\.[A-Za-z_0-9]*)?"|\{\{\{"([a-z_]+)(\.[A-Za-z_0-9]+)"')
CONSTRAINT = re.compile(r"\.C\d+$")


def listed_families():
    """First cells of the table rows, such as | `onnx` | ... |."""
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    return set(rows)


def used_families():
    used = {}
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".cc", ".h") or path.stem.endswith("_test"):
            continue
        text = path.read_text()
        for match in CODE.finditer(text):
            family, name = match[1] or match[3], match[2] or match[4] or ""
            if not name and family != "usage":
                continue  # a primitive's own refuse("split", ...): its code is schedule.split
            where = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            used.setdefault("OPERATOR.Cn" if CONSTRAINT.search(name) else family, where)
    return used


def main():
    listed, used = listed_families(), used_families()
    problems = [f"{where}: family '{family}' is not listed in docs/errors.md"
                for family, where in sorted(used.items()) if family not in listed]
    print("\n".join(problems) if problems else f"{len(used)} families of error codes, all listed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
