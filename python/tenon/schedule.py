"""Kernels and their schedules: a loop program is read from text, primitives are applied one by one, each step can be
printed, run and timed.

    k = tenon.Kernel(text)
    j = k.loops("matmul")[1]
    j_0, j_1 = k.split(j, 16)
    k.vectorize(j_1)
    print(k)
    seconds = k.time(n=512)
"""
from __future__ import annotations

import functools
import time

from . import _core


@functools.lru_cache(maxsize=None)
def primitives():
    """The signature of each primitive by name: {'split': 'split(loop, factor, tail = predicate)', ...}."""
    return dict(_core._primitives())


def _argument(value):
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_argument(v) for v in value) + "]"
    return str(value)


class Kernel:
    """A kernel under a schedule. Primitives are methods: k.split("i", 16, tail="peel") gives the names of what it made:
    None, a str, or a tuple of several; tenon.schedule.primitives() lists them. One that does not apply raises Error
    'schedule.*' and changes nothing. One thread uses a kernel and its copies at a time."""

    def __init__(self, text, name="kernel"):
        """text: one kernel in Tenon's text form. name: what messages call it."""
        self._kernel = _core._Kernel(text, name)

    @classmethod
    def _of(cls, kernel):
        made = cls.__new__(cls)
        made._kernel = kernel
        return made

    def apply(self, line):
        """One line of a schedule, "i_0, i_1 = split(i, 16)" or "rows = sample([4, 6]) -> 6": as the trace has it."""
        return self._kernel.apply(line)

    def __getattr__(self, name):
        if name.startswith("_") or name not in primitives():
            raise AttributeError(f"a kernel has no '{name}'; tenon.schedule.primitives() lists the primitives")

        def method(*arguments, **options):
            words = [*map(_argument, arguments), *(f"{key} = {_argument(value)}" for key, value in options.items())]
            made, equals, _ = self.apply(f"{name}({', '.join(words)})").partition(" = ")
            names = made.split(", ") if equals and "(" not in made else []
            return tuple(names) if len(names) > 1 else names[0] if names else None

        return method

    def __dir__(self):
        return [*super().__dir__(), *primitives()]

    def schedule(self, decisions="", *, target=None):
        """The default schedule in place of the lines so far, under decisions, one a line: "rows = sample() -> 6"."""
        self._kernel.schedule(target, decisions)

    def decisions(self, decisions="", *, target=None):
        """What that schedule decides: lines "rows = sample([4, 6]) -> 6", the candidates in brackets."""
        return self._kernel.decisions(target, decisions).splitlines()

    @property
    def name(self):
        return self._kernel.describe()[0]

    @property
    def trace(self):
        """The lines that were applied."""
        return self._kernel.describe()[1]

    @property
    def blocks(self):
        """Names of the blocks, in the order of the program."""
        return self._kernel.describe()[2]

    def loops(self, block):
        """Names of the loops around a block, from the outermost."""
        return self._kernel.loops(block)

    def text(self, stage="schedule", *, target=None):
        """The kernel at a stage: "loop" (the definition and its trace, which reads back), "schedule", and as code is
        made for a target: "target", "llvm", "asm"."""
        return self._kernel.text(stage, target)

    def copy(self):
        """Another one, to go on from the same place in another way."""
        return Kernel._of(self._kernel.copy())

    def compile(self, *, target=None, threads=0, pool=None):
        """A Model whose inputs and outputs are the kernel's parameters. Without a schedule the loops run as they were
        written."""
        return self._kernel.compile(target, threads, pool)

    def time(self, *, threads=1, seconds=0.2, seed=0, **sizes):
        """The least seconds of a run on random inputs, of as many runs as fit into `seconds`, three at least. sizes: a
        value for each size variable: k.time(n=512)."""
        import numpy

        model = self.compile(threads=threads)
        random = numpy.random.default_rng(seed)
        inputs = {}
        for v in model.inputs:
            unknown = [e for e in v.shape if isinstance(e, str) and e not in sizes]
            if unknown:
                raise TypeError(f"{v.name} has the extents {', '.join(unknown)}: give {unknown[0]}=N")
            shape = [sizes.get(e, e) for e in v.shape]
            if v.dtype.kind in "iub":
                inputs[v.name] = random.integers(0, 2, shape).astype(v.dtype)
            else:
                inputs[v.name] = random.uniform(-1, 1, shape).astype(v.dtype)
        run = model.bind(inputs)
        best, runs, end = float("inf"), 0, time.perf_counter() + seconds
        while runs < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
            runs += 1
        return best

    def __str__(self):
        return self.text()

    def __repr__(self):
        return f"<tenon.Kernel {self.name}, {len(self.trace)} lines>"
