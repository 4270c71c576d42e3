// Between the runtime's tensors and the interpreter's, and how far two tensors are apart.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ops/op.h"
#include "runtime/model.h"
#include "runtime/tensor.h"
#include "support/result.h"

namespace tenon::cli {

[[nodiscard]] ops::Tensor to_reference(const runtime::TensorView& t);
[[nodiscard]] runtime::Tensor to_runtime(const ops::Tensor& t);

/// Runs a model once with these inputs, in its order: outputs as the interpreter has them.
[[nodiscard]] Result<std::vector<ops::Tensor>> run_model(
    const std::shared_ptr<const runtime::Model>& model, std::span<const runtime::Tensor> inputs,
    int threads);

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

}  // namespace tenon::cli
