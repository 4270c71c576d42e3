#ifdef TENON_COMPILER
#include "compile.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <array>
#include <exception>
#include <vector>

namespace tenon_python {
namespace {

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
    "    reshape: shapes by input in place of those that an ONNX model declares, such as\n"
    "        {'image': (1, 3, 'height', 'width')}; a str makes an axis symbolic\n"
    "    schedules: a folder of .tir kernels whose schedules replace the default ones\n"
    "    operators: operators of the caller's own, or in place of known ones: a text for each\n"
    "        'domain.Name', as tenon/compiler.h describes it. Texts that call "
    "functions\n"
    "        of the program need that API to run\n"
    "    cache: take the model of a file from the cache of compiled models, and keep it there\n\n"
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

/// {'image': (1, 3, 640, 640)} as the C API takes it: "image=1x3x640x640".
std::vector<std::string> shape_texts(nb::handle reshape) {
  std::vector<std::string> texts;
  if (reshape.is_none()) return texts;
  const char* const form =
      "reshape is a dict of tuples by the names of inputs, such as {'x': (1, 3)}";
  if (!nb::isinstance<nb::dict>(reshape)) throw nb::type_error(form);
  for (const auto [input, shape] : nb::cast<nb::dict>(reshape)) {
    if (!nb::isinstance<nb::str>(input) || !nb::isinstance<nb::sequence>(shape) ||
        nb::isinstance<nb::str>(shape))
      throw nb::type_error(form);
    std::string text = nb::len(shape) == 0 ? "=" : "";
    for (const nb::handle extent : shape) {
      const std::string word = nb::cast<std::string>(nb::str(extent));
      if (word.find('x') != std::string::npos)
        throw nb::value_error(("a name in a shape has no x, and '" + word + "' has").c_str());
      text += (text.empty() ? "=" : "x") + word;
    }
    texts.push_back(nb::cast<std::string>(input) + text);
  }
  return texts;
}

/// Operators of the caller's own, and the texts that they point to.
struct Operators {
  explicit Operators(nb::handle given) {
    if (given.is_none()) return;
    if (!nb::isinstance<nb::dict>(given))
      throw nb::type_error("operators is a dict of texts by 'domain.Name'");
    for (const auto [name, body] : nb::cast<nb::dict>(given)) {
      std::string domain, whole = nb::cast<std::string>(nb::str(name));
      if (const size_t dot = whole.rfind('.'); dot != std::string::npos) {
        domain = whole.substr(0, dot);
        whole.erase(0, dot + 1);
      }
      texts.push_back({std::move(domain), std::move(whole), nb::cast<std::string>(nb::str(body))});
    }
    for (const auto& [domain, name, body] : texts) {
      auto row = empty<tenon_custom_operator>();
      row.domain = domain.c_str();
      row.name = name.c_str();
      row.body = body.c_str();
      rows.push_back(row);
    }
  }
  std::vector<std::array<std::string, 3>> texts;
  std::vector<tenon_custom_operator> rows;
};

nb::object compile(nb::object source, const std::optional<std::string>& target,
                   const std::optional<std::string>& precision, int threads,
                   const std::shared_ptr<Pool>& pool, nb::object progress, nb::object folder,
                   const std::optional<std::string>& name, nb::object reshape, nb::object schedules,
                   nb::object operators, bool cache) {
  const Operators own(operators);
  const std::vector<std::string> texts = shape_texts(reshape);
  std::vector<const char*> shapes;
  for (const std::string& text : texts) shapes.push_back(text.c_str());
  const nb::bytes pages = schedules.is_none() ? nb::bytes("", 0) : path_bytes(schedules);
  const auto set = [&](tenon_compile_options& options) {
    options.reshape = shapes.data();
    options.reshape_count = shapes.size();
    options.schedules = schedules.is_none() ? nullptr : pages.c_str();
    options.operators = own.rows.data();
    options.operator_count = own.rows.size();
    options.cache = cache ? 1 : 0;
  };
  const CompileArguments given{target, precision, threads, pool, std::move(progress)};
  if (is_path(source)) {
    const nb::bytes path = path_bytes(source);
    return compile_with(given, [&](tenon_compile_options& options, tenon_model** to) {
      set(options);
      return tenon_compile(path.c_str(), &options, to);
    });
  }
  if (nb::hasattr(source, "SerializeToString")) source = source.attr("SerializeToString")();
  const Bytes bytes(source);
  const nb::bytes data = folder.is_none() ? nb::bytes("", 0) : path_bytes(folder);
  return compile_with(given, [&](tenon_compile_options& options, tenon_model** to) {
    set(options);
    options.folder = folder.is_none() ? nullptr : data.c_str();
    options.name = text_or_null(name);
    return tenon_compile_memory(bytes.data(), bytes.size(), &options, to);
  });
}

}  // namespace

nb::object compile_with(const CompileArguments& given, const CompileCall& call) {
  std::shared_ptr<Pool> threads_of_runs =
      given.pool != nullptr ? given.pool : pool_for(nullptr, given.threads);
  Messages messages;
  Progress progress{given.progress, nullptr};
  auto options = empty<tenon_compile_options>();
  options.target = text_or_null(given.target);
  options.precision = text_or_null(given.precision);
  options.threads = given.threads;
  options.progress = Progress::step;
  options.progress_user = &progress;
  options.log = Messages::add;
  options.log_user = &messages;
  auto made = make_model([&](tenon_model** to) { return call(options, to); });
  if (progress.raised != nullptr) {
    tenon_error_release(made.second);
    std::rethrow_exception(progress.raised);
  }
  check(made.second);
  return model_object(std::move(made.first), messages, std::move(threads_of_runs));
}

void define_compile(nb::module_& m) {
  using namespace nb::literals;
  m.def("compile", compile, "source"_a, nb::kw_only(), "target"_a = nb::none(),
        "precision"_a = nb::none(), "threads"_a = 0, "pool"_a = nb::none(),
        "progress"_a = nb::none(), "folder"_a = nb::none(), "name"_a = nb::none(),
        "reshape"_a = nb::none(), "schedules"_a = nb::none(), "operators"_a = nb::none(),
        "cache"_a = false,
        nb::sig("def compile(source: typing.Any, *, "
                "target: str | None = None, precision: str | None = None, threads: int = 0, "
                "pool: Pool | None = None, "
                "progress: collections.abc.Callable[[str, int, int], object] | None = None, "
                "folder: str | os.PathLike[str] | None = None, name: str | None = None, "
                "reshape: collections.abc.Mapping[str, collections.abc.Sequence[int | str]] | None "
                "= None, "
                "schedules: str | os.PathLike[str] | None = None, "
                "operators: collections.abc.Mapping[str, str] | None = None, cache: bool = False) "
                "-> Model"),
        kCompileDoc);
}

}  // namespace tenon_python
#endif
