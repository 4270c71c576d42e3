// The reference interpreter of every stage: the oracle for passes, schedules, targets. Slow and
// plain; floating-point work in double, rounded to the declared type.
#pragma once

#include <unordered_map>

#include "ir/node.h"
#include "ops/op.h"

namespace tenon::interp {

using ops::Tensor;
using SizeMap = std::unordered_map<ir::Expr, int64_t>;

/// The states of one instance of a function: a tensor for each state parameter, in order.
using States = std::vector<Tensor>;
/// As an instance begins: defaults, else empty tensors.
[[nodiscard]] States initial_states(const ir::Function& f);

/// Results of a graph function. `inputs` are the parameters but for states; these are taken from
/// `states` and left there (param_role.h); without it they begin anew. `sizes` gives the symbolic
/// variables that no input extent determines; extents of inputs determine the others. Large dot and
/// conv run as blocked loops in double. `on_node` (optional) sees every node's value, for `tenon
/// compare`.
[[nodiscard]] Result<std::vector<Tensor>> run(
    const ir::Function& f, std::span<const Tensor> inputs, SizeMap sizes = {},
    const std::function<void(ir::Expr, const std::vector<Tensor>&)>& on_node = nullptr,
    States* states = nullptr);

/// Runs a loop program (definition form, scheduled, or target stage with instructions). `buffers`
/// are the params in order; out and inout params are written. Internal buffers are poisoned (NaN,
/// large integers) at first, and every access is range-checked: an illegal one is an error that
/// names buffer and index.
[[nodiscard]] Status run(const ir::Kernel& kernel, std::span<const int64_t> sizes,
                         std::span<Tensor> buffers);

}  // namespace tenon::interp
