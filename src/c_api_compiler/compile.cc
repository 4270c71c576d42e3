// The compiler from C.
#include <cstddef>
#include <stop_token>

#include "c_api/objects.h"
#include "compiler/compiler.h"
#include "tenon/compiler.h"

namespace tenon::c_api {
namespace {

Result<tenon_model*> compile(const compiler::Source& source, const tenon_compile_options& given) {
  std::stop_source stop;
  compiler::Options o;
  if (given.target != nullptr) o.target = given.target;
  if (given.precision != nullptr) o.precision = given.precision;
  o.jobs = given.threads;
  for (size_t i = 0; i < given.reshape_count; ++i) {
    TENON_TRY_VOID(require(given.reshape[i], "a shape of `reshape`"));
    o.reshape.emplace_back(given.reshape[i]);
  }
  o.stop = stop.get_token();
  if (given.progress != nullptr)
    o.progress = [&](std::string_view what, size_t done, size_t total) {
      if (given.progress(given.progress_user, std::string(what).c_str(), done, total) != 0)
        stop.request_stop();
    };
  const Log log{given.log, given.log_user};
  o.warn = [&](const std::string& warning) { log(TENON_LOG_WARNING, "compile", warning); };
  TENON_TRY(artifact::Model tables, compiler::compile(source, o));
  if (stop.stop_requested()) return fail("compile.stopped", "stopped as asked");
  TENON_TRY(auto model, runtime::Model::from(std::move(tables), /*check_cpu=*/false));
  return make_model(std::move(model), source.name);
}

/// The options, also those of the first version.
Result<tenon_compile_options> read_options(const tenon_compile_options* given) {
  return read_struct(given, offsetof(tenon_compile_options, reshape));
}

Status check(const tenon_compile_options& o) {
  if (o.reshape_count > 0) TENON_TRY_VOID(require(o.reshape, "reshape"));
  if (o.threads < 0 || o.threads > TENON_MAX_THREADS)
    return fail("api.value", cat("cannot compile with ", o.threads, " threads; give 1 to ",
                                 TENON_MAX_THREADS, ", or 0 for all processors"));
  if (o.format == TENON_FORMAT_ONNX || o.format == TENON_FORMAT_TEXT) return {};
  return fail("api.value", cat("format ", o.format, " is neither TENON_FORMAT_ONNX nor _TEXT"));
}

}  // namespace
}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_compile(const char* path, const tenon_compile_options* options,
                           tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  return call({"tenon_compile", path == nullptr ? "" : path}, [&]() -> Status {
    TENON_TRY_VOID(require(path, "path"));
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY(const auto o, read_options(options));
    TENON_TRY_VOID(check(o));
    TENON_TRY(*model, c_api::compile(compiler::Source::file(path), o));
    return {};
  });
}

tenon_error* tenon_compile_memory(const void* bytes, size_t size,
                                  const tenon_compile_options* options, tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  compiler::Source source;
  About about{"tenon_compile_memory"};
  return call(about, [&]() -> Status {
    TENON_TRY_VOID(require(bytes, "bytes"));
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY(const auto o, read_options(options));
    TENON_TRY_VOID(check(o));
    source.name = o.name == nullptr ? "memory" : o.name;
    about.model = source.name;
    source.bytes = {static_cast<const std::byte*>(bytes), size};
    source.format = o.format == TENON_FORMAT_TEXT ? compiler::Format::text : compiler::Format::onnx;
    if (o.folder != nullptr) source.folder = o.folder;
    TENON_TRY(*model, c_api::compile(source, o));
    return {};
  });
}
