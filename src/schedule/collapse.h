// Axes that a definition-form kernel always uses together become one: [batch, tokens, 768] read and
// written elementwise is one long axis, a product over the last axis of [batch, tokens, k] has
// batch * tokens rows. Axes of extent 1 disappear. Memory stays the same (row-major), so params
// keep their bytes while their extents change; a constant whose extents changed has them in
// KernelParam::logical.
#pragma once

#include "schedule/schedule.h"

namespace tenon::schedule {

/// The same kernel with as few axes as its accesses allow. Programs that have been scheduled, and
/// buffers that statements outside of blocks touch, stay as they are.
[[nodiscard]] Program collapse_axes(Program program);
void collapse_axes(ir::Kernel& kernel);

}  // namespace tenon::schedule
