"""The backend interface of the ONNX standard: onnx.backend.base, over tenon.compile.

    import tenon.onnx_backend as backend
    outputs = backend.run_model(model, [x])
"""
import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from ._core import Error, compile


class TenonBackendRep(BackendRep):
    """A prepared model. One that cannot be compiled before the values of some inputs are known, such as the shape that
    a Reshape is given, is compiled by the run that brings them, and anew when they change."""

    def __init__(self, proto, threads=0):
        self._proto, self._threads = proto, threads
        weights = {w.name for w in proto.graph.initializer}
        self._names = [i.name for i in proto.graph.input if i.name not in weights]
        self._values = None  # of inputs for which the model was compiled
        try:
            self._model, self._refused = compile(proto, threads=threads), None
        except Error as error:
            self._model, self._refused = None, error
            if not self._vectors():
                raise

    def _vectors(self):
        """Inputs that may decide shapes: scalars and vectors."""
        return [i.name for i in self._proto.graph.input
                if i.name in self._names and i.type.HasField("tensor_type") and len(i.type.tensor_type.shape.dim) <= 1]

    def _model_for(self, feed):
        if self._refused is None:
            return self._model
        fixed = {name: np.asarray(feed[name]) for name in self._vectors() if name in feed}
        values = [(name, value.shape, value.tobytes()) for name, value in fixed.items()]
        if values != self._values:
            proto = onnx.ModelProto()
            proto.CopyFrom(self._proto)
            kept = [i for i in proto.graph.input if i.name not in fixed]
            del proto.graph.input[:]
            proto.graph.input.extend(kept)
            proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in fixed.items())
            try:
                self._model, self._values = compile(proto, threads=self._threads), values
            except Error:
                raise self._refused from None
        return self._model

    def run(self, inputs, **kwargs):
        """A tuple of arrays, for arrays in the order of the model's inputs (those without a default) or by name."""
        feed = dict(inputs) if isinstance(inputs, dict) else dict(zip(self._names, inputs))
        model = self._model_for(feed)
        taken = {i.name for i in model.inputs}
        results = model.run({n: np.asarray(v) for n, v in feed.items() if n in taken or self._refused is None})
        return tuple(results[o.name] for o in self._proto.graph.output)


class TenonBackend(Backend):
    """ONNX models on the CPU at hand."""

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        """A TenonBackendRep, whose run() takes the inputs. `threads` as in tenon.compile."""
        super().prepare(model, device, **kwargs)
        if not cls.supports_device(device):
            raise ValueError(f"device '{device}': tenon runs models on the CPU")
        return TenonBackendRep(model, kwargs.get("threads", 0))

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        """Whether it compiles. False too where it compiles only for values of inputs that a run would bring."""
        try:
            compile(model)
        except Error:
            return False
        return cls.supports_device(device)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """Runs one node. `outputs_info`, pairs of dtype and shape, is needed where the standard's shape inference does
        not tell the outputs' types."""
        super().run_node(node, inputs, device, outputs_info, **kwargs)
        given = dict(zip([n for n in node.input if n], map(np.asarray, inputs)))

        def described(name, dtype, shape):
            return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        outputs = [described(n, *info) for n, info in zip(node.output, outputs_info or ())]
        graph = onnx.helper.make_graph([node], node.op_type, [described(n, v.dtype, v.shape) for n, v in given.items()],
                                       outputs or [onnx.ValueInfoProto(name=n) for n in node.output if n])
        opsets = [onnx.helper.make_opsetid("", kwargs.get("opset_version", onnx.defs.onnx_opset_version()))]
        model = onnx.shape_inference.infer_shapes(onnx.helper.make_model(graph, opset_imports=opsets))
        return cls.run_model(model, list(given.values()), device)

    @classmethod
    def supports_device(cls, device):
        """True for 'CPU'."""
        return device.split(":")[0] == "CPU"


is_compatible = TenonBackend.is_compatible
prepare = TenonBackend.prepare
run = TenonBackend.run_model
run_model = TenonBackend.run_model
run_node = TenonBackend.run_node
supports_device = TenonBackend.supports_device
