// Kernels under schedules, which tenon/schedule.py gives their face.
#pragma once

#include "compile.h"
#include "tenon/schedule.h"

namespace tenon_python {

/// The object of a kernel, which it releases.
nb::object kernel_object(tenon_kernel* kernel);

/// Adds _Kernel and _primitives to the module.
void define_kernel(nb::module_& m);

}  // namespace tenon_python
