// What every function of the C API does at its border: nothing is thrown across it, failures become
// error objects, and structs are read as far as caller and library both know them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "support/check.h"
#include "support/result.h"
#include "support/text.h"
#include "tenon/tenon.h"

struct tenon_error {
  std::vector<tenon::Diagnostic> diagnostics;
  std::string location;
  std::string text;
};

namespace tenon::c_api {

/// What a call is about, for an error's location.
struct About {
  std::string_view function;
  std::string_view model = {};  // its file or name, where the call has got that far
};

/// An error object; where there is no memory even for that, one that every such call shares.
[[nodiscard]] tenon_error* make_error(const Error& error, const About& about) noexcept;
[[nodiscard]] tenon_error* out_of_memory() noexcept;

/// Carries `work` (returns Status) out.
template <class Work>
tenon_error* call(const About& about, const Work& work) noexcept {
  try {
    if (const Status done = work(); !done) return make_error(done.error(), about);
    return nullptr;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& e) {
    try {
      return make_error({{{"internal.invariant",
                           cat("a defect of Tenon, please report it with the model: ", e.what())}}},
                        about);
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    }
  }
}

/// "api.null" unless the argument of that name is there.
[[nodiscard]] inline Status require(const void* argument, std::string_view name) {
  if (argument != nullptr) return {};
  return fail("api.null", cat("argument '", name, "' is null; give one"));
}

inline constexpr size_t kMostStructBytes = 4096;

/// Of the first version that had the struct: callers that were compiled with it lack what was
/// added.
template <class T>
inline constexpr size_t kFirstBytes = sizeof(T);
template <>
inline constexpr size_t kFirstBytes<tenon_pool_options> = offsetof(tenon_pool_options, cpus);
template <>
inline constexpr size_t kFirstBytes<tenon_instance_options> =
    offsetof(tenon_instance_options, functions);

template <class T>
[[nodiscard]] Status check_struct(const T& given) {
  if (given.struct_size >= kFirstBytes<T> && given.struct_size <= kMostStructBytes) return {};
  return fail("api.struct_size", cat("a struct of ", sizeof(T), " bytes says that it has ",
                                     given.struct_size, "; set it to {sizeof it} first"));
}

/// The fields that this library knows; none given: all 0. Refuses a size that no version has
/// ("api.struct_size"), and a newer field that is not 0 ("api.newer").
template <class T>
[[nodiscard]] Result<T> read_struct(const T* given) {
  T known{};
  if (given == nullptr) return known;
  TENON_TRY_VOID(check_struct(*given));
  std::memcpy(&known, given, std::min(sizeof known, given->struct_size));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  if (given->struct_size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + given->struct_size,
                                                    [](unsigned char b) { return b != 0; }))
    return fail("api.newer", cat("a struct has fields that this library, of API version ",
                                 TENON_API_VERSION, ", lacks; use a newer one"));
  return known;
}

/// Element `i` of the caller's array, as far as this library knows it: the caller's structs may be
/// longer or shorter than ours.
template <class T>
[[nodiscard]] Result<T> read_element(const T* array, size_t i) {
  TENON_TRY_VOID(require(array, "an array whose count is not 0"));
  TENON_TRY_VOID(check_struct(*array));
  const auto* const at = reinterpret_cast<const unsigned char*>(array) + i * array->struct_size;
  return read_struct(reinterpret_cast<const T*>(at));
}

/// Fills the struct of a caller, who has set its size.
template <class T>
[[nodiscard]] Status write_struct(T* to, T value) {
  TENON_TRY_VOID(require(to, "the struct to fill"));
  TENON_TRY_VOID(check_struct(*to));
  value.struct_size = to->struct_size;
  std::memcpy(to, &value, std::min(sizeof value, to->struct_size));
  return {};
}

/// Messages that are no errors.
struct Log {
  tenon_log function = nullptr;
  void* user = nullptr;
  void operator()(int32_t level, const char* component, const std::string& text) const {
    if (function != nullptr) function(user, level, component, text.c_str());
  }
};

}  // namespace tenon::c_api
