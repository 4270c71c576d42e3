#!/usr/bin/env python3
"""Writes a small sentence-embedding transformer and compares sentences with it through tenon.

usage: examples/embedding.py write FILE.onnx          the model: two layers, hash tokens, seeded weights
       examples/embedding.py tokens FILE.npy TEXT...  sentences as token ids, padded with 0
       examples/embedding.py compare DIR TOKENS.npy TEXT...  mean-pool DIR/states.npy, print the cosines

The weights are random, so the similarity comes from shared words alone; the steps are those of a
trained model. The symbolic axes `batch` and `seq` let one compiled file take any sentences.
"""
import pathlib
import sys
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS, WIDTH, HEADS, LAYERS, LONGEST = 4096, 64, 4, 2, 128


class Graph:
    """Nodes and weights in the order of their making."""

    def __init__(self):
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(0)

    def add(self, op, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"{op}_{len(self.nodes)}", **attributes))
        return name

    def value(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape):
        return self.value((self.random.standard_normal(shape) / np.sqrt(shape[0])).astype("f"))

    def norm(self, x):
        return self.add("LayerNormalization", x, self.value(np.ones(WIDTH, "f")), self.value(np.zeros(WIDTH, "f")))

    def heads(self, x, order):
        split = self.add("Reshape", x, self.value(np.array([0, 0, HEADS, WIDTH // HEADS])))
        return self.add("Transpose", split, perm=order)

    def layer(self, x, mask):
        q, k, v = (self.add("MatMul", x, self.weight(WIDTH, WIDTH)) for _ in range(3))
        scores = self.add("MatMul", self.heads(q, [0, 2, 1, 3]), self.heads(k, [0, 2, 3, 1]))
        scores = self.add("Mul", scores, self.value(np.float32((WIDTH // HEADS) ** -0.5)))
        shares = self.add("Softmax", self.add("Add", scores, mask), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", shares, self.heads(v, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        mixed = self.add("Reshape", mixed, self.value(np.array([0, 0, WIDTH])))
        x = self.norm(self.add("Add", x, self.add("MatMul", mixed, self.weight(WIDTH, WIDTH))))
        hidden = self.add("Tanh", self.add("MatMul", x, self.weight(WIDTH, 4 * WIDTH)))
        return self.norm(self.add("Add", x, self.add("MatMul", hidden, self.weight(4 * WIDTH, WIDTH))))


def write(path):
    g = Graph()
    padding = g.add("Cast", g.add("Equal", "tokens", g.value(np.array(0))), to=TensorProto.FLOAT)
    mask = g.add("Unsqueeze", g.add("Mul", padding, g.value(np.float32(-1e9))), g.value(np.array([1, 2])))
    x = g.add("Gather", g.value(g.random.standard_normal((WORDS, WIDTH)).astype("f")), "tokens")
    for _ in range(LAYERS):
        x = g.layer(x, mask)
    g.nodes[-1].output[0] = "states"
    graph = helper.make_graph(g.nodes, "embedding",
                              [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "seq"])],
                              [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["batch", "seq", WIDTH])],
                              g.weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def tokens(path, texts):
    rows = [[1 + zlib.crc32(w.strip(".,!?").encode()) % (WORDS - 1) for w in t.lower().split()][:LONGEST] for t in texts]
    longest = max(map(len, rows))
    np.save(path, np.array([row + [0] * (longest - len(row)) for row in rows], "i8"))


def compare(folder, path, texts):
    states, present = np.load(pathlib.Path(folder) / "states.npy"), np.load(path)[..., None] != 0
    pooled = (states * present).sum(1) / present.sum(1)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    for row, text in zip(pooled @ pooled.T, texts):
        print("  ".join(f"{c:5.2f}" for c in row), "", text)


def main():
    match sys.argv[1:]:
        case ["write", path]:
            write(path)
        case ["tokens", path, *texts] if texts:
            tokens(path, texts)
        case ["compare", folder, path, *texts] if texts:
            compare(folder, path, texts)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
