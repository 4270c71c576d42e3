#include "sources.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

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

int64_t read_some(void* rest, void* to, size_t size) {
  auto& view = *static_cast<std::string_view*>(rest);
  const size_t n = std::min(size, view.size());
  std::memcpy(to, view.data(), n);
  view.remove_prefix(n);
  return static_cast<int64_t>(n);
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

}  // namespace

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

bool is_path(nb::handle source) {
  return nb::isinstance<nb::str>(source) || nb::hasattr(source, "__fspath__");
}

nb::object model_object(ModelHandle model, Messages& messages, std::shared_ptr<Pool> pool) {
  messages.tell();
  return nb::cast(new Model(std::move(model), std::move(pool)), nb::rv_policy::take_ownership);
}

void define_sources(nb::module_& m) {
  using namespace nb::literals;
  m.def("load", load, "source"_a, "verify"_a = true, nb::kw_only(), "threads"_a = 0,
        "pool"_a = nb::none(), "any_cpu"_a = false,
        nb::sig("def load(source: str | os.PathLike[str] | bytes | bytearray | memoryview, verify: "
                "bool = "
                "True, *, "
                "threads: int = 0, pool: Pool | None = None, any_cpu: bool = False) -> Model"),
        kLoadDoc);
}

}  // namespace tenon_python
