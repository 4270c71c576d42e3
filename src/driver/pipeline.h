// From a model file to code: import, graph passes, fusion, schedules, emission. One table of passes
// (graph/pass.h), each with a name, a switch, a timer and a verifier.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/node.h"
#include "machine/machine.h"
#include "schedule/schedule.h"
#include "support/result.h"
#include "target/target.h"

namespace tenon::driver {

struct CompileOptions {
  const machine::Machine* machine = nullptr;  // nullptr: the host's row
  std::string precision = "f32";
  std::vector<std::string> disabled_passes;
  std::string stop_after;  // name of a graph pass: the graph as it is then, no kernels
  bool verify = false;     // run the verifier after every pass
  int jobs = 0;            // threads of the compiler; 0: all cores that the process may use
  /// Called from one thread at a time as work proceeds: what, done, total.
  std::function<void(std::string_view, size_t, size_t)> progress;
};

/// A model as read from a file.
struct Source {
  std::shared_ptr<ir::Context> context;
  ir::Function function;
  std::vector<std::pair<std::string, ir::Expr>> symbols;  // symbolic extents by name
  std::string file;
  std::vector<std::string> external_files;  // data files beside the model
  /// The kernel of a file that holds one and no model; `function` calls it.
  std::shared_ptr<const ir::Kernel> kernel = nullptr;
};
/// Reads an .onnx or .tir file; what is odd about it but does no harm goes to stderr. Kernels in a
/// .tir are verified and their trace lines must apply.
[[nodiscard]] Result<Source> read_model(const std::string& path);

/// One distinct kernel with everything that was made of it.
struct CompiledKernel {
  std::string text;  // canonical text of the definition form: its identity
  schedule::Program definition;
  schedule::Program scheduled;
  schedule::Program finalized;
  target::Object object;
};

struct PassTime {
  std::string name;
  double seconds;
};

struct Compilation {
  std::shared_ptr<ir::Context> context;
  ir::Function function;  // compute nodes are call_kernel
  std::vector<std::shared_ptr<const CompiledKernel>>
      kernels;                                              // distinct ones, in order of appearance
  std::unordered_map<const ir::Kernel*, size_t> kernel_of;  // Key::kernel to index in `kernels`
  std::vector<ir::Expr> index_bounds;                       // of each param: graph/index_bounds.h
  std::vector<PassTime> times;
  const machine::Machine* machine = nullptr;
};

/// Graph passes only (fusion included unless stopped before); no code.
[[nodiscard]] Result<Compilation> optimize(Source source, const CompileOptions& options);
/// Everything up to objects. Kernels of equal text are compiled once; distinct ones in parallel.
[[nodiscard]] Result<Compilation> compile(Source source, const CompileOptions& options);
/// Schedule and code of one kernel; `verify` checks the program after each of its stages.
[[nodiscard]] Result<std::shared_ptr<const CompiledKernel>> compile_kernel(
    schedule::Program definition, std::string text, const machine::Machine& machine,
    std::string symbol, bool verify = false);

}  // namespace tenon::driver
