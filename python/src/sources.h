// Models from files, bytes and objects that serialize themselves: tenon.load, and what it shares
// with tenon.compile.
#pragma once

#include <utility>

#include "model.h"

namespace tenon_python {

/// The pool that was given, or one of so many threads. Throws ValueError, and TypeError for both.
std::shared_ptr<Pool> pool_for(const std::shared_ptr<Pool>& given, int threads);

/// True for str and path objects.
bool is_path(nb::handle source);

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

/// The Model of a handle, behind what its making had to say.
nb::object model_object(ModelHandle model, Messages& messages, std::shared_ptr<Pool> pool);

/// Adds tenon.load to the module.
void define_sources(nb::module_& m);

}  // namespace tenon_python
