"""Graphs that a program builds node by node.

    g = tenon.Graph("head")
    x = g.input("x", "f32[batch, 384]")
    y = g.softmax(x @ weights + bias, axis=-1)
    g.output("y", y)
    print(g)
    model = g.compile()
"""
from __future__ import annotations

import functools
import numbers
from collections import namedtuple

from . import _core

Operator = namedtuple("Operator", "name operands options extents")
Operator.__doc__ = """An operator of graphs.

operands: names, "?" behind those that may be None; "x*" is any number
options, extents: keys; values of extents are ints or text over the graph's symbols, of "shape*" any number
"""


@functools.lru_cache(maxsize=None)
def operators():
    """All operators, by name: {'softmax': Operator(...), ...}."""
    return {row[0]: Operator(*row) for row in _core._operators()}


def _option(value):
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ",".join(_option(v) for v in value)
    return str(value)


class Node:
    """A value of a graph: a tensor. Arithmetic, comparisons, @ and indexing make new nodes; numbers become literals of
    the node's element type, arrays constants. Shapes broadcast as NumPy's do."""

    __array_ufunc__ = None  # arrays leave operators to nodes

    def __init__(self, graph, number):
        self.graph = graph
        self._number = number

    @property
    def shape(self):
        """An extent for each axis: an int, or a str over the graph's symbols."""
        return self.graph._graph.describe(self._number).shape

    @property
    def type(self):
        """The element type, such as 'f32'."""
        return self.graph._graph.describe(self._number).type

    def __repr__(self):
        return f"<tenon.Node {self.type}[{', '.join(str(e) for e in self.shape)}]>"

    def __neg__(self):
        return self.graph.neg(self)

    def __abs__(self):
        return self.graph.abs(self)

    def __invert__(self):
        return self.graph.not_(self)

    def cast(self, to):
        """Another element type, such as 'f16'."""
        return self.graph.cast(self, to=to)

    def reshape(self, *shape):
        """The elements in another shape; one extent may be -1."""
        whole = len(shape) == 1 and isinstance(shape[0], (list, tuple))
        return self.graph.reshape(self, shape=shape[0] if whole else shape)

    def transpose(self, *perm):
        """Axes in another order, reversed where none is given."""
        return self.graph.transpose(self, **({"perm": perm} if perm else {}))

    @property
    def T(self):
        return self.transpose()

    def __getitem__(self, index):
        """Ints, slices with a positive step, ... and None, as numpy has them; bounds may be text over the symbols. Of an
        axis whose extent is a symbol, each run has to have the elements that are asked for."""
        index = index if isinstance(index, tuple) else (index,)
        shape = self.shape
        real = sum(i is not None and i is not Ellipsis for i in index)
        if real > len(shape):
            raise IndexError(f"{real} indices for {self!r}")
        axis = place = 0
        parts, dropped, added = [], [], []  # parts: axis, start, stop, step
        for i in index:
            if i is None:
                added.append(place)
                place += 1
                continue
            if i is Ellipsis:
                axis += len(shape) - real
                place += len(shape) - real
                continue
            if isinstance(i, slice):
                if i != slice(None):
                    parts.append((axis, 0 if i.start is None else i.start, shape[axis] if i.stop is None else i.stop,
                                  1 if i.step is None else i.step))
                place += 1
            elif isinstance(i, numbers.Integral) and not isinstance(i, bool):
                if isinstance(shape[axis], int) and not -shape[axis] <= i < shape[axis]:
                    raise IndexError(f"index {i} is outside of axis {axis} of {self!r}")
                parts.append((axis, int(i), shape[axis] if i == -1 else int(i) + 1, 1))
                dropped.append(axis)
            else:
                raise TypeError(f"an index is an int, a slice, ... or None, not {i!r}; gather takes nodes")
            axis += 1
        out = self
        if parts:
            axes, starts, stops, steps = zip(*parts)
            out = self.graph.slice(out, axes=axes, starts=starts, stops=stops, steps=steps)
        if dropped:
            out = self.graph.squeeze(out, axes=dropped)
        return self.graph.unsqueeze(out, axes=added) if added else out

    def __iter__(self):
        raise TypeError("a node is not iterable; take parts of it with slices")

    def __bool__(self):
        raise TypeError("a node has no value before the model runs; g.select(condition, a, b) chooses elements")

    __hash__ = object.__hash__


def _binary(name, swapped):
    def method(self, other):
        g, other = self.graph, self.graph._node(other, self)
        operands = (other, self) if swapped else (self, other)
        is_float = self.type.lstrip("b").startswith("f")
        if name == "floordiv" and is_float:
            return g.floor(g.div(*operands))
        if name == "div" and not is_float:
            raise TypeError(f"/ of {self.type} would be no {self.type}: take // or cast, or g.div, which truncates")
        return g.apply(name, *operands)

    return method


for _symbol, _name in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floordiv", "mod": "mod",
                       "pow": "pow", "matmul": "matmul", "and": "and", "or": "or", "xor": "xor"}.items():
    setattr(Node, f"__{_symbol}__", _binary(_name, swapped=False))
    setattr(Node, f"__r{_symbol}__", _binary(_name, swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Node, f"__{_name}__", _binary(_name, swapped=False))


class Graph:
    """A model under construction. Its operators are methods: g.softmax(x, axis=-1), g.concat(a, b, axis=1); words of
    Python end in _ (g.not_). tenon.graph.operators() lists them. One thread uses a graph at a time."""

    def __init__(self, name="main"):
        self.name = name
        self._graph = _core._Graph(name)

    def input(self, name, type):
        """An input. type: "f32[batch, 384]", where a name is an extent that runs may differ in; "inout f32[8]";
        "state f32[n, 64] reserve 4096" for memory that is kept from run to run, whose next value is the output of its
        name."""
        return Node(self, self._graph.input(name, type))

    def constant(self, array, name=""):
        """A copy of a contiguous array."""
        return Node(self, self._graph.constant(array, name))

    def scalar(self, type, value):
        """A number as a tensor of rank 0 of that element type."""
        if type in ("i64", "u64") and isinstance(value, numbers.Integral) and int(float(value)) != value:
            import numpy

            bits = int(value) % 2**64  # no float holds the number
            return self.constant(numpy.array(bits, "u8").view("i8" if type == "i64" else "u8"))
        return Node(self, self._graph.scalar(type, float(value)))

    def output(self, name, node):
        """A result of the model."""
        self._graph.output(name, self._node(node)._number)

    def apply(self, operator, *operands, **options):
        """The operator of that name: its result, or a tuple of several. Operands are nodes, numbers, arrays, or None
        where one may be absent."""
        like = next((o for o in operands if isinstance(o, Node)), None)
        given = [0 if o is None else self._node(o, like)._number for o in operands]
        text = " ".join(f"{key}={_option(value)}" for key, value in options.items())
        results = [Node(self, n) for n in self._graph.apply(operator, given, text)]
        return results[0] if len(results) == 1 else tuple(results)

    def __getattr__(self, name):
        operator = name.rstrip("_")
        if name.startswith("_") or operator not in operators():
            raise AttributeError(f"a graph has no '{name}'; tenon.graph.operators() lists the operators")
        return functools.partial(self.apply, operator)

    def __dir__(self):
        return [*super().__dir__(), *operators()]

    def _node(self, value, like=None):
        if isinstance(value, Node):
            if value.graph is not self:
                raise ValueError("a node belongs to another graph")
            return value
        if isinstance(value, numbers.Number):
            if like is None:
                raise TypeError(f"a number needs a node beside it that tells its type; g.scalar('f32', {value}) makes one")
            return self.scalar(like.type, value)
        return self.constant(value)

    def compile(self, *, target=None, precision=None, threads=0, pool=None, progress=None):
        """The compiled Model; arguments as those of tenon.compile. The graph can be changed and compiled again."""
        return self._graph.compile(target, precision, threads, pool, progress)

    def kernel(self, index=0, *, target=None):
        """The Kernel of that index that the compiler makes of the graph, without a schedule."""
        from .schedule import Kernel

        return Kernel._of(self._graph.kernel(index, target))

    def __str__(self):
        return self._graph.text()

    def __repr__(self):
        return f"<tenon.Graph {self.name}>"
