#!/usr/bin/env python3
"""A matrix product from three loops to the machine's peak, by hand: each step is one or a few schedule primitives, and
after each the kernel is compiled, compared with numpy, and timed.

    python examples/schedules.py [SIZE]

Needs the package tenon and numpy.
"""
import sys

import numpy as np

import tenon

TEXT = """
kernel @matmul[](a: in f32[SIZE, SIZE], b: in f32[SIZE, SIZE], c: out f32[SIZE, SIZE]) {
  for i in serial(SIZE) {
    for j in serial(SIZE) {
      for k in serial(SIZE) {
        block product(v_i: s = i, v_j: s = j, v_k: r = k) {
          c[v_i, v_j] fma= a[v_i, v_k] * b[v_k, v_j] init f32(0)
        }
      }
    }
  }
}
"""


def best_tile(kernel):
    """Rows and columns of the tile that the compiler would take here: as many accumulators as registers hold."""
    sizes = {}
    for line in kernel.decisions():
        name, _, value = line.partition(" = ")
        sizes[name.rpartition(".")[2]] = value.rpartition("-> ")[2]
    return int(sizes["rows"]), int(sizes["columns"])


class Session:
    def __init__(self, kernel, size):
        self.kernel, self.size = kernel, size
        random = np.random.default_rng(1)
        self.a, self.b = (random.uniform(-1, 1, (size, size)).astype("f") for _ in range(2))
        self.expected = self.a.astype("d") @ self.b.astype("d")
        print(f"{'step':<58}{'ms':>9}{'GFLOP/s':>10}")

    def show(self, step):
        c = self.kernel.compile(threads=1)(self.a, self.b)
        error = np.abs(c - self.expected).max()
        assert error < 1e-5 * self.size, f"{step}: off by {error}"
        seconds = self.kernel.time()
        print(f"{step:<58}{seconds * 1e3:>9.2f}{2 * self.size**3 / seconds / 1e9:>10.1f}")


def main(size):
    k = tenon.Kernel(TEXT.replace("SIZE", str(size)), "matmul.tir")
    rows, columns = best_tile(k)
    session = Session(k, size)
    session.show("three loops")

    i, j, r = k.loops("product")
    k.reorder(i, r, j)
    session.show("columns innermost: whole rows of b")

    try:
        k.vectorize("no_such_loop")
    except tenon.Error as refusal:
        print(f"  refused: {refusal}")

    # A fresh start: accumulators of a whole tile stay in registers while the sum runs.
    k = session.kernel = tenon.Kernel(TEXT.replace("SIZE", str(size)), "matmul.tir")
    i, j, r = k.loops("product")
    write = k.cache_write("product", "reg")
    i_0, i_1 = k.split(i, rows)
    j_0, j_1 = k.split(j, columns)
    k.reorder(i_0, j_0, r, i_1, j_1)
    k.reverse_compute_at(write, j_0)
    session.show(f"tiles of {rows} x {columns}")

    k.pack("product", "b", factors=[0, columns], perm=[1, 0, 2])
    session.show(f"b packed in panels of {columns} columns")

    k.vectorize(k.loops(write)[-1])
    k.unroll(k.loops(write)[-2])
    start = k.decompose_reduction("product", r)
    k.vectorize(k.loops(start)[-1])
    k.unroll(k.loops(start)[-2])
    k.tensorize(r, "fma_tile", [rows, columns, (rows + 2) // 3, (2 * rows + 2) // 3])
    session.show("the sum over a tile by the instruction fma_tile")

    standard = session.kernel = tenon.Kernel(TEXT.replace("SIZE", str(size)), "matmul.tir")
    standard.schedule()
    session.show("the default schedule")
    print(f"\nIts {len(standard.trace)} lines:\n  " + "\n  ".join(standard.trace))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
