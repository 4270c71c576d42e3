// Error objects, and the numbers of versions and element types.
#include "artifact/dtype.h"
#include "c_api/call.h"

namespace tenon::c_api {
namespace {

/// Of the error that takes no memory.
constexpr const char* kMemoryCode = "run.memory";
constexpr const char* kMemoryMessage = "there is no memory left; free some and try again";
constexpr const char* kMemoryText = "there is no memory left; free some and try again [run.memory]";
constexpr const char* kMemoryLocation = "memory";

const Diagnostic* problem(const tenon_error* error, size_t index) {
  if (error == nullptr || index >= error->diagnostics.size()) return nullptr;
  return &error->diagnostics[index];
}

bool is_out_of_memory(const tenon_error* error) { return error == out_of_memory(); }

bool is_type(tenon_type type) { return type >= 0 && type < kDTypeCount; }

}  // namespace

tenon_error* out_of_memory() noexcept {
  static const tenon_error error;
  return const_cast<tenon_error*>(&error);  // nothing writes to an error
}

tenon_error* make_error(const Error& error, const About& about) noexcept {
  try {
    const bool of_arguments = error.diagnostics[0].code.starts_with("api.");
    const std::string_view location =
        of_arguments || about.model.empty() ? about.function : about.model;
    return new tenon_error{error.diagnostics, std::string(location), error.text()};
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

uint32_t tenon_api_version(void) { return TENON_API_VERSION; }
const char* tenon_version(void) { return TENON_VERSION; }

size_t tenon_error_count(const tenon_error* error) {
  if (error == nullptr) return 0;
  return is_out_of_memory(error) ? 1 : error->diagnostics.size();
}
const char* tenon_error_code(const tenon_error* error, size_t index) {
  if (is_out_of_memory(error)) return index == 0 ? kMemoryCode : "";
  const Diagnostic* d = problem(error, index);
  return d == nullptr ? "" : d->code.c_str();
}
const char* tenon_error_message(const tenon_error* error, size_t index) {
  if (is_out_of_memory(error)) return index == 0 ? kMemoryMessage : "";
  const Diagnostic* d = problem(error, index);
  return d == nullptr ? "" : d->message.c_str();
}
const char* tenon_error_text(const tenon_error* error) {
  if (is_out_of_memory(error)) return kMemoryText;
  return error == nullptr ? "" : error->text.c_str();
}
const char* tenon_error_location(const tenon_error* error) {
  if (is_out_of_memory(error)) return kMemoryLocation;
  return error == nullptr ? "" : error->location.c_str();
}
void tenon_error_release(tenon_error* error) {
  if (!is_out_of_memory(error)) delete error;
}

const char* tenon_type_name(tenon_type type) {
  return is_type(type) ? info(static_cast<DType>(type)).name.data() : "";
}
size_t tenon_type_bytes(tenon_type type) {
  return is_type(type) ? info(static_cast<DType>(type)).element_bytes : 0;
}
