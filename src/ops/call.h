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

/// Whether a composite's call has a lowering of its own (composite/composite_row.h): `decompose`
/// keeps it, and fusion puts it into a kernel like a primitive. False for other nodes.
[[nodiscard]] bool is_kept(Expr node);

/// Whether a kept call carries its composite's own body: a text may give the name to any function.
/// True for other calls.
[[nodiscard]] bool has_own_body(Context& c, Expr call);

/// A primitive's name, or that of the composite which the node calls.
[[nodiscard]] std::string_view label(Expr node);

}  // namespace tenon::ops
