// Composites: named functions with a body of primitives (softmax, layer_norm, attention, lstm ...).
// A composite is built as `call` with name, body and options; `decompose` inlines the body where
// no special lowering is registered. Pure rearrangements and the primitives themselves (rows marked
// `direct`, such as one_hot, einsum or add) are built as their primitives at once.
// composite/registry.cc lists them with their operands and options; a row stands in its family's
// file.
#pragma once

#include "ops/call.h"
#include "ops/op.h"
#include "ops/options.h"

namespace tenon::ops {

/// The composite applied to operands: one result per returned expression. Refuses with numbered
/// constraints ("softmax.C1"). Known names: see composite/registry.cc.
[[nodiscard]] Result<std::vector<Expr>> build_composite(Context& c, std::string_view name,
                                                        std::span<const Expr> operands,
                                                        const Options& options,
                                                        std::span<const Expr> extents = {});

/// What is known of a composite, for those who write its name: NAME(operands; options; extents).
struct CompositeInfo {
  std::string_view name;
  std::string_view operands;  // names, "?" behind those that may be absent; "x*": any number
  std::string_view options;   // keys
  std::string_view extents;   // names in order; "low*": one an axis
};
/// All of them, by name.
[[nodiscard]] const std::vector<CompositeInfo>& composites();
/// nullptr: there is none of that name.
[[nodiscard]] const CompositeInfo* find_composite(std::string_view name);

}  // namespace tenon::ops
