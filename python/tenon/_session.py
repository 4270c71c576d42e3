"""InferenceSession: the calls that people know from ONNX Runtime, over tenon.Model."""
import os

from ._core import compile, load

# Element types as ONNX Runtime writes them, where its name is not Tenon's with another width.
_TYPES = {"bool": "bool", "f16": "float16", "bf16": "bfloat16", "f32": "float", "f64": "double",
          "f8e4m3fn": "float8e4m3fn", "f8e4m3fnuz": "float8e4m3fnuz", "f8e5m2": "float8e5m2",
          "f8e5m2fnuz": "float8e5m2fnuz", "f4e2m1": "float4e2m1"}
# What ONNX Runtime has and this class has not: the way out.
_ABSENT = {
    "io_binding": "session.model.bind({...}) gives a call on bound arrays",
    "run_with_iobinding": "session.model.bind({...}) gives a call on bound arrays",
    "run_with_ort_values": "run() takes arrays, and whatever offers __dlpack__",
    "run_async": "run() lets go of the GIL: call it in a thread",
    "end_profiling": "`tenon bench MODEL --json` times each kernel",
    "set_providers": "there is one provider, the CPU at hand",
}


def _refuse(what, way_out):
    raise NotImplementedError(f"tenon.InferenceSession has no {what}; {way_out}")


class SessionOptions:
    """How a session runs: the number of threads. The other names are there so that programs keep working; they ask
    for a trade-off that Tenon does not have, and change nothing. What would change results or write files is refused.
    """

    __slots__ = ("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "execution_mode",
                 "log_severity_level", "log_verbosity_level", "logid", "enable_cpu_mem_arena", "enable_mem_pattern",
                 "enable_mem_reuse", "enable_profiling", "optimized_model_filepath")

    def __init__(self):
        self.intra_op_num_threads = 0  # 0: the cores that the process may use
        self.inter_op_num_threads = 0
        self.graph_optimization_level = None
        self.execution_mode = None
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.enable_cpu_mem_arena = self.enable_mem_pattern = self.enable_mem_reuse = True
        self.enable_profiling = False
        self.optimized_model_filepath = ""

    def register_custom_ops_library(self, path):
        """Refuses."""
        _refuse("custom operators", "write the operator as a function of others")

    def add_session_config_entry(self, key, value):
        """Refuses."""
        _refuse(f"configuration entry '{key}'", "leave it out")

    def add_free_dimension_override_by_name(self, name, extent):
        """Refuses."""
        _refuse("fixed dimensions", "one compiled model serves all sizes, without one")


class NodeArg:
    """An input or output as get_inputs() and get_outputs() list it."""

    def __init__(self, value):
        self.name = value.name
        self.shape = list(value.shape)
        letter, width = value.type[0], value.type[1:]
        kind = _TYPES.get(value.type) or {"i": "int", "u": "uint"}[letter] + width
        self.type = f"tensor({kind})"

    def __repr__(self):
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata:
    """What get_modelmeta() gives. A compiled model keeps its name and producer, and no other text."""

    def __init__(self, model):
        self.graph_name, self.producer_name = model.name, model.producer
        self.domain = self.description = self.graph_description = ""
        self.version, self.custom_metadata_map = 0, {}


class InferenceSession:
    """A model behind the calls of onnxruntime.InferenceSession.

        session = tenon.InferenceSession("m.onnx")
        scores, = session.run(None, {"image": images})

    Args:
        path_or_bytes: path of an .onnx, .tir or .tenon file, or the bytes of an ONNX file
        sess_options: SessionOptions, of this package or of onnxruntime; intra_op_num_threads is what counts
        providers: names, or pairs of a name and options; 'CPUExecutionProvider' has to be among them

    Raises tenon.Error for what the compiler and runs refuse. `model` is the tenon.Model, for what this class lacks.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, **more):
        for name in more:
            raise TypeError(f"InferenceSession takes no '{name}'")
        if isinstance(providers, str):
            raise TypeError(f"providers is a list of names: [{providers!r}]")
        names = [p if isinstance(p, str) else p[0] for p in providers or ()]
        if names and "CPUExecutionProvider" not in names:
            raise ValueError(f"providers {names}: tenon runs models on the CPU; add 'CPUExecutionProvider'")
        self._options = SessionOptions() if sess_options is None else sess_options
        if not hasattr(self._options, "intra_op_num_threads"):
            raise TypeError(f"sess_options is a SessionOptions, not {type(sess_options).__name__}")
        if not isinstance(self._options.intra_op_num_threads, int):
            raise TypeError(f"intra_op_num_threads is an int, not {self._options.intra_op_num_threads!r}")
        if self._options.enable_profiling:
            _refuse("profiling", _ABSENT["end_profiling"])
        if self._options.optimized_model_filepath:
            _refuse("optimized_model_filepath", "session.model.save(path) writes the compiled model")
        is_path = hasattr(path_or_bytes, "__fspath__") or isinstance(path_or_bytes, str)
        make = load if is_path and os.fspath(path_or_bytes).endswith(".tenon") else compile
        self.model = make(path_or_bytes, threads=self._options.intra_op_num_threads)
        self._inputs = [NodeArg(v) for v in self.model.inputs if not v.optional]
        self._defaults = [NodeArg(v) for v in self.model.inputs if v.optional]
        self._outputs = [NodeArg(v) for v in self.model.outputs]
        self._names = [o.name for o in self._outputs]

    def run(self, output_names, input_feed, run_options=None):
        """A list of arrays: of the outputs named, in that order, or of all for None."""
        if run_options is not None:
            _refuse("run options", "leave them out")
        if isinstance(output_names, str):
            raise TypeError(f"output_names is a list of names: [{output_names!r}]")
        results = self.model.run(input_feed)
        for name in output_names or ():
            if name not in results:
                raise ValueError(f"the model has no output '{name}'; it has {', '.join(self._names)}")
        return [results[name] for name in output_names or self._names]

    def get_inputs(self):
        """NodeArgs of the inputs that have to be given."""
        return self._inputs

    def get_overridable_initializers(self):
        """NodeArgs of the inputs that have a default."""
        return self._defaults

    def get_outputs(self):
        """NodeArgs of the outputs."""
        return self._outputs

    def get_modelmeta(self):
        """ModelMetadata."""
        return ModelMetadata(self.model)

    def get_providers(self):
        """['CPUExecutionProvider']"""
        return ["CPUExecutionProvider"]

    def get_provider_options(self):
        """{'CPUExecutionProvider': {}}"""
        return {"CPUExecutionProvider": {}}

    def get_session_options(self):
        """The options that the session was made with."""
        return self._options

    def __getattr__(self, name):
        way_out = _ABSENT.get(name, "`model` is the tenon.Model")
        raise AttributeError(f"tenon.InferenceSession has no '{name}'; {way_out}")
