// Composites: named functions with a body of primitives (softmax, layer_norm, attention, lstm ...).
// A composite is built as `call` with name, body and options; `decompose` inlines the body where
// no special lowering is registered.
#pragma once

#include "ops/op.h"

namespace tenon::ops {

/// Options are ordered key=value pairs with integer, float or word values.
using Options = std::vector<std::pair<std::string, std::string>>;

/// The composite applied to operands: one result per returned expression. Refuses with numbered
/// constraints ("softmax.C1"). Known names: see composite/registry.cc.
[[nodiscard]] Result<std::vector<Expr>> build_composite(Context& c, std::string_view name,
                                                        std::span<const Expr> operands, const Options& options);
[[nodiscard]] bool is_composite(std::string_view name);

/// The call's body with operands in place of params.
[[nodiscard]] std::vector<Expr> inline_call(Context& c, Expr call);

}  // namespace tenon::ops
