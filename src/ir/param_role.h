// Roles of a function's parameters: what a caller and the function share.
//
//   in      the caller's value, for one run (the default; nothing is written in the text)
//   const   the caller's value, the same in every run of an instance
//   inout   the caller's memory: the function reads it and leaves a new value there
//   state   memory of the instance that outlives a run. Before a run it takes the extents of its
//   type,
//           which the other parameters decide: elements inside both shapes stay, new ones are 0.
//           It starts as its default, else empty
//
// A result with the name of an inout or state parameter is the parameter's value after the run;
// without one the value stays. States stand behind the other parameters. Results are what `out`
// would be, so no function has that role; only a model has roles, bodies have plain parameters.
#pragma once

#include <optional>
#include <string>

#include "ir/node.h"

namespace tenon::ir {

/// How the memory of a state grows: at least doubled whenever it is too small, or reserved at first
/// for that many elements of the leading axis, so that it never moves; more are refused.
struct Growth {
  int64_t reserved = 0;  // 0: doubling
  bool operator==(const Growth&) const = default;
};

/// A new param; `initial` is the default of a state, of the (literal) extents of `type`.
[[nodiscard]] Expr param_with_role(Context& c, const std::string& name, Type type, ParamRole role,
                                   Growth growth = {}, const ConstantData* initial = nullptr);
/// A new param of another type (perhaps of another context), else the same.
[[nodiscard]] Expr param_like(Context& c, Expr like, Type type);

[[nodiscard]] ParamRole role_of(Expr param);
[[nodiscard]] Growth growth_of(Expr state);
/// "double" or "reserve 4096", as text has it.
[[nodiscard]] std::string growth_text(Growth growth);

/// The index of the inout or state parameter whose next value that result is.
[[nodiscard]] std::optional<size_t> updated_param(const Function& f, size_t result);

}  // namespace tenon::ir
