// The last step of the compiler: a graph of kernel calls becomes a compiled model of flat tables,
// with packed constants, a size program, an arena plan and linked code.
#pragma once

#include "artifact/model.h"
#include "driver/pipeline.h"
#include "support/result.h"

namespace tenon::driver {

/// `compilation.function` holds call_kernel, constant, param, reshape, tuple, get, if, loop, call
/// and from_scalars nodes; reshapes cost nothing at run time. Constants are packed as the kernels'
/// params ask, each form of equal content stored once. Errors: "package.unbound_size" (an extent
/// that no input, binding or result gives), "package.unsupported".
[[nodiscard]] Result<artifact::Model> package(const Compilation& compilation,
                                              const CompileOptions& options);

}  // namespace tenon::driver
