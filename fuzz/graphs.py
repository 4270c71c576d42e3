"""Random ONNX models with symbolic and odd extents, of several element types, with branches and loops, for
fuzz/run.py: each is compiled once and runs at several sizes."""
import random

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cases import Case

SIZES = [{"n": 1, "m": 5}, {"n": 3, "m": 17}, {"n": 2, "m": 1}]
EMPTY = {"n": 0, "m": 4}
# Continuous ones: a step (Floor, Sign) turns the last bit of its operand into a difference of 1.
UNARY = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "HardSwish", "LeakyRelu", "Sin", "Elu", "Softsign",
         "HardSigmoid", "Selu", "Identity", "Gelu", "Mish", "Celu", "Atan"]
# What rounds nothing: of inputs and weights these make values that every engine has to the last bit.
EXACT = {"Identity", "Neg", "Abs", "Relu", "Max", "Min", "Transpose", "Reshape", "Concat", "Slice", "Gather", "GatherElements",
         "GatherND", "Pad", "Split", "Expand", "Squeeze", "Unsqueeze", "ReduceMax", "ReduceMin", "MaxPool", "Where", "TopK"}


class Maker:
    """One model: values are names with shapes whose entries are integers or the symbols n and m."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.data = np.random.default_rng(seed)
        self.nodes, self.weights, self.values, self.used, self.count = [], {}, [], set(), 0
        self.sizes = [*SIZES, EMPTY] if self.rng.random() < 0.2 else SIZES
        self.float = self.rng.choice([np.float32] * 10 + [np.float16, np.float64])
        self.types, self.inputs = {}, []  # element types of values; names of inputs and their shapes
        self.rounded = set()  # values that engines may round differently
        for i in range(self.rng.choice([1, 1, 2])):
            self.input(self.float)
        if self.rng.random() < 0.3:
            self.input(self.rng.choice([np.int64, np.int32]))
        self.type = self.float  # of the values that the step at hand takes and makes

    def input(self, kind):
        extents = ["n", "m", 1, 2, 3, 5, 7, 8, 16, 33]
        value = (f"x{len(self.inputs)}", [self.rng.choice(extents) for _ in range(self.rng.choice([1, 2, 3, 4, 4]))])
        self.types[value[0]] = np.dtype(kind)
        self.inputs.append(value)
        self.values.append(value)

    def weight(self, shape, scale=1.0):
        name = f"w{len(self.weights)}"
        if np.issubdtype(self.type, np.floating):
            self.weights[name] = (self.data.standard_normal(shape) * scale).astype(self.type)
        else:
            self.weights[name] = self.data.integers(-4, 5, shape).astype(self.type)
        return name

    def ints(self, values):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.array(values, np.int64)
        return name

    def node(self, op, inputs, shape, kind=None, **attributes):
        """One more node; a shape makes its result a value for later steps, of the step's type unless given."""
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.used.update(inputs)
        if op not in EXACT or not self.rounded.isdisjoint(inputs):
            self.rounded.add(name)
        if shape is not None:
            self.values.append((name, list(shape)))
            self.types[name] = np.dtype(kind or self.type)
        return name

    def inherit(self, x, names):
        """These are elements of x."""
        if x in self.rounded:
            self.rounded.update(names)

    def pick(self, wanted=lambda shape: True):
        good = [v for v in self.values if self.types[v[0]] == self.type and wanted(v[1])][-6:]
        return self.rng.choice(good) if good else None

    def step(self):
        integers = sorted({str(t) for t in self.types.values() if np.issubdtype(t, np.integer)})
        if integers and self.rng.random() < 0.3:
            self.type = np.dtype(self.rng.choice(integers))
            self.rng.choice([self.integer_unary, self.integer_binary, self.integer_binary, self.transpose, self.reshape, self.concat,
                             self.slice, self.gather, self.pad, self.integer_reduce, self.where, self.split, self.expand,
                             self.squeeze, self.to_float, self.to_float, self.logic, self.gather_by_value])()
            self.type = self.float
            return
        kinds = [self.unary, self.binary, self.binary, self.matmul, self.transpose, self.reshape, self.concat, self.slice,
                 self.gather, self.pad, self.reduce, self.normalize, self.softmax, self.convolution, self.pool, self.where,
                 self.split, self.expand, self.resize, self.cumsum, self.topk, self.squeeze, self.gather_2d, self.crop,
                 self.branch, self.loop]
        self.rng.choice(kinds)()

    def unary(self):
        x, shape = self.pick()
        op = self.rng.choice(UNARY)
        self.node(op if op != "Celu" or self.float == np.float32 else "Elu", [x], shape)  # Celu has f32 only

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
            y = self.node("ReduceMean" if self.has_mean([shape[axis]]) else "ReduceMax", [x, self.ints([axis])], None, keepdims=1)
        a, b = (x, y) if self.rng.random() < 0.5 else (y, x)
        # A value minus its mean can be nothing but rounding errors.
        self.node(self.rng.choice(["Add", "Mul", "Max", "Min"] + ["Sub"] * (kind != 3)), [a, b], shape)

    def has_mean(self, extents):
        """The mean of nothing is undefined."""
        return EMPTY not in self.sizes or all(isinstance(d, int) for d in extents)

    def integer_unary(self):
        x, shape = self.pick()
        self.node(self.rng.choice(["Neg", "Abs", "Sign", "Identity"]), [x], shape)

    def integer_binary(self):
        """Add, ... with another value or a weight; Mod and Div by weights that are not 0."""
        x, shape = self.pick()
        op = self.rng.choice(["Add", "Sub", "Mul", "Max", "Min", "Mod", "Div"])
        y = self.weight([d if isinstance(d, int) and self.rng.random() < 0.7 else 1 for d in shape])
        if op in ("Mod", "Div"):
            self.weights[y] = np.where(self.weights[y] == 0, 3, self.weights[y]).astype(self.type)
        elif self.rng.random() < 0.5:
            y = self.pick(lambda other: other == shape)[0]
        self.node(op, [x, y], shape)

    def integer_reduce(self):
        x, shape = self.pick()
        axis = self.rng.randrange(len(shape))
        op = self.rng.choice(["ReduceSum", "ReduceMax", "ReduceMin"])  # ONNX Runtime's products saturate
        self.node(op, [x, self.ints([axis])], shape[:axis] + [1] + shape[axis + 1:], keepdims=1)

    def within(self, x, extent):
        """x modulo the extent: from 0 on, whatever x is."""
        modulus = self.weight([])
        self.weights[modulus] = np.array(extent, self.type)
        return self.node("Mod", [x, modulus], None)

    def to_float(self):
        """Small whole numbers as floats."""
        x, shape = self.pick()
        self.node("Cast", [self.within(x, 7)], shape, kind=self.float, to=helper.np_dtype_to_tensor_dtype(np.dtype(self.float)))

    def logic(self):
        x, shape = self.pick()
        y, _ = self.pick(lambda other: other == shape)
        first = self.node(self.rng.choice(["Less", "Greater", "Equal", "LessOrEqual"]), [x, self.weight([])], None)
        second = self.node(self.rng.choice(["GreaterOrEqual", "Equal"]), [y, self.weight([])], None)
        both = self.node(self.rng.choice(["And", "Or", "Xor"]), [first, self.node("Not", [second], None)], None)
        self.node("Where", [both, x, y], shape)

    def gather_by_value(self):
        """Elements of a float value at places that an integer value gives."""
        index, index_shape = self.pick(lambda shape: len(shape) <= 2) or (None, None)
        if index is None:
            return
        kind, self.type = self.type, self.float
        found = self.known_axis(1)
        self.type = kind
        if not found or len(found[1]) + len(index_shape) > 5:
            return
        x, shape, axis = found
        self.node("Gather", [x, self.within(index, shape[axis])], shape[:axis] + index_shape + shape[axis + 1:], kind=self.float,
                  axis=axis)

    def gather_2d(self):
        found = self.known_axis(1)
        if not found or len(found[1]) > 3:
            return
        x, shape, axis = found
        indices = self.ints([[self.rng.randrange(-shape[axis], shape[axis]) for _ in range(3)] for _ in range(2)])
        if self.rng.random() < 0.5:
            self.node("Gather", [x, indices], shape[:axis] + [2, 3] + shape[axis + 1:], axis=axis)
        elif len(shape) == 2 and isinstance(shape[1 - axis], int) and shape[1 - axis] >= 3:
            self.node("GatherElements", [x, indices], [2, 3], axis=axis)

    def crop(self):
        """Negative pads."""
        found = self.known_axis(3)
        if not found:
            return
        x, shape, axis = found
        low, high = self.rng.choice([(-1, 0), (0, -1), (-1, 2), (2, -2)])
        pads = [0] * (2 * len(shape))
        pads[axis], pads[len(shape) + axis] = low, high
        self.node("Pad", [x, self.ints(pads)], shape[:axis] + [shape[axis] + low + high] + shape[axis + 1:])

    def body(self, name, shape):
        """Nodes of a subgraph that starts from a value and keeps its shape, and the result's name."""
        outer, self.nodes = (self.nodes, self.values), []
        self.values = [(name, shape)]
        for _ in range(self.rng.randrange(1, 4)):
            self.rng.choice([self.unary, self.binary, self.softmax, self.where])()
        self.node("Tanh", [self.values[-1][0]], shape)
        inner, result = self.nodes, self.values[-1][0]
        self.nodes, self.values = outer
        return inner, result

    def branch(self):
        """An If whose condition only a run knows."""
        found = self.pick(lambda s: all(isinstance(d, int) for d in s))
        if not found:
            return
        x, shape = found
        exact = [v for v, _ in self.values if v not in self.rounded and self.types[v] == self.type]
        largest = self.node("ReduceMax", [self.rng.choice(exact)], None, keepdims=0)
        condition, parts = self.node("Less", [largest, self.weight([])], None), {}
        for part in ("then_branch", "else_branch"):
            nodes, result = self.body(x, shape)
            parts[part] = helper.make_graph(nodes, part, [], [self.info(result, shape)])
        self.used.add(x)
        self.node("If", [condition], shape, **parts)

    def loop(self):
        """A few iterations that carry one value and stack what they make."""
        found = self.pick(lambda s: len(s) < 4)
        if not found:
            return
        x, shape = found
        trips, carried = self.ints(self.rng.randrange(1, 4)), f"c{self.count}"
        self.types[carried] = np.dtype(self.type)
        self.rounded.add(carried)
        nodes, result = self.body(carried, shape)
        keep, stacked = f"{carried}k", f"{carried}s"
        nodes += [helper.make_node("Identity", [f"{carried}b"], [keep]), helper.make_node("Identity", [result], [stacked])]
        body = helper.make_graph(
            nodes, "body", [helper.make_tensor_value_info(f"{carried}i", TensorProto.INT64, []),
                            helper.make_tensor_value_info(f"{carried}b", TensorProto.BOOL, []), self.info(carried, shape)],
            [helper.make_tensor_value_info(keep, TensorProto.BOOL, []), self.info(result, shape), self.info(stacked, shape, result)])
        self.count += 1
        names = [f"v{self.count}", f"v{self.count}b"]
        self.nodes.append(helper.make_node("Loop", [trips, "", x], names, body=body))
        self.used.add(x)
        self.rounded.update(names)
        for name, out in zip(names, (shape, [int(self.weights[trips])] + shape)):
            self.values.append((name, out))
            self.types[name] = np.dtype(self.type)

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
        elif self.float != np.float16:  # the digits of narrow sums that cancel are anyone's
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
        op = self.rng.choice(["ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare", "ReduceL1", "ReduceLogSumExp"] +
                             ["ReduceMean"] * self.has_mean([shape[i] for i in axes]))
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
            self.weights[variance] = np.abs(self.weights[variance]) + self.type(0.5)
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
        """A choice by a value that nothing rounds, or one that is continuous at its threshold."""
        x, shape = self.pick()
        y, _ = self.pick(lambda other: other == shape)
        threshold = self.weight([])
        exact = [v for v, s in self.values if s == shape and v not in self.rounded and self.types[v] == self.type]
        decides, other = (self.rng.choice(exact), y) if exact else (x, threshold)
        condition = self.node(self.rng.choice(["Less", "Greater"]), [decides, threshold], None)
        self.node("Where", [condition, x, other], shape)

    def split(self):
        found = self.known_axis(2)
        if not found:
            return
        x, shape, axis = found
        first = self.rng.randrange(1, shape[axis])
        self.count += 1
        names = [f"v{self.count}", f"v{self.count}b"]
        self.nodes.append(helper.make_node("Split", [x, self.ints([first, shape[axis] - first])], names, axis=axis))
        self.used.add(x)
        self.inherit(x, names)
        for name, count in zip(names, (first, shape[axis] - first)):
            self.values.append((name, shape[:axis] + [count] + shape[axis + 1:]))
            self.types[name] = np.dtype(self.type)

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
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node("TopK", [x, self.ints([k])], [name, name + "i"], axis=axis))
        self.used.add(x)
        self.inherit(x, [name])
        self.values.append((name, shape[:axis] + [k] + shape[axis + 1:]))
        self.types[name] = np.dtype(self.type)

    def squeeze(self):
        x, shape = self.pick()
        ones = [i for i, d in enumerate(shape) if d == 1]
        if ones and len(shape) > 1:
            at = self.rng.choice(ones)
            self.node("Squeeze", [x, self.ints([at])], shape[:at] + shape[at + 1:])
        elif len(shape) < 4:
            at = self.rng.randrange(len(shape) + 1)
            self.node("Unsqueeze", [x, self.ints([at])], shape[:at] + [1] + shape[at:])

    def info(self, name, shape, like=None):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(self.types[like or name]), shape)

    def model(self, steps):
        for _ in range(steps):
            self.step()
        if not self.nodes:
            self.unary()
        results = [v for v in self.values if v[0] not in self.used and v[0].startswith("v")] or [self.values[-1]]
        inner = [v for v in self.values if v not in results and v not in self.inputs]
        graph = helper.make_graph(
            self.nodes, "fuzz", [self.info(*v) for v in self.inputs], [self.info(*v) for v in results],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in self.weights.items()], value_info=[self.info(*v) for v in inner])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def random_model(seed):
    """A model and the sizes to run it at."""
    maker = Maker(seed)
    return maker.model(maker.rng.randrange(3, 25)), maker.sizes


def random_inputs(model, sizes, seed):
    """Arrays for the model's inputs with the symbols at these sizes, by name."""
    rng, result = np.random.default_rng(seed), {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [sizes[d.dim_param] if d.dim_param else d.dim_value for d in tensor.shape.dim]
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        values = rng.standard_normal(shape) if np.issubdtype(kind, np.floating) else rng.integers(-6, 7, shape)
        result[value.name] = np.asarray(values, kind)
    return result


def random_case(seed):
    """A random model with inputs at several sizes, and ONNX Runtime's outputs."""
    model, sizes = random_model(seed)
    case = Case(model, [random_inputs(model, s, seed + i) for i, s in enumerate(sizes)])
    # Not every operator has a meaning for nothing.
    return Case(model, case.sets[:-1]) if case.expected is None and EMPTY in sizes else case
