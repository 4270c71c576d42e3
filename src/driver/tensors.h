// Between the runtime's tensors and the interpreter's, and how far two tensors are apart.
#pragma once

#include <string>

#include "ops/op.h"
#include "runtime/tensor.h"

namespace tenon::driver {

[[nodiscard]] ops::Tensor to_reference(const runtime::TensorView& t);
[[nodiscard]] runtime::Tensor to_runtime(const ops::Tensor& t);

struct Difference {
  /// Largest difference over the largest finite magnitude of `want`; infinite where one side has a
  /// NaN or an infinity that the other has not.
  double relative = 0;
  int64_t at = -1;      // element of the largest difference
  double absolute = 0;  // the largest difference itself
};
/// Shapes and types must agree.
[[nodiscard]] Difference difference(const ops::Tensor& got, const ops::Tensor& want);

/// "" when every element is within atol + rtol * |want| (exact for integers), else what is wrong.
[[nodiscard]] std::string mismatch(const ops::Tensor& got, const ops::Tensor& want, double rtol,
                                   double atol);

/// "f32[1, 3, 224, 224]"
[[nodiscard]] std::string describe(const ops::Tensor& t);

}  // namespace tenon::driver
