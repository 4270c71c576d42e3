// The compiler from C.
#include "c_api_compiler/compile.h"

#include <stop_token>

#include "c_api/objects.h"
#include "compiler/session.h"

namespace tenon::c_api {
namespace {

Status check(const tenon_compile_options& o) {
  if (o.threads < 0 || o.threads > TENON_MAX_THREADS)
    return fail("api.value", cat("cannot compile with ", o.threads, " threads; give 1 to ",
                                 TENON_MAX_THREADS, ", or 0 for all processors"));
  if (o.reshape_count > 0) TENON_TRY_VOID(require(o.reshape, "options->reshape"));
  if (o.cache != 0 && o.cache != 1)
    return fail("api.value", cat("options->cache is 0 or 1, not ", o.cache));
  if (o.format == TENON_FORMAT_ONNX || o.format == TENON_FORMAT_TEXT) return {};
  return fail("api.value", cat("format ", o.format, " is neither TENON_FORMAT_ONNX nor _TEXT"));
}

}  // namespace

Result<compiler::Options> compile_options(const tenon_compile_options* options) {
  TENON_TRY(const tenon_compile_options given, read_struct(options));
  TENON_TRY_VOID(check(given));
  compiler::Options o;
  if (given.target != nullptr) o.target = given.target;
  if (given.precision != nullptr) o.precision = given.precision;
  for (size_t i = 0; i < given.reshape_count; ++i) {
    TENON_TRY_VOID(require(given.reshape[i], cat("options->reshape[", i, "]")));
    o.reshape.emplace_back(given.reshape[i]);
  }
  for (size_t i = 0; i < given.operator_count; ++i) {
    TENON_TRY(const tenon_custom_operator custom, read_element(given.operators, i));
    TENON_TRY_VOID(require(custom.name, cat("options->operators[", i, "].name")));
    TENON_TRY_VOID(require(custom.body, cat("options->operators[", i, "].body")));
    o.operators.push_back(
        {custom.domain == nullptr ? "" : custom.domain, custom.name, custom.body});
  }
  if (given.schedules != nullptr) {
    TENON_TRY(o.schedules, compiler::read_schedules(given.schedules));
  }
  o.jobs = given.threads;
  const Log log{given.log, given.log_user};
  if (given.log != nullptr)
    o.warn = [log](const std::string& warning) { log(TENON_LOG_WARNING, "compile", warning); };
  return o;
}

Result<tenon_model*> compile_with(const tenon_compile_options* options, const std::string& about,
                                  const MakeModel& make) {
  TENON_TRY(compiler::Options o, compile_options(options));
  TENON_TRY(const tenon_compile_options given, read_struct(options));
  std::stop_source stop;
  o.stop = stop.get_token();
  if (given.progress != nullptr)
    o.progress = [&](std::string_view what, size_t done, size_t total) {
      if (given.progress(given.progress_user, std::string(what).c_str(), done, total) != 0)
        stop.request_stop();
    };
  TENON_TRY(auto model, make(given, o));
  if (o.stop.stop_requested()) return fail("compile.stopped", "stopped as asked");
  return make_model(std::move(model), about);
}

Result<std::shared_ptr<const runtime::Model>> to_run(Result<artifact::Model> tables) {
  if (!tables) return tl::make_unexpected(std::move(tables.error()));
  return runtime::Model::from(std::move(*tables), /*check_cpu=*/false);
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_compile(const char* path, const tenon_compile_options* options,
                           tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  return call({"tenon_compile", path == nullptr ? "" : path}, [&]() -> Status {
    TENON_TRY_VOID(require(path, "path"));
    TENON_TRY_VOID(require(model, "model"));
    const auto make =
        [&](const tenon_compile_options& given,
            const compiler::Options& o) -> Result<std::shared_ptr<const runtime::Model>> {
      if (given.cache == 0) return to_run(compiler::compile(compiler::Source::file(path), o));
      TENON_TRY(compiler::Session session, compiler::open(path, o));
      return std::move(session.model);
    };
    TENON_TRY(*model, compile_with(options, path, make));
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
    TENON_TRY(const auto o, read_struct(options));
    source.name = o.name == nullptr ? "memory" : o.name;
    about.model = source.name;
    source.bytes = {static_cast<const std::byte*>(bytes), size};
    source.format = o.format == TENON_FORMAT_TEXT ? compiler::Format::text : compiler::Format::onnx;
    if (o.folder != nullptr) source.folder = o.folder;
    if (o.cache != 0)
      return fail("api.value", "the cache is of files; compile a file, or leave options->cache 0");
    const auto make = [&](const tenon_compile_options&, const compiler::Options& with) {
      return to_run(compiler::compile(source, with));
    };
    TENON_TRY(*model, compile_with(options, source.name, make));
    return {};
  });
}
