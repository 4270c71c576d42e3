// A .tir file may hold one kernel and no model. The kernel then is a program with parameters: a
// model that calls it, with the parameters as inputs and outputs.
#pragma once

#include <memory>
#include <string>

#include "compiler/compiler.h"
#include "ir/node.h"
#include "ir/text.h"
#include "support/result.h"

namespace tenon::compiler {

/// Kernels of a file are sound programs whose trace lines apply; a line that does not is refused
/// with its place. So are decisions that do not fit, where they are for a machine that is known.
[[nodiscard]] Status check_kernels(const ir::Module& module, const machine::Machine* machine);

/// The model of the file's one kernel. `in` params are its inputs, `out` params its results under
/// their names; text does not hold the values of `const` params, so they are small made-up ones,
/// the same in every run. Refuses a kernel without results, and a constant with a symbolic extent.
[[nodiscard]] Result<ImportedModel> model_of_kernel(const ir::Module& module,
                                                    const std::string& path);

}  // namespace tenon::compiler
