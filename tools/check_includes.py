#!/usr/bin/env python3
"""Refuses an include that the layering of docs/architecture.md does not allow.

The allowed arrows are read from that document's code block, lines such as `src/ops -> ir, support`.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_arrows():
    arrows = {}
    for line in (ROOT / "docs/architecture.md").read_text().splitlines():
        match = re.match(r"src/(\w+)\s+->\s+([\w, ]+)", line)
        if match:
            names = {name.strip() for name in match[2].split(",")}
            arrows[match[1]] = set() if names == {"nothing"} else names
    return arrows


def check_acyclic(arrows):
    state = {}

    def visit(name, path):
        if state.get(name) == "done":
            return []
        if state.get(name) == "open":
            return [" -> ".join([*path, name])]
        state[name] = "open"
        cycles = [c for n in sorted(arrows.get(name, ())) for c in visit(n, [*path, name])]
        state[name] = "done"
        return cycles

    return [f"cycle in docs/architecture.md: {c}" for name in arrows for c in visit(name, [])]


def main():
    arrows = read_arrows()
    problems = check_acyclic(arrows)
    if not arrows:
        problems.append("docs/architecture.md names no arrows")
    for path in sorted((ROOT / "src").rglob("*.[ch]*")):
        if path.suffix not in (".cc", ".h", ".def"):
            continue
        layer = path.relative_to(ROOT / "src").parts[0]
        if layer not in arrows:
            problems.append(f"{path.relative_to(ROOT)}: folder is not in docs/architecture.md")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#include "(\w+)/', line)
            if match and match[1] in arrows and match[1] != layer and match[1] not in arrows[layer]:
                problems.append(f"{path.relative_to(ROOT)}:{number}: src/{layer} may not include {match[1]}/")
    print("\n".join(problems) if problems else f"{len(arrows)} layers, no forbidden include")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
