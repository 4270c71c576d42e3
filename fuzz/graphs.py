"""Random ONNX models with symbolic and odd extents, for fuzz/run.py: each is compiled once and runs at several
sizes, where `tenon compare` holds it against the reference interpreter and, unless ONNX Runtime refuses the
model, its outputs are compared with ONNX Runtime's as well.
"""
import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TOLERANCE = 1e-3  # random graphs cancel and amplify
SIZES = [{"n": 1, "m": 5}, {"n": 3, "m": 17}, {"n": 2, "m": 1}]
# Continuous ones: a step (Floor, Sign) turns the last bit of its operand into a difference of 1.
UNARY = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "HardSwish", "LeakyRelu", "Sin", "Elu", "Softsign",
         "HardSigmoid", "Selu", "Identity", "Gelu", "Mish", "Celu", "Atan"]


class Maker:
    """One model: values are names with shapes whose entries are integers or the symbols n and m."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.data = np.random.default_rng(seed)
        self.nodes, self.weights, self.values, self.used = [], {}, [], set()
        self.inputs = []
        for i in range(self.rng.choice([1, 1, 2])):
            shape = [self.rng.choice(["n", "m", 1, 2, 3, 5, 7, 8, 16, 33]) for _ in range(self.rng.choice([1, 2, 3, 4, 4]))]
            self.inputs.append((f"x{i}", shape))
            self.values.append((f"x{i}", shape))

    def weight(self, shape, scale=1.0):
        name = f"w{len(self.weights)}"
        self.weights[name] = (self.data.standard_normal(shape) * scale).astype("f")
        return name

    def ints(self, values):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.array(values, np.int64)
        return name

    def node(self, op, inputs, shape, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.used.update(inputs)
        if shape is not None:
            self.values.append((name, list(shape)))
        return name

    def pick(self, wanted=lambda shape: True):
        good = [v for v in self.values[-6:] if wanted(v[1])]
        return self.rng.choice(good) if good else None

    def step(self):
        kinds = [self.unary, self.binary, self.binary, self.matmul, self.transpose, self.reshape, self.concat, self.slice,
                 self.gather, self.pad, self.reduce, self.normalize, self.softmax, self.convolution, self.pool, self.where,
                 self.split, self.expand, self.resize, self.cumsum, self.topk, self.squeeze]
        self.rng.choice(kinds)()

    def unary(self):
        x, shape = self.pick()
        self.node(self.rng.choice(UNARY), [x], shape)

    def binary(self):
        x, shape = self.pick()
        same = self.pick(lambda other: other == shape)
        kind = self.rng.randrange(4)
        if kind == 0:
            y = same[0]
        elif kind == 1:
            y = self.weight([d if isinstance(d, int) and self.rng.random() < 0.7 else 1 for d in shape])
        elif kind == 2:
            y = self.weight([d if isinstance(d, int) else 1 for d in shape][self.rng.randrange(len(shape) + 1):])
        else:
            axis = self.rng.randrange(len(shape))
            y = self.node("ReduceMean", [x, self.ints([axis])], None, keepdims=1)
        a, b = (x, y) if self.rng.random() < 0.5 else (y, x)
        # A value minus its mean can be nothing but rounding errors.
        self.node(self.rng.choice(["Add", "Mul", "Max", "Min"] + ["Sub"] * (kind != 3)), [a, b], shape)

    def matmul(self):
        found = self.pick(lambda s: len(s) >= 2)
        if not found:
            return
        x, shape = found
        if isinstance(shape[-1], int) and self.rng.random() < 0.7:
            columns = self.rng.choice([1, 3, 8, 17, 64])
            y = self.node("MatMul", [x, self.weight([shape[-1], columns], shape[-1] ** -0.5)], shape[:-1] + [columns])
            if self.rng.random() < 0.5:
                self.node("Add", [y, self.weight([columns])], shape[:-1] + [columns])
        else:
            perm = list(range(len(shape)))
            perm[-1], perm[-2] = perm[-2], perm[-1]
            t = self.node("Transpose", [x], None, perm=perm)
            y = self.node("MatMul", [x, t], shape[:-1] + [shape[-2]])
            self.node("Tanh", [y], shape[:-1] + [shape[-2]])

    def transpose(self):
        x, shape = self.pick()
        perm = list(range(len(shape)))
        self.rng.shuffle(perm)
        self.node("Transpose", [x], [shape[p] for p in perm], perm=perm)

    def reshape(self):
        x, shape = self.pick()
        known = [i for i, d in enumerate(shape) if isinstance(d, int) and d > 1]
        if self.rng.random() < 0.5 and known:
            at = self.rng.choice(known)
            factor = self.rng.choice([f for f in range(1, shape[at] + 1) if shape[at] % f == 0])
            out = shape[:at] + [factor, shape[at] // factor] + shape[at + 1:]
        else:
            pairs = [i for i in range(len(shape) - 1) if isinstance(shape[i], int) and isinstance(shape[i + 1], int)]
            if not pairs:
                return
            at = self.rng.choice(pairs)
            out = shape[:at] + [shape[at] * shape[at + 1]] + shape[at + 2:]
        if len(out) > 5:
            return
        symbols = [i for i, d in enumerate(out) if isinstance(d, str)]
        if len(symbols) > 1 and symbols != [i for i, d in enumerate(shape) if isinstance(d, str)]:
            return
        target = [d if isinstance(d, int) else (-1 if len(symbols) == 1 else 0) for d in out]
        self.node("Reshape", [x, self.ints(target)], out)

    def concat(self):
        x, shape = self.pick()
        known = [i for i, d in enumerate(shape) if isinstance(d, int)]
        if not known:
            return
        axis = self.rng.choice(known)
        other, there = self.pick(lambda s: len(s) == len(shape) and s[:axis] + s[axis + 1:] == shape[:axis] + shape[axis + 1:]
                                 and isinstance(s[axis], int))
        self.node("Concat", [x, other], shape[:axis] + [shape[axis] + there[axis]] + shape[axis + 1:], axis=axis)

    def known_axis(self, least=1):
        found = self.pick(lambda s: any(isinstance(d, int) and d >= least for d in s))
        if not found:
            return None
        x, shape = found
        return x, shape, self.rng.choice([i for i, d in enumerate(shape) if isinstance(d, int) and d >= least])

    def slice(self):
        found = self.known_axis(2)
        if not found:
            return
        x, shape, axis = found
        first, last, step = sorted(self.rng.sample(range(shape[axis] + 1), 2)) + [self.rng.choice([1, 1, 2, -1])]
        if step > 0:
            count, starts, ends = -(-(last - first) // step), first, last
        else:
            count, starts, ends = last - first, last - 1, first - 1 if first > 0 else -2**31
        self.node("Slice", [x, self.ints([starts]), self.ints([ends]), self.ints([axis]), self.ints([step])],
                  shape[:axis] + [count] + shape[axis + 1:])

    def gather(self):
        found = self.known_axis(1)
        if not found:
            return
        x, shape, axis = found
        count = self.rng.choice([1, 2, 5])
        indices = self.ints([self.rng.randrange(-shape[axis], shape[axis]) for _ in range(count)])
        self.node("Gather", [x, indices], shape[:axis] + [count] + shape[axis + 1:], axis=axis)

    def pad(self):
        found = self.known_axis(3)
        if not found:
            return
        x, shape, axis = found
        low, high = self.rng.randrange(3), self.rng.randrange(3)
        pads = [0] * (2 * len(shape))
        pads[axis], pads[len(shape) + axis] = low, high
        self.node("Pad", [x, self.ints(pads)], shape[:axis] + [shape[axis] + low + high] + shape[axis + 1:],
                  mode=self.rng.choice(["constant", "reflect", "edge"]))

    def reduce(self):
        x, shape = self.pick(lambda s: len(s) >= 2) or (None, None)
        if x is None:
            return
        axes = sorted(self.rng.sample(range(len(shape)), self.rng.choice([1, 1, 2])))
        if len(axes) == len(shape):
            return
        keep = self.rng.random() < 0.5
        out = [1 if i in axes else d for i, d in enumerate(shape)] if keep else [d for i, d in enumerate(shape) if i not in axes]
        op = self.rng.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare",
                              "ReduceL1", "ReduceLogSumExp"])
        self.node(op, [x, self.ints(axes)], out, keepdims=int(keep))

    def normalize(self):
        found = self.pick(lambda s: isinstance(s[-1], int) and s[-1] > 1)
        if found and self.rng.random() < 0.5:
            x, shape = found
            self.node("LayerNormalization", [x, self.weight([shape[-1]]), self.weight([shape[-1]])], shape, axis=-1)
            return
        found = self.pick(lambda s: len(s) >= 3 and isinstance(s[1], int))
        if found:
            x, shape = found
            channels = shape[1]
            parts = [self.weight([channels]) for _ in range(3)]
            variance = self.weight([channels])
            self.weights[variance] = np.abs(self.weights[variance]) + np.float32(0.5)
            self.node("BatchNormalization", [x, *parts, variance], shape)

    def softmax(self):
        x, shape = self.pick()
        self.node(self.rng.choice(["Softmax", "Softmax", "LogSoftmax"]), [x], shape, axis=self.rng.randrange(len(shape)))

    def window(self):
        """A value with channels and known spatial extents, and a window that fits."""
        found = self.pick(lambda s: len(s) in (3, 4) and all(isinstance(d, int) for d in s[1:]))
        if not found:
            return None
        x, shape = found
        kernel = [self.rng.randrange(1, min(4, d + 2)) for d in shape[2:]]
        pads = [self.rng.randrange(0, k) for k in kernel] + [self.rng.randrange(0, k) for k in kernel]
        strides = [self.rng.choice([1, 1, 2]) for _ in kernel]
        spatial = len(kernel)
        out = [(shape[2 + i] + pads[i] + pads[spatial + i] - kernel[i]) // strides[i] + 1 for i in range(spatial)]
        if min(out) < 1 or any(shape[2 + i] + pads[i] + pads[spatial + i] < kernel[i] for i in range(spatial)):
            return None
        return x, shape, out, {"kernel_shape": kernel, "pads": pads, "strides": strides}

    def convolution(self):
        found = self.window()
        if not found:
            return
        x, shape, out, window = found
        channels = shape[1]
        groups = self.rng.choice([g for g in (1, 1, channels, 2) if channels % g == 0])
        maps = groups * self.rng.choice([1, 2, 5, 16])
        w = self.weight([maps, channels // groups, *window["kernel_shape"]], 0.3)
        y = self.node("Conv", [x, w, self.weight([maps])], shape[:1] + [maps] + out, group=groups, **window)
        if self.rng.random() < 0.5:
            self.node("Relu", [y], shape[:1] + [maps] + out)

    def pool(self):
        found = self.window()
        if not found:
            return
        x, shape, out, window = found
        self.node(self.rng.choice(["MaxPool", "AveragePool"]), [x], shape[:2] + out, **window)

    def where(self):
        x, shape = self.pick()
        y, _ = self.pick(lambda other: other == shape)
        condition = self.node(self.rng.choice(["Less", "Greater"]), [x, self.weight([])], None)
        self.node("Where", [condition, x, y], shape)

    def split(self):
        found = self.known_axis(2)
        if not found:
            return
        x, shape, axis = found
        first = self.rng.randrange(1, shape[axis])
        names = [f"v{len(self.nodes)}", f"v{len(self.nodes)}b"]
        self.nodes.append(helper.make_node("Split", [x, self.ints([first, shape[axis] - first])], names, axis=axis))
        self.used.add(x)
        for name, count in zip(names, (first, shape[axis] - first)):
            self.values.append((name, shape[:axis] + [count] + shape[axis + 1:]))

    def expand(self):
        found = self.pick(lambda s: 1 in s)
        if not found:
            return
        x, shape = found
        at = self.rng.choice([i for i, d in enumerate(shape) if d == 1])
        count = self.rng.choice([2, 3, 9])
        target = [count if i == at else 1 for i in range(len(shape))]
        self.node("Expand", [x, self.ints(target)], shape[:at] + [count] + shape[at + 1:])

    def resize(self):
        found = self.pick(lambda s: len(s) == 4 and all(isinstance(d, int) and d < 40 for d in s[2:]))
        if not found:
            return
        x, shape = found
        sizes = [d * self.rng.choice([1, 2, 3]) for d in shape[2:]]
        scales = np.array([1, 1] + [b / a for a, b in zip(shape[2:], sizes)], "f")
        name = f"w{len(self.weights)}"
        self.weights[name] = scales
        self.node("Resize", [x, "", name], shape[:2] + sizes, mode=self.rng.choice(["nearest", "linear"]),
                  coordinate_transformation_mode=self.rng.choice(["half_pixel", "asymmetric"]), nearest_mode="floor")

    def cumsum(self):
        x, shape = self.pick()
        axis = self.weight([])
        self.weights[axis] = np.array(self.rng.randrange(len(shape)), np.int64)
        self.node("CumSum", [x, axis], shape, reverse=self.rng.randrange(2), exclusive=self.rng.randrange(2))

    def topk(self):
        found = self.known_axis(2)
        if not found:
            return
        x, shape, axis = found
        k = self.rng.randrange(1, shape[axis] + 1)
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node("TopK", [x, self.ints([k])], [name, name + "i"], axis=axis))
        self.used.add(x)
        self.values.append((name, shape[:axis] + [k] + shape[axis + 1:]))

    def squeeze(self):
        x, shape = self.pick()
        ones = [i for i, d in enumerate(shape) if d == 1]
        if ones and len(shape) > 1:
            at = self.rng.choice(ones)
            self.node("Squeeze", [x, self.ints([at])], shape[:at] + shape[at + 1:])
        elif len(shape) < 4:
            at = self.rng.randrange(len(shape) + 1)
            self.node("Unsqueeze", [x, self.ints([at])], shape[:at] + [1] + shape[at:])

    def model(self, steps):
        for _ in range(steps):
            self.step()
        if not self.nodes:
            self.unary()
        results = [v for v in self.values if v[0] not in self.used and v[0].startswith("v")] or [self.values[-1]]
        graph = helper.make_graph(
            self.nodes, "fuzz", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in self.inputs],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in results],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in self.weights.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def random_model(seed):
    maker = Maker(seed)
    return maker.model(maker.rng.randrange(3, 25)).SerializeToString()


def random_inputs(data, sizes, seed):
    """Arrays for the model's inputs with the symbols at these sizes, by name."""
    rng, result = np.random.default_rng(seed), {}
    for value in onnx.load_model_from_string(data).graph.input:
        shape = [d.dim_value or sizes[d.dim_param] for d in value.type.tensor_type.shape.dim]
        result[value.name] = rng.standard_normal(shape).astype("f")
    return result


def against_onnxruntime(data, inputs, folder):
    """What differs between the outputs saved in the folder and ONNX Runtime's; "" if nothing does or if it refuses."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        wanted = session.run(None, inputs)
    except Exception:  # its own errors have no common type
        return ""
    for value, want in zip(session.get_outputs(), wanted):
        have = np.load(folder / f"{value.name}.npy")
        if have.shape != want.shape:
            return f"{value.name}: shape {have.shape}, not {want.shape}"
        if not np.array_equal(np.isnan(have), np.isnan(want)):
            return f"{value.name}: NaN at other places"
        finite = np.isfinite(want)
        largest = np.max(np.abs(want[finite]), initial=0) or 1
        if not np.array_equal(finite, np.isfinite(have)) or np.any(np.abs((have - want)[finite]) > TOLERANCE * largest):
            return f"{value.name}: relative error {np.max(np.abs((have - want)[finite]), initial=0) / largest:.3g}"
    return ""
