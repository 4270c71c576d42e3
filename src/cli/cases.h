// Cases in the form of ONNX's backend tests, and work on many of them where one crash must not end
// the others. A case is a folder with model.onnx and test_data_set_K/{input,output}_J.pb.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ops/op.h"
#include "support/result.h"

namespace tenon::cli {

/// Folders with a model.onnx at or below the roots, whose path holds `filter`; sorted.
[[nodiscard]] std::vector<std::filesystem::path> find_cases(std::span<const std::string> roots,
                                                            const std::string& filter = "");
/// test_data_set_0, test_data_set_1, ... of a case.
[[nodiscard]] std::vector<std::filesystem::path> data_sets(const std::filesystem::path& folder);

struct DataSet {
  std::vector<ops::Tensor> inputs, outputs;
};
/// Refuses a file that holds no tensor.
[[nodiscard]] Result<DataSet> read_data_set(const std::filesystem::path& set);

struct Outcome {
  std::string death;  // how the process ended instead of returning; "" where it returned
  std::string text;   // what the work returned, at most 4000 bytes
};
/// Calls work(i) for each i < count in a process of its own, `workers` at once; `on_done` gets each
/// outcome as it comes. A process is killed after `limit_s`.
void run_isolated(size_t count, size_t workers, double limit_s,
                  const std::function<std::string(size_t)>& work,
                  const std::function<void(size_t, const Outcome&)>& on_done);

}  // namespace tenon::cli
