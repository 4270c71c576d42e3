// Evaluation and lowering that land with the next changes.
#include "ops/contraction/contraction.h"
#include "ops/elementwise/elementwise.h"
#include "ops/movement/movement.h"
#include "ops/reduction/reduction.h"
#include "ops/window/window.h"
#include "support/check.h"
namespace tenon::ops {
Result<std::vector<Tensor>> elementwise_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Expr elementwise_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> broadcast_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> reshape_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> transpose_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> slice_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> pad_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> concat_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> iota_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> from_scalars_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> gather_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> gather_elements_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> gather_nd_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Result<std::vector<Tensor>> dynamic_slice_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Expr broadcast_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr reshape_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr transpose_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr slice_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr pad_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr concat_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr iota_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr from_scalars_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr gather_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr gather_elements_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr gather_nd_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr dynamic_slice_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr gather_check(const CheckArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr gather_nd_check(const CheckArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> reduce_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr reduce_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
ReduceInfo reduce_info(Context&, Expr) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> arg_reduce_eval(const EvalArgs&) {
  TENON_UNREACHABLE("not yet evaluated");
}
Expr arg_reduce_opaque(const OpaqueArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> dot_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr dot_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
ReduceInfo dot_info(Context&, Expr) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> conv_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr conv_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
ReduceInfo conv_info(Context&, Expr) { TENON_UNREACHABLE("not yet evaluated"); }
Result<std::vector<Tensor>> window_eval(const EvalArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
Expr window_point(const PointArgs&) { TENON_UNREACHABLE("not yet evaluated"); }
ReduceInfo window_info(Context&, Expr) { TENON_UNREACHABLE("not yet evaluated"); }
}  // namespace tenon::ops
