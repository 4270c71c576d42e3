#!/usr/bin/env python3
"""Writes the names of operators and attributes, in the order of ops.def, for the enumerations of ir/node.h.

usage: op_names.py OPS_DEF OUT

OUT is left as it is where nothing would change in it, so that a word of a row rebuilds what reads the rows and
not everything that knows an operator by name.
"""
import pathlib
import re
import sys

NAME = re.compile(r"^TENON_(OP|SCALAR|KEY)\((\w+),", re.MULTILINE)


def main():
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found = NAME.findall(source.read_text())
    lines = ["// Written by tools/op_names.py from src/ir/ops.def."]
    for kind, macro in [(("OP", "SCALAR"), "TENON_OP_NAME"), (("KEY",), "TENON_KEY_NAME")]:
        lines += [f"#ifdef {macro}", *(f"{macro}({name})" for row, name in found if row in kind), f"#undef {macro}", "#endif"]
    text = "\n".join(lines) + "\n"
    if not out.exists() or out.read_text() != text:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    main()
