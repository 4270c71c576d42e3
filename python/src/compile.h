// What the functions that compile share: tenon.compile, Graph.compile, Kernel.compile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sources.h"
#include "tenon/compiler.h"

namespace tenon_python {

/// Arguments of everything that compiles.
struct CompileArguments {
  const std::optional<std::string>& target;
  const std::optional<std::string>& precision;
  int threads;
  const std::shared_ptr<Pool>& pool;
  nb::object progress;
};

/// As the C API takes it.
inline const char* text_or_null(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

/// The Model that `call` compiles under these options, which it may add to. Other threads of Python
/// run meanwhile. Throws tenon.Error, and what the progress function throws.
using CompileCall = std::function<tenon_error*(tenon_compile_options& options, tenon_model** to)>;
nb::object compile_with(const CompileArguments& given, const CompileCall& call);

/// Adds tenon.compile to the module.
void define_compile(nb::module_& m);

}  // namespace tenon_python
