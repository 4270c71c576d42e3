"""The smallest model that still fails in the same way: fewer outputs and data sets, values cut out and replaced
by inputs, nodes bypassed, symbolic extents made constant, extents made smaller."""
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cases import JUDGE, Case, Verdicts

BATCH = 24


def used_by(nodes):
    """Every name that the nodes read, those of their subgraphs too."""
    names = set()
    for node in nodes:
        names.update(node.input)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                names |= used_by(attribute.g.node) | {o.name for o in attribute.g.output}
    return names


def rebuilt(model, nodes, inputs, outputs):
    """The model with these parts, without what its outputs do not need."""
    wanted, kept = {o.name for o in outputs}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= used_by([node])
    graph = model.graph
    made = {name for node in kept for name in node.output}
    inputs = [i for i in inputs if i.name in wanted and i.name not in made]
    taken = {i.name for i in inputs}
    result = helper.make_model(
        helper.make_graph(kept[::-1], graph.name, inputs, outputs,
                          [w for w in graph.initializer if w.name in wanted and w.name not in taken],
                          value_info=[v for v in graph.value_info if v.name in made and v.name not in {o.name for o in outputs}]),
        opset_imports=model.opset_import, ir_version=model.ir_version)
    return result


def weight_count(case):
    return sum(int(np.prod(w.dims)) for w in case.model.graph.initializer) + sum(v.size for s in case.sets for v in s.values())


def size_of(case):
    return (len(case.model.graph.node), len(case.model.graph.output), len(case.sets), len(case.model.graph.input), weight_count(case))


def renamed_inputs(node, old, new):
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(copy.input):
        if name == old:
            copy.input[i] = new
    for attribute in copy.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for k, inner in enumerate(attribute.g.node):
                attribute.g.node[k].CopyFrom(renamed_inputs(inner, old, new))
    return copy


class Values:
    """What ONNX Runtime computes for every value of the main graph, for each data set; none where it refuses."""

    def __init__(self, case):
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        del model.graph.output[:]
        names = [name for node in model.graph.node for name in node.output if name]
        model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
        self.infos = {v.name: v for v in [*case.model.graph.value_info, *case.model.graph.output]}
        self.rows = [dict(zip(names, row)) for row in JUDGE.outputs_of(model, case.sets) or []]

    def info(self, name):
        """The declared type of the value, or a constant one by its arrays."""
        if name in self.infos and self.infos[name].type.HasField("tensor_type"):
            return self.infos[name]
        arrays = [row[name] for row in self.rows]
        if not arrays or any(a.shape != arrays[0].shape for a in arrays):
            return None
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(arrays[0].dtype), arrays[0].shape)


def fewer_outputs(case):
    graph = case.model.graph
    for k in range(len(case.sets)):
        if len(case.sets) > 1:
            yield case.model, [case.sets[k]]
    if len(graph.output) > 1:
        for output in graph.output:
            yield rebuilt(case.model, list(graph.node), list(graph.input), [output]), case.sets


def cut(case):
    """An inner value becomes an input, or the only output."""
    graph, values = case.model.graph, Values(case)
    for node in graph.node:
        for name in node.output:
            info = values.info(name) if values.rows else None
            if not name or info is None:
                continue
            if [o.name for o in graph.output] != [name]:
                yield rebuilt(case.model, list(graph.node), list(graph.input), [info]), case.sets
            if name in {o.name for o in graph.output}:
                continue
            fresh = helper.make_tensor_value_info(name + "_", 1, [])
            fresh.type.CopyFrom(info.type)
            readers = [renamed_inputs(n, name, fresh.name) for n in graph.node]
            sets = [{**inputs, fresh.name: row[name]} for inputs, row in zip(case.sets, values.rows)]
            yield rebuilt(case.model, readers, [*graph.input, fresh], list(graph.output)), sets


def bypass(case):
    """A node's readers read one of its operands of the same type instead."""
    graph, values = case.model.graph, Values(case)
    if not values.rows:
        return
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    row = {**weights, **case.sets[0], **values.rows[0]}
    for node in graph.node:
        for operand in {i for i in node.input if i in row}:
            output = node.output[0]
            if output in {o.name for o in graph.output} or row[operand].shape != row[output].shape or row[operand].dtype != row[output].dtype:
                continue
            yield rebuilt(case.model, [renamed_inputs(n, output, operand) for n in graph.node if n is not node], list(graph.input),
                          list(graph.output)), case.sets


def constant_extents(case):
    for graph_input in case.model.graph.input:
        dims = graph_input.type.tensor_type.shape.dim
        for axis, dim in enumerate(dims):
            if len(case.sets) > 1 or not dim.dim_param:
                continue
            extent, symbol, model = case.sets[0][graph_input.name].shape[axis], dim.dim_param, onnx.ModelProto()
            model.CopyFrom(case.model)
            for info in [*model.graph.input, *model.graph.output]:
                for d in info.type.tensor_type.shape.dim:
                    if d.dim_param == symbol:
                        d.dim_value = extent
            yield model, case.sets


def smaller_extents(case):
    """Every extent of one value made smaller in inputs and weights; ONNX Runtime says whether that makes sense."""
    graph = case.model.graph
    extents = {d for s in case.sets for v in s.values() for d in v.shape} | {d for w in graph.initializer for d in w.dims}
    for extent in sorted(extents, reverse=True):
        for smaller in sorted({1, 2, 3, extent // 2} & set(range(1, extent))):
            def shrunk(array):
                return np.ascontiguousarray(array[tuple(slice(smaller if d == extent else d) for d in array.shape)])
            model = onnx.ModelProto()
            model.CopyFrom(case.model)
            del model.graph.value_info[:], model.graph.initializer[:]
            model.graph.initializer.extend(numpy_helper.from_array(shrunk(numpy_helper.to_array(w)), w.name) for w in graph.initializer)
            for info in model.graph.input:
                for d in info.type.tensor_type.shape.dim:
                    if d.dim_value == extent:
                        d.dim_value = smaller
            for info in model.graph.output:
                info.type.tensor_type.ClearField("shape")
            yield model, [{k: shrunk(v) for k, v in s.items()} for s in case.sets]


class Shrinker:
    def __init__(self, program, limit_s):
        self.program, self.end = program, time.monotonic() + limit_s

    def kinds(self, cases):
        with tempfile.TemporaryDirectory() as folder:
            for i, case in enumerate(cases):
                case.write(Path(folder) / str(i))
            verdicts = Verdicts(self.program, folder).wait(max(1, self.end - time.monotonic()))
        return [verdicts.get(i, ("", ""))[0] for i in range(len(cases))]

    def step(self, case, kind):
        """A smaller case of the same kind of failure, or None."""
        for reduction in (fewer_outputs, cut, bypass, constant_extents, smaller_extents):
            smaller = []
            for model, sets in reduction(case):
                names = [i.name for i in model.graph.input]
                candidate = Case(model, [{n: s[n] for n in names} for s in sets])
                if (candidate.expected is None) == (case.expected is None) and size_of(candidate) < size_of(case) or (
                        reduction is constant_extents and candidate.expected is not None):
                    smaller.append(candidate)
            smaller.sort(key=size_of)
            for i in range(0, len(smaller), BATCH):
                part = smaller[i:i + BATCH]
                for candidate, found in zip(part, self.kinds(part)):
                    if found == kind:
                        return candidate
        return None

    def shrink(self, case, kind):
        """The smallest case that was found in the time."""
        try:
            while time.monotonic() < self.end and (smaller := self.step(case, kind)) is not None:
                case = smaller
        except subprocess.TimeoutExpired:
            pass
        return case


def keep(case, folder):
    """Writes the case, replacing what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    case.keep(folder)
