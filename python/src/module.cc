// The extension module: Python's classes over the C API, and what their docstrings promise.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bound.h"
#include "profile.h"
#include "sources.h"
#ifdef TENON_COMPILER
#include "graph.h"
#include "kernel.h"
#include "tenon/compiler.h"
#endif

namespace tenon_python {
namespace {

using namespace nb::literals;

nb::tuple all_of(const std::vector<Value>& values) {
  nb::list all;
  for (const Value& v : values) all.append(nb::cast(v));
  return nb::tuple(all);
}

const char* role_name(const Value& v) {
  return v.role == TENON_ROLE_CONST ? "const" : v.role == TENON_ROLE_INOUT ? "inout" : "in";
}

void define_value(nb::module_& m) {
  nb::class_<Value>(m, "Value", "An input, output or state of a model.")
      .def_prop_ro("name", [](const Value& v) { return v.name; })
      .def_prop_ro(
          "type", [](const Value& v) { return tenon_type_name(v.type); },
          "The element type as Tenon names it, such as 'f32'.")
      .def_prop_ro(
          "dtype", &Value::dtype, nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"),
          "The numpy dtype of its arrays. For types that numpy lacks, such as bfloat16, that\n"
          "of ml_dtypes; without the package, the unsigned integer of its bits.")
      .def_prop_ro(
          "shape", &Value::shape, nb::sig("def shape(self) -> tuple[int | str, ...]"),
          "An extent for each axis: an int, or a str where runs may differ in it, such as\n"
          "'batch' or '2 * n'. Equal names are equal extents.")
      .def_prop_ro("role", role_name,
                   "Of an input: 'in'; 'const' (the same array in every run); 'inout' (a writable\n"
                   "array, where the run leaves a new value).")
      .def_prop_ro(
          "optional", [](const Value& v) { return v.optional; },
          "The input has a default, and need not be given.")
      .def("__repr__", [](const Value& v) { return "<tenon.Value " + v.text() + ">"; });
}

void define_pool(nb::module_& m) {
  nb::class_<Pool>(m, "Pool",
                   "Threads that run models. Models that share a pool do not compete for cores.")
      .def(nb::init<int>(), "threads"_a = 0,
           "threads: the calling one counts; 0: the cores that the process may use.")
      .def_prop_ro("threads", &Pool::threads, "How many there are, the calling one included.");
}

void define_model(nb::module_& m) {
  const auto text = [](const char* s) { return nb::str(s); };
  nb::class_<Model>(
      m, "Model",
      "A compiled model, made by compile() or load().\n\n"
      "Arrays are those of numpy, and whatever else has the buffer protocol or __dlpack__; any\n"
      "strides do. Nothing is converted: another element type is refused with Error 'run.dtype'.\n"
      "Results are new numpy arrays.\n\n"
      "Any number of threads may run it at once: each run has memory of its own, which is kept "
      "for\n"
      "the next one. A model with states has one set of them, and runs take turns. Behind fork() "
      "the\n"
      "child starts threads of its own. It pickles, states included.")
      .def("__call__", &Model::call, "args"_a, "kwargs"_a,
           nb::sig("def __call__(self, *args: typing.Any, **kwargs: typing.Any) -> typing.Any"),
           "Runs it on inputs in order or by name: the array of the one output, else a tuple.")
      .def("run", &Model::run, "inputs"_a, "out"_a = nb::none(),
           nb::sig("def run(self, inputs: dict[str, typing.Any], out: dict[str, typing.Any] | None "
                   "= None) "
                   "-> dict[str, typing.Any]"),
           "Runs it: arrays by name to arrays by name. `out` has contiguous arrays of the right "
           "type\n"
           "and shape that results are written to; they come back in their place.")
      .def(
          "warmup",
          [](Model& self, const nb::dict& inputs, size_t runs) {
            const auto changes = [](const Value& v) { return v.role == TENON_ROLE_INOUT; };
            if (!self.states().empty() ||
                std::any_of(self.inputs().begin(), self.inputs().end(), changes))
              throw nb::value_error(
                  "runs of this model change states or inputs; bind() them, and warm "
                  "up the bound call");
            for (size_t i = 0; i < runs; ++i) (void)self.run(inputs, nb::none());
          },
          "inputs"_a, "runs"_a = 1,
          nb::sig("def warmup(self, inputs: dict[str, typing.Any], runs: int = 1) -> None"),
          "Runs ahead of time on arrays of the shapes to come, so that the first run that counts\n"
          "finds memory and caches warm.")
      .def(
          "bind",
          [](nb::object self, const nb::dict& inputs, nb::object outputs) {
            if (!outputs.is_none() && !nb::isinstance<nb::dict>(outputs))
              throw nb::type_error("outputs is a dict of arrays by name");
            return new Bound(std::move(self), inputs,
                             outputs.is_none() ? nb::dict() : nb::cast<nb::dict>(outputs));
          },
          "inputs"_a, "outputs"_a = nb::none(), nb::rv_policy::take_ownership,
          nb::sig("def bind(self, inputs: dict[str, typing.Any], outputs: dict[str, typing.Any] | "
                  "None = None) "
                  "-> Bound"),
          "A call on these arrays, whatever they hold when it is made.")
      .def(
          "profile",
          [](Model& s, const nb::dict& inputs, int runs) {
            nb::list rows;
            for (ProfileRow& row : profile(s, inputs, runs)) rows.append(std::move(row));
            return rows;
          },
          "inputs"_a, "runs"_a = 20,
          nb::sig("def profile(self, inputs: dict[str, typing.Any], runs: int = 20) -> "
                  "list[ProfileRow]"),
          "Runs it that often and says what each call of a kernel took, largest time first. "
          "States\n"
          "are copies: the model's stay as they are.")
      .def("save", &Model::save, "path"_a,
           nb::sig("def save(self, path: str | os.PathLike[str]) -> None"),
           "Writes a .tenon file; it appears whole or not at all.")
      .def("state", &Model::state, "name"_a, nb::sig("def state(self, name: str) -> typing.Any"),
           "A copy of a state's value as the last run left it.")
      .def("set_state", &Model::set_state, "name"_a, "value"_a,
           nb::sig("def set_state(self, name: str, value: typing.Any) -> None"),
           "Copies a contiguous array into a state. Refuses more than the model reserves.")
      .def("reset", &Model::reset, "All states as they were at first.")
      .def("__reduce__",
           [](nb::object self) {
             return nb::module_::import_(TENON_PACKAGE "._pickle").attr("reduce")(self);
           })
      .def_prop_ro(
          "inputs", [](const Model& s) { return all_of(s.inputs()); },
          nb::sig("def inputs(self) -> tuple[Value, ...]"), "Inputs, in the order of calls.")
      .def_prop_ro(
          "outputs", [](const Model& s) { return all_of(s.outputs()); },
          nb::sig("def outputs(self) -> tuple[Value, ...]"))
      .def_prop_ro(
          "states", [](const Model& s) { return all_of(s.states()); },
          nb::sig("def states(self) -> tuple[Value, ...]"),
          "Tensors that are kept from run to run.")
      .def_prop_ro("name", [text](const Model& s) { return text(s.info().name); })
      .def_prop_ro("producer", [text](const Model& s) { return text(s.info().producer); })
      .def_prop_ro(
          "target", [text](const Model& s) { return text(s.info().target); },
          "The CPU that the code was made for, as `tenon targets` names it.")
      .def_prop_ro("precision", [text](const Model& s) { return text(s.info().precision); })
      .def_prop_ro(
          "runs_here", [](const Model& s) { return s.info().runs_here != 0; },
          "Whether this CPU runs the code.")
      .def_prop_ro(
          "constant_bytes", [](const Model& s) { return s.info().constant_bytes; },
          "Bytes of the weights, which all runs share.")
      .def_prop_ro("code_bytes", [](const Model& s) { return s.info().code_bytes; })
      .def_prop_ro(
          "threads", [](const Model& s) { return s.pool()->threads(); },
          "Threads of a run, the calling one included.")
      .def_prop_ro("_wanted_threads", [](const Model& s) { return s.pool()->wanted(); })
      .def("__repr__", &Model::repr);
}

void define_profile(nb::module_& m) {
  nb::class_<ProfileRow>(m, "ProfileRow",
                         "One call of a kernel in a model; numbers are of one run.")
      .def_ro("kernel", &ProfileRow::kernel)
      .def_ro("operator", &ProfileRow::operation, "The operator at its center, such as 'dot'.")
      .def_ro("shape", &ProfileRow::shape, "Its extents, symbols by name.")
      .def_ro("schedule", &ProfileRow::schedule, "Who chose it: the kind of default, or 'file'.")
      .def_ro("calls", &ProfileRow::calls, "1 but in loops and branches.")
      .def_ro("seconds", &ProfileRow::seconds)
      .def_ro("share", &ProfileRow::share, "Of the time of all kernels, 0 to 1.")
      .def_ro("flops", &ProfileRow::flops, "Floating-point operations; 0 where not known.")
      .def_ro("bytes", &ProfileRow::bytes, "Bytes that it touches; 0 where not known.")
      .def("__repr__", &ProfileRow::repr);
}

void define_bound(nb::module_& m) {
  nb::class_<Bound>(
      m, "Bound",
      "A call on bound arrays, the fastest way to run: Model.bind() makes it. One thread at a\n"
      "time (Error 'api.busy'). Its states are its own; they begin as copies of the model's.")
      .def("__call__", &Bound::call, nb::sig("def __call__(self) -> typing.Any"),
           "Runs: the array of the one output, else a tuple. Arrays that were not bound are made "
           "at\n"
           "binding and written anew by each run, but for those whose shape only a run tells.")
      .def("warmup", &Bound::warmup, "runs"_a = 1,
           nb::sig("def warmup(self, runs: int = 1) -> None"),
           "Runs ahead of time, so that the next run finds memory and caches warm; states are put\n"
           "back. Refuses a model that changes its inputs.")
      .def("state", &Bound::state, "name"_a, nb::sig("def state(self, name: str) -> typing.Any"),
           "A copy of a state's value as the last run left it.")
      .def("set_state", &Bound::set_state, "name"_a, "value"_a,
           nb::sig("def set_state(self, name: str, value: typing.Any) -> None"),
           "Copies a contiguous array into a state.")
      .def("reset", &Bound::reset, "All states as they were at first.");
}

#ifdef TENON_COMPILER
/// The program `tenon`; the first argument is its name.
int program(const std::vector<std::string>& arguments) {
  std::vector<std::string> own = arguments;
  std::vector<char*> argv;
  for (std::string& a : own) argv.push_back(a.data());
  argv.push_back(nullptr);
  const nb::gil_scoped_release released;
  return tenon_program(static_cast<int>(own.size()), argv.data());
}
#endif

}  // namespace
}  // namespace tenon_python

NB_MODULE(_core, m) {
  using namespace tenon_python;
  nb::set_leak_warnings(false);  // objects that live to the end of the process are no news
  m.attr("__version__") = tenon_version();
  define_error(m);
  define_value(m);
  define_pool(m);
  define_model(m);
  define_profile(m);
  define_bound(m);
  define_sources(m);
#ifdef TENON_COMPILER
  define_compile(m);
  define_graph(m);
  define_kernel(m);
  m.def("_program", program);
#endif
}
