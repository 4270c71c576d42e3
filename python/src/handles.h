// Handles of the C API that release themselves, and its errors as Python exceptions.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "tenon/tenon.h"

namespace tenon_python {

namespace nb = nanobind;

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    release(handle);
  }
};
using ModelHandle = std::unique_ptr<tenon_model, Releaser<tenon_model_release>>;
using InstanceHandle = std::unique_ptr<tenon_instance, Releaser<tenon_instance_release>>;
using PoolHandle = std::unique_ptr<tenon_pool, Releaser<tenon_pool_release>>;

/// A struct of the C API with nothing but its size set.
template <class Struct>
Struct empty() {
  Struct s{};
  s.struct_size = sizeof s;
  return s;
}

/// Throws the error as tenon.Error; does nothing for NULL. Takes the GIL's owner.
void check(tenon_error* error);

/// Adds the class Error to the module.
void define_error(nb::module_& m);

/// A path object, str or bytes as the bytes that the system takes. Throws TypeError.
nb::bytes path_bytes(nb::handle path);

/// What a call of the library had to say while the GIL was released: given to Python's warnings and
/// logging by `tell`.
class Messages {
 public:
  static void add(void* self, int32_t level, const char* component, const char* text);
  void tell() const;

 private:
  struct Message {
    int32_t level;
    std::string text;
  };
  std::vector<Message> all_;
};

}  // namespace tenon_python
