"""torch.compile(model, backend="tenon"): forward only, on the CPU; the extra `tenon[torch]` brings what it needs.

    fast = torch.compile(model.eval(), backend="tenon")
    with torch.no_grad():
        y = fast(x)

Each graph that TorchDynamo finds goes through torch.onnx to tenon.compile when it is first called. Sizes that TorchDynamo
calls dynamic, which are those that it has seen change or that torch._dynamo.mark_dynamic names, stay symbolic, so that one
compilation serves them all. Parameters and buffers become constants; a graph is
compiled anew when one of them has changed.
"""
import io

import logging

import torch

from ._core import compile


class _Graph(torch.nn.Module):
    """A graph as a function of its tensors alone: constants are buffers, and sizes are read from the tensors."""

    def __init__(self, graph, constants, sizes):
        super().__init__()
        self.graph = graph
        self.places = constants.keys() | sizes.keys()  # of arguments that are no inputs
        self.sizes = sizes
        for place, value in constants.items():
            self.register_buffer(f"constant_{place}", value.detach(), persistent=False)

    def forward(self, *inputs):
        rest, arguments = iter(inputs), []
        count = len(inputs) + len(self.places)
        for place in range(count):
            arguments.append(None if place in self.sizes else getattr(self, f"constant_{place}") if place in self.places
                             else next(rest))
        for place, (of, axis) in self.sizes.items():
            arguments[place] = arguments[of].shape[axis]
        return self.graph(*arguments)


class _Compiled:
    """What TorchDynamo calls in place of a graph. An argument of it is a tensor, a constant, or the size of an axis."""

    def __init__(self, graph, examples):
        self.graph = graph
        nodes = graph.graph.find_nodes(op="placeholder")
        symbolic = [node.meta.get("example_value", example) for node, example in zip(nodes, examples)]
        axes = [(str(extent), place, axis) for place, v in enumerate(symbolic) if isinstance(v, torch.Tensor)
                for axis, extent in enumerate(v.shape) if isinstance(extent, torch.SymInt)]
        first = {extent: (place, axis) for extent, place, axis in reversed(axes)}
        self.dynamic = {(place, axis) for _, place, axis in axes}
        self.sizes = {place: first.get(str(v)) for place, v in enumerate(symbolic) if not isinstance(v, torch.Tensor)}
        if None in self.sizes.values():
            raise NotImplementedError("backend 'tenon': a graph takes a number that is no size of one of its tensors; "
                                      "pass a tensor, or a constant")
        self.constants = [place for place, node in enumerate(nodes) if isinstance(examples[place], torch.nn.Parameter)
                          or "_dynamo_static_input_type" in node.meta.get("tensor_dict", {})]
        self.inputs = [place for place in range(len(nodes)) if place not in self.sizes and place not in self.constants]
        self.model = self.versions = None

    def compile(self, arguments):
        graph = _Graph(self.graph, {place: arguments[place] for place in self.constants}, self.sizes)
        dynamic = [{axis: torch.export.Dim.DYNAMIC for of, axis in self.dynamic if of == place} for place in self.inputs]
        log = logging.getLogger("torch.onnx")
        level = log.level
        log.setLevel(logging.ERROR)  # that torchvision is not there, for one
        try:
            program = torch.onnx.export(graph.eval(), tuple(arguments[place].detach() for place in self.inputs),
                                        dynamo=True, verbose=False, dynamic_shapes=(tuple(dynamic),))
        finally:
            log.setLevel(level)
        self.model = compile(program.model_proto, threads=torch.get_num_threads(), name="torch")

    def __call__(self, *arguments):
        if torch.is_grad_enabled() and any(isinstance(a, torch.Tensor) and a.requires_grad for a in arguments):
            raise RuntimeError("backend 'tenon' runs models forward only; call the model under torch.no_grad()")
        versions = [(arguments[place].data_ptr(), arguments[place]._version) for place in self.constants]
        if versions != self.versions:
            self.compile(arguments)
            self.versions = versions
        results = self.model(*(arguments[place].detach() for place in self.inputs))
        return tuple(map(_tensor, results if isinstance(results, tuple) else (results,)))


def _tensor(array):
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def tenon(graph, examples):
    """The backend: torch.compile finds it by its name."""
    return _Compiled(graph, examples)
