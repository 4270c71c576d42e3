// Params of a model that a caller may leave out: the node carries the value that stands in.
#pragma once

#include <string>

#include "ir/node.h"

namespace tenon::ir {

/// A new param with a default, a tensor of the (literal) extents of `type`.
[[nodiscard]] Expr param_with_default(Context& c, const std::string& name, Type type,
                                      const ConstantData& value);
/// The default of a param; nullptr where the caller must give a value.
[[nodiscard]] ConstantRef default_of(Expr param);

}  // namespace tenon::ir
