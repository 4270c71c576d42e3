#!/usr/bin/env python3
"""Trains the network of examples/digits.onnx on scikit-learn's handwritten digits and writes it.

usage: tools/train_digits.py [OUT]        default OUT: examples; needs numpy, scikit-learn, onnx

Writes OUT/digits.onnx (1x8x8 images in 0..1, batch symbolic, to 10 scores), OUT/digits_images.npy and
OUT/digits_labels.npy: the held-out quarter of the set, never seen in training. Prints the accuracy on
it; fixed seeds, so that a run gives the same network on the same numpy.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, BATCH, RATE, DECAY = 60, 64, 2e-3, 1e-4


def columns(x):
    """3x3 neighbourhoods with padding 1: [n, c, h, w] to [n, h, w, c * 9]."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    n, c, h, w = x.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def conv(x, w, b):
    cols = columns(x)
    return (cols @ w.reshape(w.shape[0], -1).T + b).transpose(0, 3, 1, 2), cols


def conv_backward(dy, cols, w, shape):
    flat = dy.transpose(0, 2, 3, 1)
    dw = np.tensordot(flat, cols, ((0, 1, 2), (0, 1, 2))).reshape(w.shape)
    dcols = (flat @ w.reshape(w.shape[0], -1)).reshape(*flat.shape[:3], shape[1], 3, 3)
    dx = np.zeros((shape[0], shape[1], shape[2] + 2, shape[3] + 2), np.float32)
    for i in range(3):
        for j in range(3):
            dx[:, :, i:i + shape[2], j:j + shape[3]] += dcols[..., i, j].transpose(0, 3, 1, 2)
    return dx[:, :, 1:-1, 1:-1], dw, dy.sum((0, 2, 3))


def pool(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    y = blocks.max((3, 5))
    return y, blocks == y[:, :, :, None, :, None]


def pool_backward(dy, mask):
    n, c, h, _, w, _ = mask.shape
    return (mask * dy[:, :, :, None, :, None]).reshape(n, c, 2 * h, 2 * w)


def forward(p, x):
    a1, c1 = conv(x, p["w1"], p["b1"])
    r1 = np.maximum(a1, 0)
    a2, c2 = conv(r1, p["w2"], p["b2"])
    m2, k2 = pool(np.maximum(a2, 0))
    a3, c3 = conv(m2, p["w3"], p["b3"])
    m3, k3 = pool(np.maximum(a3, 0))
    flat = m3.reshape(len(x), -1)
    return flat @ p["w4"] + p["b4"], (x, a1, c1, r1, a2, c2, m2, k2, a3, c3, m3, k3, flat)


def gradients(p, x, labels, rng):
    scores, (x, a1, c1, r1, a2, c2, m2, k2, a3, c3, m3, k3, flat) = forward(p, x)
    e = np.exp(scores - scores.max(1, keepdims=True))
    d = e / e.sum(1, keepdims=True)
    d[np.arange(len(x)), labels] -= 1
    d /= len(x)
    g = {"w4": flat.T @ d, "b4": d.sum(0)}
    da3 = pool_backward((d @ p["w4"].T).reshape(m3.shape), k3) * (a3 > 0)
    dm2, g["w3"], g["b3"] = conv_backward(da3, c3, p["w3"], m2.shape)
    da2 = pool_backward(dm2, k2) * (a2 > 0)
    dr1, g["w2"], g["b2"] = conv_backward(da2, c2, p["w2"], r1.shape)
    _, g["w1"], g["b1"] = conv_backward(dr1 * (a1 > 0), c1, p["w1"], x.shape)
    return g


def shifted(x, rng):
    """Each image moved by up to one pixel: the only augmentation."""
    out = np.zeros_like(x)
    for i, (dy, dx) in enumerate(rng.integers(-1, 2, (len(x), 2))):
        out[i] = np.roll(x[i], (dy, dx), (1, 2))
    return out


def train(images, labels, rng):
    p = {}
    for name, shape, fan in (("w1", (16, 1, 3, 3), 9), ("w2", (32, 16, 3, 3), 144), ("w3", (64, 32, 3, 3), 288),
                             ("w4", (256, 10), 256)):
        p[name] = (rng.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)
        p["b" + name[1]] = np.zeros(shape[-1] if name == "w4" else shape[0], np.float32)
    first = {k: np.zeros_like(v) for k, v in p.items()}
    second = {k: np.zeros_like(v) for k, v in p.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS)
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            pick = order[start:start + BATCH]
            step += 1
            for k, g in gradients(p, shifted(images[pick], rng), labels[pick], rng).items():
                first[k] += 0.1 * (g - first[k])
                second[k] += 0.001 * (g * g - second[k])
                update = first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
                p[k] = (p[k] - rate * (update + DECAY * p[k])).astype(np.float32)
    return p


def export(p, path):
    nodes, x = [], "image"
    for i in (1, 2, 3):
        nodes.append(helper.make_node("Conv", [x, f"w{i}", f"b{i}"], [f"conv{i}"], f"conv{i}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"], f"relu{i}"))
        x = f"relu{i}"
        if i > 1:
            nodes.append(helper.make_node("MaxPool", [x], [f"pool{i}"], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2]))
            x = f"pool{i}"
    nodes.append(helper.make_node("Flatten", [x], ["flat"], "flatten"))
    nodes.append(helper.make_node("Gemm", ["flat", "w4", "b4"], ["scores"], "classifier"))
    graph = helper.make_graph(
        nodes, "digits", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(v, k) for k, v in p.items()])
    model = helper.make_model(graph, producer_name="train_digits", opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "examples")
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(images, digits.target, test_size=0.25, random_state=1,
                                                        stratify=digits.target)
    p = train(train_x, train_y, np.random.default_rng(7))
    accuracy = (forward(p, test_x)[0].argmax(1) == test_y).mean()
    export(p, out / "digits.onnx")
    np.save(out / "digits_images.npy", test_x)
    np.save(out / "digits_labels.npy", test_y.astype(np.int64))
    print(f"test accuracy {100 * accuracy:.2f} % on {len(test_x)} held-out images, {len(train_x)} trained on")


if __name__ == "__main__":
    main()
