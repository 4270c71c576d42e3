// Rows of the reduction family. Tolerance of sums: a compiled f32 sum adds in several partial sums,
// so its error grows with the length; 1e-5 covers thousands of terms of one sign.
#include <array>

#include "ops/families.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops {

std::span<const OpRow> reduction_rows() {
  static const std::array rows = [] {
    OpRow reduce{ir::Op::reduce, Pattern::reduction, reduce_type,
                 reduce_eval,    reduce_point,       reduce_info};
    reduce.tolerance = 1e-5;
    OpRow arg{ir::Op::arg_reduce, Pattern::opaque, arg_reduce_type, arg_reduce_eval};
    arg.opaque = arg_reduce_opaque;
    return std::array{reduce, arg};
  }();
  return rows;
}

}  // namespace tenon::ops
