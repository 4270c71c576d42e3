// A model ready to run, however it was given: compiled now, taken from the cache, or a `.tenon`
// file.
#pragma once

#include <memory>
#include <string>

#include "compiler/compiler.h"
#include "runtime/model.h"
#include "support/result.h"

namespace tenon::compiler {

struct Session {
  std::shared_ptr<const runtime::Model> model;
  double compile_s = 0, load_s = 0;
  bool cached = false;
};

/// Refuses ("target.cpu") a target whose instructions this CPU lacks: its code can be made here,
/// and not run.
[[nodiscard]] Status check_runs_here(const Options& options);

/// Opens a file (.onnx, .tir or .tenon) to run it here. Compiled models are taken from the cache
/// and kept in it, unless `use_cache` is false or schedules are given; a verified compilation is
/// always made anew. The options say nothing to a .tenon file.
[[nodiscard]] Result<Session> open(const std::string& path, const Options& options,
                                   bool use_cache = true);

/// Launches of a model that do not run its own machine code.
[[nodiscard]] size_t fallbacks(const artifact::Model& model);

}  // namespace tenon::compiler
