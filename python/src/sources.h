// Models from files, bytes and objects that serialize themselves: tenon.load and tenon.compile.
#pragma once

#include "model.h"

namespace tenon_python {

/// Adds the functions to the module; `compile` where the library has the compiler.
void define_sources(nb::module_& m);

}  // namespace tenon_python
