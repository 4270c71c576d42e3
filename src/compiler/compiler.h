// The compiler as a library: the bytes of a model in, a compiled model out. It prints nothing, and
// ends no process: what breaks inside Tenon or LLVM is an error of the call ("internal"), as is
// memory that does not suffice ("compile.memory").
//
// The road: read -> optimize (graph passes, fusion) -> generate (schedules, code) -> package. A
// caller who wants none of what lies between takes `compile`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "artifact/model.h"
#include "frontend/onnx/import.h"
#include "ir/node.h"
#include "machine/machine.h"
#include "pass/pass.h"
#include "schedule/schedule.h"
#include "support/result.h"
#include "target/target.h"

namespace tenon::compiler {

struct Options {
  std::string target = "host";  // name of a machine row
  std::string precision = "f32";
  /// Of the passes on graphs and kernels; `optimize` gives the graph as it is after `stop_after`.
  pass::Options passes = {};
  /// Shapes of inputs in place of those that an ONNX model declares, each as text, extents and
  /// names of symbols, which have no x: "image=1x3x640x640", "tokens=batchx128". Refuses other
  /// forms ("compile.reshape"), and inputs and ranks that the model has not ("onnx.reshape").
  std::vector<std::string> reshape = {};
  /// Operators of ONNX models that the caller defines, by a text for each.
  std::vector<onnx_import::CustomOperator> operators = {};
  /// A kernel without trace lines gets a default schedule; false: it keeps the loops that it has.
  bool default_schedules = true;
  int jobs = 0;  // threads of the compiler; 0: all cores that the process may use
  /// Schedules for kernels that have a page in it, in place of the default ones: read_schedules.
  std::shared_ptr<const schedule::Book> schedules = nullptr;
  /// Called from one thread at a time as work proceeds: what, done, total (0: not known).
  std::function<void(std::string_view what, size_t done, size_t total)> progress = {};
  /// What is odd about the model but does no harm.
  std::function<void(const std::string& warning)> warn = {};
  /// Once a stop is requested, the call ends before the next pass or kernel: "compile.stopped".
  std::stop_token stop = {};
};

/// The machine row that `options.target` names; refuses unknown names, precisions and passes, and
/// passes that cannot be switched off.
[[nodiscard]] Result<const machine::Machine*> check(const Options& options);

/// The kernels in the .tir files of a folder, with their trace lines, for Options::schedules.
/// Refuses a folder that is not there or has no kernel ("schedule.folder"), two kernels that
/// compute the same ("schedule.twice"), unsound kernels, and trace lines that do not apply, with
/// their place.
[[nodiscard]] Result<std::shared_ptr<const schedule::Book>> read_schedules(
    const std::string& folder);

enum class Format { onnx, text };

/// What is to be compiled: a file, or bytes that the caller keeps for the time of the call.
struct Source {
  std::string name;  // path of the file, or what diagnostics call the bytes
  std::optional<std::span<const std::byte>> bytes = std::nullopt;
  Format format = Format::onnx;
  std::string folder = {};  // of external data beside bytes; "": they may have none

  /// .onnx or .tir, told by its name.
  [[nodiscard]] static Source file(std::string path);
};

/// A model as read.
struct ImportedModel {
  std::shared_ptr<ir::Context> context;
  ir::Function function;
  std::vector<std::pair<std::string, ir::Expr>> symbols = {};  // symbolic extents by name
  std::string file = {};
  std::vector<std::string> external_files = {};  // data files beside the model
  /// The kernel of a file that holds one and no model; `function` calls it.
  std::shared_ptr<const ir::Kernel> kernel = nullptr;
};
/// Kernels in a text are verified, and their trace lines must apply.
[[nodiscard]] Result<ImportedModel> read(const Source& source, const Options& options = {});

struct PassTime {
  std::string name;
  double seconds;
  bool of_kernels = false;  // a stage of single kernels: the sum over all, on all threads
  std::vector<std::pair<std::string, int64_t>> rules = {};  // of the pass: how often each applied
};

/// One distinct kernel with everything that was made of it.
struct CompiledKernel {
  std::string text;  // canonical text of the definition form: its identity
  schedule::Program definition;
  schedule::Choice choice;  // the scheduled program, and who chose the schedule
  schedule::Program loops;  // as finalize has it before vector loops become operations on lanes
  schedule::Program finalized;
  target::Object object;
  std::vector<PassTime> times;
};

struct Compilation {
  std::shared_ptr<ir::Context> context;
  ir::Function function;  // compute nodes are call_kernel
  std::vector<std::shared_ptr<const CompiledKernel>>
      kernels;                                              // distinct ones, in order of appearance
  std::unordered_map<const ir::Kernel*, size_t> kernel_of;  // Key::kernel to index in `kernels`
  /// The device on which a kernel runs, by name, where it is not the host.
  std::unordered_map<const ir::Kernel*, std::string> device_of;
  std::vector<ir::Expr> index_bounds;  // of each param: graph/index_bounds.h
  std::vector<PassTime> times;
  const machine::Machine* machine = nullptr;
};

/// Graph passes only (fusion included unless stopped before); no code.
[[nodiscard]] Result<Compilation> optimize(ImportedModel model, const Options& options);
/// Everything up to objects. Kernels of equal text are compiled once; distinct ones in parallel.
[[nodiscard]] Result<Compilation> generate(ImportedModel model, const Options& options);
/// A compiled model of flat tables; see compiler/package.h.
[[nodiscard]] Result<artifact::Model> package(const Compilation& compilation,
                                              const Options& options);

/// All of it.
[[nodiscard]] Result<artifact::Model> compile(ImportedModel model, const Options& options);
[[nodiscard]] Result<artifact::Model> compile(const Source& source, const Options& options);

}  // namespace tenon::compiler
