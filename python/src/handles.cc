#include "handles.h"

#include <cstring>

namespace tenon_python {
namespace {

constexpr const char* kErrorDoc =
    "What the library refuses. str() gives all problems, one a line.\n\n"
    "Attributes:\n"
    "    code: the stable code of the first problem, such as 'run.extent' (docs/errors.md)\n"
    "    message: what was expected, what was found, and a way out\n"
    "    location: the file or name of the model; for codes 'api.*' the function of the C API\n"
    "    problems: (code, message) of each problem; a model that is refused may have several";

/// The class, for the life of the process.
PyObject*& error_class() {
  static PyObject* type = nullptr;
  return type;
}

nb::str text_of(const char* text) {
  return nb::steal<nb::str>(
      PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(strlen(text)), "replace"));
}

/// A line for each problem, which opens with where it is.
nb::object exception_of(const tenon_error* error) {
  const std::string location = tenon_error_location(error);
  nb::list problems;
  std::string text;
  for (size_t i = 0; i < tenon_error_count(error); ++i) {
    const std::string code = tenon_error_code(error, i);
    const std::string message = tenon_error_message(error, i);
    if (i != 0) text += '\n';
    if (!message.starts_with(location + ":")) text += location + ": ";
    text += message + " [" + code + "]";
    problems.append(nb::make_tuple(text_of(code.c_str()), text_of(message.c_str())));
  }
  nb::object made = nb::handle(error_class())(text_of(text.c_str()));
  made.attr("code") = text_of(tenon_error_code(error, 0));
  made.attr("message") = text_of(tenon_error_message(error, 0));
  made.attr("location") = text_of(location.c_str());
  made.attr("problems") = nb::tuple(problems);
  return made;
}

}  // namespace

void check(tenon_error* error) {
  if (error == nullptr) return;
  const std::unique_ptr<tenon_error, Releaser<tenon_error_release>> owner(error);
  const nb::object exception = exception_of(error);
  PyErr_SetObject(error_class(), exception.ptr());
  throw nb::python_error();
}

void define_error(nb::module_& m) {
  PyObject* type =
      PyErr_NewExceptionWithDoc(TENON_PACKAGE ".Error", kErrorDoc, PyExc_RuntimeError, nullptr);
  if (type == nullptr) throw nb::python_error();
  error_class() = type;
  m.attr("Error") = nb::handle(type);
}

nb::bytes path_bytes(nb::handle path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &bytes) == 0) throw nb::python_error();
  return nb::steal<nb::bytes>(bytes);
}

void Messages::add(void* self, int32_t level, const char* component, const char* text) {
  static_cast<Messages*>(self)->all_.push_back({level, std::string(component) + ": " + text});
}

void Messages::tell() const {
  for (const Message& m : all_) {
    if (m.level >= TENON_LOG_WARNING) {
      if (PyErr_WarnEx(PyExc_UserWarning, m.text.c_str(), 1) != 0) throw nb::python_error();
      continue;
    }
    // Who has not imported logging has not asked for this.
    const nb::object modules = nb::module_::import_("sys").attr("modules");
    if (!nb::cast<bool>(modules.attr("__contains__")("logging"))) continue;
    nb::module_::import_("logging").attr("getLogger")("tenon").attr("info")(
        "%s", text_of(m.text.c_str()));
  }
}

}  // namespace tenon_python
