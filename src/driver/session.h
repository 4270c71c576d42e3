// A model ready to run, however it was given: compiled now, taken from the cache, or a `.tenon`
// file.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "driver/cli.h"
#include "ops/op.h"
#include "runtime/model.h"
#include "runtime/tensor.h"
#include "support/result.h"

namespace tenon::driver {

struct Session {
  std::shared_ptr<const runtime::Model> model;
  double compile_s = 0, load_s = 0;
  bool cached = false;
};

/// Refuses ("target.cpu") a target whose instructions this CPU lacks: its code can be made here,
/// and not run.
[[nodiscard]] Status check_runs_here(const CompileOptions& options);

/// Opens MODEL (.onnx, .tir or .tenon) to run it here; progress on a terminal. Options of the
/// compiler beside a .tenon file, which they would not change, are a "usage" error.
[[nodiscard]] Result<Session> open_session(const std::string& path, const CompileFlags& flags);

/// Launches of a model that do not run its own machine code.
[[nodiscard]] size_t fallbacks(const artifact::Model& model);

/// Runs a model once with these inputs, in its order: outputs as the interpreter has them.
[[nodiscard]] Result<std::vector<ops::Tensor>> run_model(
    const std::shared_ptr<const runtime::Model>& model, std::span<const runtime::Tensor> inputs,
    int threads);

/// Compiles to a packaged model without the cache.
[[nodiscard]] Result<artifact::Model> compile_model(Source source, const CompileOptions& options);

}  // namespace tenon::driver
