#include "cli/tensors.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "runtime/executor.h"

namespace tenon::cli {

ops::Tensor to_reference(const runtime::TensorView& t) {
  ops::Tensor out;
  out.dtype = static_cast<ir::DType>(t.dtype);
  out.shape.assign(t.dims.begin(), t.dims.end());
  const auto* bytes = static_cast<const std::byte*>(t.data);
  out.bytes.assign(bytes, bytes + t.bytes());
  return out;
}

runtime::Tensor to_runtime(const ops::Tensor& t) {
  return {static_cast<artifact::DType>(t.dtype), t.shape, t.bytes};
}

Result<std::vector<ops::Tensor>> run_model(const std::shared_ptr<const runtime::Model>& model,
                                           std::span<const runtime::Tensor> inputs, int threads) {
  TENON_TRY(auto executor, runtime::Executor::create(model, threads));
  for (size_t i = 0; i < inputs.size(); ++i)
    TENON_TRY_VOID(executor->set_input(i, inputs[i].view()));
  TENON_TRY_VOID(executor->run());
  std::vector<ops::Tensor> outputs;
  for (size_t i = 0; i < executor->output_count(); ++i)
    outputs.push_back(to_reference(executor->output(i)));
  return outputs;
}

Difference difference(const ops::Tensor& got, const ops::Tensor& want) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Difference worst;
  double largest = 0;
  const int64_t n = want.count();
  for (int64_t i = 0; i < n; ++i) {
    const double w = want.get_f(i);
    if (std::isfinite(w)) largest = std::max(largest, std::fabs(w));
  }
  for (int64_t i = 0; i < n; ++i) {
    const double g = got.get_f(i);
    const double w = want.get_f(i);
    double d = 0;
    if (!std::isfinite(w) || !std::isfinite(g)) {
      d = g == w || (std::isnan(g) && std::isnan(w)) ? 0 : kInfinity;
    } else {
      d = std::fabs(g - w);
    }
    if (d > worst.relative || (d > 0 && worst.at < 0)) worst = {d, i, d};
  }
  if (std::isfinite(worst.relative) && worst.relative > 0)
    worst.relative /= std::max(largest, 1e-12);
  return worst;
}

std::string mismatch(const ops::Tensor& got, const ops::Tensor& want, double rtol, double atol) {
  if (got.dtype != want.dtype || got.shape != want.shape)
    return "got " + describe(got) + ", expected " + describe(want);
  const int64_t n = want.count();
  for (int64_t i = 0; i < n; ++i) {
    const double g = got.get_f(i);
    const double w = want.get_f(i);
    bool same = g == w || (std::isnan(g) && std::isnan(w));
    if (!same && ir::is_float(want.dtype) && std::isfinite(g) && std::isfinite(w))
      same = std::fabs(g - w) <= atol + rtol * std::fabs(w);
    if (same) continue;
    char text[128];
    std::snprintf(text, sizeof text, "element %lld is %.9g, expected %.9g",
                  static_cast<long long>(i), g, w);
    return text;
  }
  return "";
}

std::string describe(const ops::Tensor& t) {
  std::string text(ir::info(t.dtype).name);
  text += "[";
  for (size_t i = 0; i < t.shape.size(); ++i)
    text += (i != 0 ? ", " : "") + std::to_string(t.shape[i]);
  return text + "]";
}

}  // namespace tenon::cli
