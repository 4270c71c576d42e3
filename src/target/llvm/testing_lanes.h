// Loops over columns as operations on lanes, as finalize/vectorize makes them. Tests only.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "ir/expr.h"
#include "ir/vector.h"

namespace tenon::target::testing {

/// The statements for all columns, 16 lanes or what is left of them at a time: `body` takes the
/// index of some columns, a vector or a scalar.
inline ir::Expr in_lanes(ir::Context& c, int64_t columns,
                         const std::function<ir::Expr(ir::Expr)>& body) {
  std::vector<ir::Expr> all;
  int lanes = 16;
  for (int64_t at = 0; at < columns; at += lanes) {
    while (lanes > columns - at) lanes /= 2;
    all.push_back(body(ir::ramp(c, c.i64(at), 1, lanes)));
  }
  return ir::seq(c, all);
}

}  // namespace tenon::target::testing
