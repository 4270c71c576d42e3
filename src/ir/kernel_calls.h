// Kernels that a fused function calls.
#pragma once

#include <vector>

#include "ir/node.h"

namespace tenon::ir {

/// The kernel of every call_kernel in the function and its bodies, in order of appearance; one that
/// is called twice stands there twice.
[[nodiscard]] std::vector<const Kernel*> kernels_of(const Function& f);

}  // namespace tenon::ir
