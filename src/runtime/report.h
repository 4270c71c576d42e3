// What commands print about a run: results in one line each, and latency figures.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/executor.h"
#include "runtime/tensor.h"

namespace tenon::runtime {

/// Smallest, mean and largest element; NaN if an element is NaN or there is none.
struct Summary {
  double min = 0, mean = 0, max = 0;
};
[[nodiscard]] Summary summarize(const TensorView& tensor);

/// Seconds; quantiles of the sorted samples.
struct Latency {
  double min = 0, median = 0, p90 = 0, p99 = 0;
  size_t count = 0;
};
[[nodiscard]] Latency summarize_latency(std::vector<double> seconds);
/// "12.345 ms"; short times keep three digits: "0.000137 ms".
[[nodiscard]] std::string milliseconds(double seconds);

struct NamedTensor {
  std::string name;
  TensorView tensor;
};
[[nodiscard]] std::vector<NamedTensor> outputs_of(const Executor& executor);

/// A line for each tensor: name, type, shape, min, mean, max, in columns.
[[nodiscard]] std::string outputs_text(std::span<const NamedTensor> tensors);
/// The same as a JSON array of objects; numbers that JSON lacks are null.
[[nodiscard]] std::string outputs_json(std::span<const NamedTensor> tensors);
/// "min 1.234 ms, median .. ms, p90 .. ms, p99 .. ms over 10 runs"
[[nodiscard]] std::string latency_text(const Latency& latency);
/// {"min": .., "median": .., "p90": .., "p99": .., "count": ..}
[[nodiscard]] std::string latency_json(const Latency& latency);

/// The file in `folder` that save_outputs gives a tensor of that name: characters that do not
/// belong into a file name become '_'.
[[nodiscard]] std::string output_file(const std::string& folder, std::string name);
/// Writes each tensor into its file in `folder`, which is made if need be.
[[nodiscard]] Status save_outputs(std::span<const NamedTensor> tensors, const std::string& folder);

}  // namespace tenon::runtime
