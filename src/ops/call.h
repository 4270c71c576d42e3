// A composite's call node, for those who only take it apart.
#pragma once

#include <string_view>
#include <vector>

#include "ops/op.h"

namespace tenon::ops {

/// The call's operand of that name ("bias"), or nullptr where it is absent.
[[nodiscard]] Expr call_operand(Expr call, std::string_view name);

/// The call's body with operands in place of params.
[[nodiscard]] std::vector<Expr> inline_call(Context& c, Expr call);

}  // namespace tenon::ops
