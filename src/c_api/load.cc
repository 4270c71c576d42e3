// Models from files, memory and functions, and back to files.
#include <cstdint>
#include <optional>

#include "artifact/file.h"
#include "c_api/objects.h"
#include "runtime/footprint.h"
#include "runtime/memory.h"
#include "support/available_memory.h"

namespace tenon::c_api {
namespace {

artifact::ReadOptions read_options(const tenon_load_options& o) {
  return {.verify_whole = o.trust == 0, .check_cpu = o.any_cpu == 0};
}

/// Calls the caller's function when the last owner goes.
std::shared_ptr<const void> owner_of(const tenon_load_options& o, const void* bytes) {
  if (o.release == nullptr) return nullptr;
  return {bytes, [o](const void*) { o.release(o.release_user); }};
}

/// Memory of this library that a model keeps.
Result<std::shared_ptr<runtime::Memory>> memory_for(uint64_t bytes) {
  auto memory = std::make_shared<runtime::Memory>();  // shared: an owner of the model's bytes
  if (!memory->reserve(bytes)) return runtime::no_memory("the model's file needs", bytes);
  return memory;
}

Result<tenon_model*> model_of(std::span<const std::byte> bytes, std::string name,
                              std::shared_ptr<const void> owner, const tenon_load_options& o) {
  TENON_TRY(artifact::Model tables, artifact::parse(bytes, name, read_options(o)));
  tables.owners.push_back(std::move(owner));
  TENON_TRY(auto model, runtime::Model::from(std::move(tables), o.any_cpu == 0));
  return make_model(std::move(model), std::move(name));
}

void log_loaded(const tenon_load_options& o, const tenon_model& model) {
  const artifact::Model& m = model.model->tables();
  Log{o.log, o.log_user}(TENON_LOG_INFO, "load",
                         cat("'", model.about, "': code for ", m.target, ", ",
                             bytes_text(artifact::constant_bytes(m)), " of constants"));
}

/// Fills `to` as far as the function gives bytes.
Result<size_t> read_into(tenon_reader reader, void* user, std::span<std::byte> to) {
  size_t filled = 0;
  while (filled < to.size()) {
    const int64_t n = reader(user, to.data() + filled, to.size() - filled);
    if (n == 0) break;
    if (n < 0 || static_cast<uint64_t>(n) > to.size() - filled)
      return fail("artifact.reader", cat("the function that reads the model failed behind ", filled,
                                         " bytes: it gave ", n,
                                         "; it has to give how many bytes it read, 0 at the end"));
    filled += static_cast<size_t>(n);
  }
  return filled;
}

Result<tenon_model*> load_from(tenon_reader reader, void* user, const std::string& name,
                               const tenon_load_options& o) {
  std::vector<std::byte> page(artifact::kPage);
  TENON_TRY(const size_t first, read_into(reader, user, page));
  TENON_TRY(const uint64_t size, artifact::file_bytes(std::span(page).first(first), name));
  if (size < page.size())
    return fail("artifact.invalid",
                cat("the sections of '", name, "' lie outside the file; compile the model again"));
  TENON_TRY(const auto memory, memory_for(size));
  std::copy(page.begin(), page.end(), memory->data());
  TENON_TRY(const size_t rest,
            read_into(reader, user, {memory->data() + page.size(), size - page.size()}));
  return model_of({memory->data(), page.size() + rest}, name, memory, o);
}

/// A name that is not there is no error.
const char* name_of(const tenon_load_options& o, const char* otherwise) {
  return o.name == nullptr ? otherwise : o.name;
}

}  // namespace
}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_load(const char* path, const tenon_load_options* options, tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  return call({"tenon_load", path == nullptr ? "" : path}, [&]() -> Status {
    TENON_TRY_VOID(require(path, "path"));
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY(const auto o, read_struct(options));
    TENON_TRY(auto loaded, runtime::Model::open(path, read_options(o)));
    *model = make_model(std::move(loaded), path);
    log_loaded(o, **model);
    return {};
  });
}

tenon_error* tenon_load_memory(const void* bytes, size_t size, const tenon_load_options* options,
                               tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  About about{"tenon_load_memory"};
  return call(about, [&]() -> Status {
    TENON_TRY(const auto o, read_struct(options));
    about.model = name_of(o, "memory");
    std::shared_ptr<const void> owner = owner_of(o, bytes);
    TENON_TRY_VOID(require(bytes, "bytes"));
    TENON_TRY_VOID(require(model, "model"));
    std::span<const std::byte> used(static_cast<const std::byte*>(bytes), size);
    if (reinterpret_cast<uintptr_t>(bytes) % 64 != 0) {
      TENON_TRY(const auto copy, memory_for(size));
      std::copy(used.begin(), used.end(), copy->data());
      used = {copy->data(), size};
      owner = copy;
    }
    TENON_TRY(*model, model_of(used, name_of(o, "memory"), std::move(owner), o));
    log_loaded(o, **model);
    return {};
  });
}

tenon_error* tenon_load_reader(tenon_reader reader, void* user, const tenon_load_options* options,
                               tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  About about{"tenon_load_reader"};
  return call(about, [&]() -> Status {
    if (reader == nullptr) return fail("api.null", "argument 'reader' is null; give one");
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY(const auto o, read_struct(options));
    about.model = name_of(o, "reader");
    TENON_TRY(*model, load_from(reader, user, name_of(o, "reader"), o));
    log_loaded(o, **model);
    return {};
  });
}

tenon_error* tenon_save(const tenon_model* model, const char* path) {
  return call({"tenon_save", path == nullptr ? "" : path}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY_VOID(require(path, "path"));
    return artifact::write(model->model->tables(), path);
  });
}

void tenon_model_release(tenon_model* model) { delete model; }
