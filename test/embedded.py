"""Writes, compiles and runs C99 programs around embedded models: they see the generated header and the object alone.
Shared by the tests of embedded models on this machine and on AArch64.
"""
import os
import pathlib
import re
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent
CC = os.environ.get("TENON_CC", "cc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", str(ROOT)]
ROOM = 1 << 20  # where data decide

EXTENT = re.compile(r"^  int64_t (\w+); /\* (.*) \*/$")
TENSOR = re.compile(r"^  (const )?(\w+) \*(\w+); /\* (?:changed by the run: )?(.*): (\w+) \[(.*)\](; NULL: .*)? \*/$")
NUMPY = {"f32": "<f4", "f64": "<f8", "f16": "<f2", "bool": "bool", **{f"{k}{b}": f"<{k}{b // 8}" for k in "iu" for b in (8, 16, 32, 64)}}


class Header:
    """The members of NAME_io, as the header declares them."""

    def __init__(self, path):
        self.text = path.read_text()
        self.name = re.search(r"^int (\w+)_open\(", self.text, re.MULTILINE)[1]
        struct = re.search(rf"typedef struct {self.name}_io \{{\n(.*?)\n\}}", self.text, re.DOTALL)[1].splitlines()
        self.extents, self.inputs, self.outputs = {}, [], []
        for line in struct:
            if match := TENSOR.match(line):
                constant, _, member, name, dtype, shape, _ = match.groups()
                tensor = {"member": member, "name": name, "dtype": dtype, "shape": [s for s in shape.split(", ") if s]}
                tensor["open"] = f"  uint64_t {member}_bytes; /* room there */" in struct
                tensor["rank"] = max([int(r) for r in re.findall(rf"^  int64_t {member}_shape\[(\d+)\]", "\n".join(struct), re.MULTILINE)], default=0)
                output = constant is None and "changed by the run" not in line
                (self.outputs if output else self.inputs).append(tensor)
            elif match := EXTENT.match(line):
                text, axes = match[2].split(": ", 1)
                self.extents.update({text: match[1], **dict.fromkeys(axes.split(", "), match[1])})

    def value(self, macro):
        found = re.search(rf"^#define {self.name.upper()}_{macro} (\d+)$", self.text, re.MULTILINE)
        return int(found[1]) if found else None


def program(header, arrays, workers, extra, weights):
    """The text of a program that runs the model twice on the arrays' files and saves the outputs."""
    n, lines = header.name, []
    for tensor in header.inputs:
        if tensor["name"] not in arrays:
            continue
        shape = arrays[tensor["name"]].shape
        for axis, text in enumerate(tensor["shape"]):  # inputs: no text of theirs has a comma
            member = header.extents.get(f"axis {axis} of {tensor['name']}") or header.extents.get(text)
            if member:
                lines.append(f"io.{member} = {shape[axis]};")
        lines.append(f'io.{tensor["member"]} = load("{tensor["member"]}.in", 64);')
    if workers > 1:
        lines += ["hooks.parallel_for = on_threads;", "hooks.parallel_user = &loops;", f"hooks.workers = {workers};"]
    if weights:
        lines += ['hooks.weights = load("weights.bin", 64);', f"hooks.weights_bytes = {n.upper()}_WEIGHTS_BYTES;"]
    lines += [f"if ((code = {n}_open(&instance, {n.upper()}_VERSION, &hooks)) != 0) return code;",
              f"if ((code = {n}_size(&instance, &io, &bytes)) != 0) return code;"]
    known = header.value("WORKSPACE_BYTES")
    if known is not None:
        more = f" + {workers - 1} * {n.upper()}_WORKER_BYTES" if workers > 1 else ""
        lines.append(f"if (bytes != {n.upper()}_WORKSPACE_BYTES{more}) return 80;")
    saves = []
    for tensor in header.outputs:
        m, itemsize = tensor["member"], np.dtype(NUMPY[tensor["dtype"]]).itemsize
        size = f'{n.upper()}_{m.upper()}_COUNT * {itemsize}'
        if tensor["open"]:
            rank = tensor["rank"]
            lines += [f"io.{m}_bytes = {itemsize};",
                      *(f"io.{m}_bytes = io.{m}_shape[{d}] < 0 ? {ROOM} : io.{m}_bytes * (uint64_t)io.{m}_shape[{d}];"
                        for d in range(rank))]
            size = f"io.{m}_bytes"
        lines += [f"io.{m} = malloc({size} + 1);", f"memset(io.{m}, 0x5a, {size} + 1);"]
        if tensor["open"]:
            saves += [f"size = {itemsize};", *(f"size *= (size_t)io.{m}_shape[{d}];" for d in range(rank)),
                      f'save("{m}.shape", io.{m}_shape, sizeof io.{m}_shape);']
        else:
            saves.append(f"size = {size};")
        saves += [f"if (((unsigned char *)io.{m})[{size}] != 0x5a) return 81;", f'save("{m}.out", io.{m}, size);']
    lines += [f"bytes += {extra};", "workspace = malloc(bytes + 64);", "memset(workspace, 0x5a, bytes + 64);"]
    run = f"if ((code = {n}_run(&instance, &io, workspace, bytes)) != 0) return code;"
    lines += [run, run, "for (size = 0; size < 64; ++size) if (workspace[bytes + size] != 0x5a) return 82;", *saves,
              f"{n}_close(&instance);", f"return {n}_run(&instance, &io, workspace, bytes) == {n.upper()}_ERROR_ARGUMENT ? 0 : 83;"]
    body = "\n  ".join(lines)
    return f"""#include "{n}.h"
#include "{n}.h"
#include <string.h>
#include "embed_test.h"

int main(void) {{
  static {n}_instance instance;
  static {n}_io io;
  static {n}_hooks hooks;
  static int loops;
  unsigned char *workspace;
  size_t bytes, size;
  int code;
  hooks.error = tell;
  hooks.error_user = stderr;
  (void)on_threads;
  (void)loops;
  {body}
}}
"""


class Embedded:
    """A model compiled to an object in a folder, and the programs around it."""

    def __init__(self, case, model, form="o", *options, cc=(CC,), link=(), runner=()):
        self.case, self.folder = case, case.folder / f"embedded_{form}"
        self.folder.mkdir(exist_ok=True)
        self.object = self.folder / ("libm.so" if form == "so" else f"libm.{form}" if form == "a" else "m.o")
        self.cc, self.link, self.runner = [*cc], [*link], [*runner]
        self.weights = self.folder / "weights.bin" if "--weights" in options else None
        options = [self.weights if o == "WEIGHTS" else o for o in options]
        case.good("compile", model, "-o", self.object, *options)
        self.header = Header(self.folder / "m.h")

    def build(self, text):
        (self.folder / "main.c").write_text(text)
        link = [f"./{self.object.name}", "-Wl,-rpath,$ORIGIN"] if self.object.suffix == ".so" else [self.object.name]
        self.command(*self.cc, *STRICT, "-I", self.folder, "-o", "main", "main.c", *link, "-lpthread", *self.link)

    def command(self, *arguments, status=0):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, cwd=self.folder, timeout=120)
        self.case.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def give(self, arrays):
        for tensor in self.header.inputs:
            if tensor["name"] in arrays:
                value = np.ascontiguousarray(arrays[tensor["name"]])
                (self.folder / f"{tensor['member']}.in").write_bytes(value.tobytes())

    def run(self, arrays, workers=1, extra=0, status=0):
        """The outputs by name; with another status what the error hook said."""
        self.give(arrays)
        self.build(program(self.header, arrays, workers, extra, self.weights))
        said = self.command(*self.runner, "./main", status=status)
        if status != 0:
            return said
        outputs = {}
        for tensor in self.header.outputs:
            value = np.frombuffer((self.folder / f"{tensor['member']}.out").read_bytes(), NUMPY[tensor["dtype"]])
            if tensor["open"]:
                shape = np.frombuffer((self.folder / f"{tensor['member']}.shape").read_bytes(), np.int64)
            else:
                shape = [int(s) for s in tensor["shape"]]
            outputs[tensor["name"]] = value.reshape(shape)
        return outputs
