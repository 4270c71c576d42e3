#!/usr/bin/env python3
"""Write the generated pages of the documentation.

usage: pages.py OUT_DIR

They come from headers, stubs, docstrings, and what the programs of TENON_BUILD (default: build) print.
"""
import functools
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import c_headers
import cpp_headers
import python_reference
import tables

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", ROOT / "build"))
INCLUDE = ROOT / "include/tenon"

# Files of the root that are pages too.
OUTSIDE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def decisions():
    """The list of docs/decisions, by their titles."""
    out = ["# Decisions", "One page each: the problem, the choice, what it costs and what else there was.", ""]
    for path in sorted((ROOT / "docs/decisions").glob("*.md")):
        number, _, title = path.read_text().split("\n", 1)[0].removeprefix("# ").partition(" ")
        out.append(f"- {number} [{title}](decisions/{path.name})")
    return "\n".join(out) + "\n"


@functools.lru_cache(maxsize=None)
def generated():
    """The text of each page by its path."""
    sys.path.insert(0, str(BUILD / "python"))
    program, runner = BUILD / "bin/tenon", BUILD / "bin/tenon-run"
    pages = {}
    headers = [c_headers.Header(path, f"reference/c/{path.name}.md") for path in sorted(INCLUDE.glob("*.h"))]
    for header in headers:  # all are known before the first is written
        pages[header.page] = header.markdown()
    for path in sorted(INCLUDE.glob("*.hpp")):
        page = f"reference/c/{path.name}.md"
        pages[page] = cpp_headers.page(path, page)
    package = BUILD / "python/tenon"
    for folder in (package, BUILD / "python/tenon_runtime"):
        page = f"reference/python/{folder.name}.md"
        pages[page] = python_reference.package(folder, page)
    for name in ("graph", "schedule", "onnx_backend", "torch_backend"):
        page = f"reference/python/tenon.{name}.md"
        pages[page] = python_reference.module(package / f"{name}.py", page, f"tenon.{name}")
    pages["reference/command-line.md"] = tables.command_line(program, runner)
    pages["reference/onnx.md"] = tables.onnx_operators()
    pages["reference/primitives.md"] = tables.primitives(program)
    pages["reference/passes.md"] = tables.passes(program)
    pages["reference/operators.md"] = tables.graph_operators()
    pages["reference/targets.md"] = tables.targets(program)
    pages["decisions.md"] = decisions()
    for source, page in OUTSIDE.items():
        if (ROOT / source).exists():
            pages[page] = (ROOT / source).read_text()
    return pages


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    for path, text in generated().items():
        to = pathlib.Path(sys.argv[1]) / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
