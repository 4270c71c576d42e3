// Runs a compiled model by another program: tenon-run under an emulator, or on another machine that
// sees the same files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "cli/tensors.h"

namespace tenon::cli {

/// The outputs that `command MODEL.tenon --input ... --save ... --threads ...` gives; the model has
/// inputs of these names. Types that NumPy lacks come back widened (runtime/npy.h).
[[nodiscard]] Result<std::vector<ops::Tensor>> run_elsewhere(
    const std::string& command, const artifact::Model& model,
    std::span<const runtime::Tensor> inputs, int threads);

/// NAME.npy of each output from a folder.
[[nodiscard]] Result<std::vector<ops::Tensor>> saved_outputs(const std::string& folder,
                                                             std::span<const std::string> names);

}  // namespace tenon::cli
