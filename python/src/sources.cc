#include "sources.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#ifdef TENON_COMPILER
#include "tenon/compiler.h"
#endif

namespace tenon_python {
namespace {

constexpr const char* kLoadDoc =
    "Loads a compiled model.\n\n"
    "Args:\n"
    "    source: path of a .tenon file, which is mapped, or the bytes of one, which are copied\n"
    "    verify: check code and weights against their checksum. The file is native code, to be\n"
    "        trusted like a shared library; the check finds damage\n"
    "    threads: of the model's runs, the calling one included; 0: the cores that the process\n"
    "        may use. Results do not depend on it\n"
    "    pool: a Pool that other models use too, in place of `threads`\n"
    "    any_cpu: take code for another CPU too, to look at and save; it does not run\n\n"
    "Raises Error: 'file.*', 'artifact.*'.";

std::shared_ptr<Pool> pool_for(const std::shared_ptr<Pool>& given, int threads) {
  if (given == nullptr) {
    if (threads < 0 || threads > TENON_MAX_THREADS)
      throw nb::value_error(("threads is 0 to " + std::to_string(TENON_MAX_THREADS) + ", not " +
                             std::to_string(threads))
                                .c_str());
    return std::make_shared<Pool>(threads);  // shared: with Python
  }
  if (threads != 0) throw nb::type_error("give a pool or a number of threads, not both");
  return given;
}

/// Contiguous bytes of an object.
class Bytes {
 public:
  explicit Bytes(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ~Bytes() { PyBuffer_Release(&buffer_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  [[nodiscard]] const char* data() const { return static_cast<const char*>(buffer_.buf); }
  [[nodiscard]] size_t size() const { return static_cast<size_t>(buffer_.len); }

 private:
  Py_buffer buffer_{};
};

bool is_path(nb::handle source) {
  return nb::isinstance<nb::str>(source) || nb::hasattr(source, "__fspath__");
}

int64_t read_some(void* rest, void* to, size_t size) {
  auto& view = *static_cast<std::string_view*>(rest);
  const size_t n = std::min(size, view.size());
  std::memcpy(to, view.data(), n);
  view.remove_prefix(n);
  return static_cast<int64_t>(n);
}

/// The outcome of a call that makes a model; other threads of Python run for its time.
template <class Call>
std::pair<ModelHandle, tenon_error*> make_model(const Call& call) {
  tenon_model* made = nullptr;
  tenon_error* error = nullptr;
  {
    const nb::gil_scoped_release released;
    error = call(&made);
  }
  return {ModelHandle(made), error};
}

nb::object model_object(ModelHandle model, Messages& messages, std::shared_ptr<Pool> pool) {
  messages.tell();
  return nb::cast(new Model(std::move(model), std::move(pool)), nb::rv_policy::take_ownership);
}

nb::object load(nb::handle source, bool verify, int threads, const std::shared_ptr<Pool>& pool,
                bool any_cpu) {
  std::shared_ptr<Pool> threads_of_runs = pool_for(pool, threads);
  Messages messages;
  auto options = empty<tenon_load_options>();
  options.trust = verify ? 0 : 1;
  options.any_cpu = any_cpu ? 1 : 0;
  options.name = "memory";
  options.log = Messages::add;
  options.log_user = &messages;
  std::pair<ModelHandle, tenon_error*> made;
  if (is_path(source)) {
    const nb::bytes path = path_bytes(source);
    made = make_model([&](auto to) { return tenon_load(path.c_str(), &options, to); });
  } else {
    const Bytes bytes(source);
    std::string_view rest(bytes.data(), bytes.size());
    made = make_model([&](auto to) { return tenon_load_reader(read_some, &rest, &options, to); });
  }
  check(made.second);
  return model_object(std::move(made.first), messages, std::move(threads_of_runs));
}

#ifdef TENON_COMPILER
constexpr const char* kCompileDoc =
    "Compiles a model.\n\n"
    "Args:\n"
    "    source: path of an .onnx or .tir file; the bytes of an ONNX file; or an object with\n"
    "        SerializeToString(), such as onnx.ModelProto\n"
    "    target: the CPU to compile for, as `tenon targets` names it; None: the one at hand. A "
    "model\n"
    "        for another CPU can be looked at and saved, and not run\n"
    "    precision: 'f32', which None stands for too\n"
    "    threads: of the compiler and of the model's runs; 0: what the process may use\n"
    "    pool: the Pool of the model's runs, when it is to be shared\n"
    "    progress: called as progress(what, done, total) before each pass and kernel, perhaps in\n"
    "        another thread; `total` is 0 while it is unknown. An exception in it, or a true "
    "result,\n"
    "        ends the compilation\n"
    "    folder: where external data of a source without a path lies; None: there may be none\n"
    "    name: of a source without a path, in messages\n"
    "    reshape: shapes of inputs in place of those that an ONNX model declares, by name, such "
    "as\n"
    "        {'image': ('batch', 3, 640, 640)}; a str is an extent that runs may differ in\n\n"
    "Raises Error with all that is wrong or unsupported in `problems`.";

/// Tells Python how far the compiler is, and keeps what goes wrong there.
struct Progress {
  nb::object callback;
  std::exception_ptr raised;

  static int32_t step(void* self, const char* what, uint64_t done, uint64_t total) {
    auto& progress = *static_cast<Progress*>(self);
    const nb::gil_scoped_acquire acquired;
    if (progress.raised != nullptr) return 1;
    try {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (progress.callback.is_none()) return 0;
      return nb::cast<bool>(nb::bool_(progress.callback(what, done, total))) ? 1 : 0;
    } catch (...) {
      progress.raised = std::current_exception();
      return 1;
    }
  }
};

const char* text_or_null(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

/// "image=batchx3x640x640" of each.
std::vector<std::string> shape_texts(const nb::dict& shapes) {
  std::vector<std::string> all;
  for (const auto& [name, shape] : shapes) {
    if (!nb::isinstance<nb::str>(name) || !nb::isinstance<nb::sequence>(shape))
      throw nb::type_error("reshape is a dict of shapes by the names of inputs");
    std::string text;
    for (nb::handle extent : shape) {
      const std::string word = nb::cast<std::string>(nb::str(extent));
      if (word.find('x') != std::string::npos)
        throw nb::value_error(("a name in a shape has no x, and '" + word + "' has").c_str());
      text += (text.empty() ? "=" : "x") + word;
    }
    all.push_back(nb::cast<std::string>(name) + text);
  }
  return all;
}

nb::object compile(nb::object source, const std::optional<std::string>& target,
                   const std::optional<std::string>& precision, int threads,
                   const std::shared_ptr<Pool>& pool, nb::object callback, nb::object folder,
                   const std::optional<std::string>& name, const std::optional<nb::dict>& reshape) {
  std::shared_ptr<Pool> threads_of_runs = pool != nullptr ? pool : pool_for(nullptr, threads);
  Messages messages;
  Progress progress{std::move(callback), nullptr};
  auto options = empty<tenon_compile_options>();
  options.target = text_or_null(target);
  options.precision = text_or_null(precision);
  options.threads = threads;
  const std::vector<std::string> shapes = shape_texts(reshape.value_or(nb::dict()));
  std::vector<const char*> shape_pointers;
  for (const std::string& text : shapes) shape_pointers.push_back(text.c_str());
  options.reshape = shape_pointers.data();
  options.reshape_count = shape_pointers.size();
  options.progress = Progress::step;
  options.progress_user = &progress;
  options.log = Messages::add;
  options.log_user = &messages;
  std::pair<ModelHandle, tenon_error*> made;
  if (is_path(source)) {
    const nb::bytes path = path_bytes(source);
    made = make_model([&](auto to) { return tenon_compile(path.c_str(), &options, to); });
  } else {
    if (nb::hasattr(source, "SerializeToString")) source = source.attr("SerializeToString")();
    const Bytes bytes(source);
    const nb::bytes data = folder.is_none() ? nb::bytes("", 0) : path_bytes(folder);
    options.folder = folder.is_none() ? nullptr : data.c_str();
    options.name = text_or_null(name);
    made = make_model(
        [&](auto to) { return tenon_compile_memory(bytes.data(), bytes.size(), &options, to); });
  }
  if (progress.raised != nullptr) {
    tenon_error_release(made.second);
    std::rethrow_exception(progress.raised);
  }
  check(made.second);
  return model_object(std::move(made.first), messages, std::move(threads_of_runs));
}
#endif

}  // namespace

void define_sources(nb::module_& m) {
  using namespace nb::literals;
  m.def("load", load, "source"_a, "verify"_a = true, nb::kw_only(), "threads"_a = 0,
        "pool"_a = nb::none(), "any_cpu"_a = false,
        nb::sig("def load(source: str | os.PathLike[str] | bytes | bytearray | memoryview, verify: "
                "bool = "
                "True, *, "
                "threads: int = 0, pool: Pool | None = None, any_cpu: bool = False) -> Model"),
        kLoadDoc);
#ifdef TENON_COMPILER
  m.def("compile", compile, "source"_a, nb::kw_only(), "target"_a = nb::none(),
        "precision"_a = nb::none(), "threads"_a = 0, "pool"_a = nb::none(),
        "progress"_a = nb::none(), "folder"_a = nb::none(), "name"_a = nb::none(),
        "reshape"_a = nb::none(),
        nb::sig("def compile(source: typing.Any, *, "
                "target: str | None = None, precision: str | None = None, threads: int = 0, "
                "pool: Pool | None = None, "
                "progress: collections.abc.Callable[[str, int, int], object] | None = None, "
                "folder: str | os.PathLike[str] | None = None, name: str | None = None, "
                "reshape: dict[str, collections.abc.Sequence[int | str]] | None = None) -> Model"),
        kCompileDoc);
#endif
}

}  // namespace tenon_python
