// The commands of `tenon`: each adds its options to the program and leaves its exit status in
// `status` (0 success, 1 a failure that was explained, 2 wrong usage). One file a command:
// cmd_*.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/session.h"
#include "runtime/executor.h"
#include "runtime/inputs.h"
#include "support/number_range.h"
#include "support/result.h"

namespace tenon::cli {

void add_run(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_profile(CLI::App& app, int& status);
void add_compile(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_compare(CLI::App& app, int& status);
void add_conformance(CLI::App& app, int& status);
void add_opt(CLI::App& app, int& status);
void add_targets(CLI::App& app, int& status);
void add_env(CLI::App& app, int& status);
void add_completion(CLI::App& app, int& status);
void add_man(CLI::App& app, int& status);

/// Version, code generator, targets, and what this CPU is compiled for as.
[[nodiscard]] std::string version_text();

/// How much goes to stderr beside errors.
enum class Talk : uint8_t {
  quiet,    // nothing
  normal,   // warnings, and progress on a terminal
  verbose,  // every step as a line of its own, in pipes too
};
/// Adds -q and -v, which may stand before or behind the command.
void add_talk(CLI::App& app);

/// Options that decide how a model is compiled.
struct CompileFlags {
  std::string target = "host", precision = "f32";
  std::vector<std::string> disabled_passes, reshape;
  std::string schedules;
  bool verify = false, no_cache = false;
  int jobs = 0;
  void add_to(CLI::App& command);
  /// Names of those that the command line gives, for refusing them where they would do nothing:
  /// "--target --jobs"; "" for none.
  [[nodiscard]] std::string given() const;
  /// Refuses unknown targets and precisions, and schedules that do not apply.
  [[nodiscard]] Result<compiler::Options> resolve() const;

 private:
  std::vector<const CLI::Option*> options_;
};

/// Opens MODEL (.onnx, .tir or .tenon) to run it here, from the cache where the flags allow.
/// Options of the compiler beside a .tenon file, which they would not change, are a "usage" error.
[[nodiscard]] Result<compiler::Session> open_session(const std::string& path,
                                                     const CompileFlags& flags);

/// Options that give a model its inputs.
struct InputFlags {
  std::vector<std::string> inputs, shapes;
  std::string fill;
  void add_to(CLI::App& command);
  /// `default_fill` is the rule for inputs without a file when --fill is absent; "" refuses them.
  [[nodiscard]] Result<runtime::InputOptions> resolve(const std::string& default_fill) const;
};

/// A model with its inputs set, to be run.
struct Ready {
  compiler::Session session;
  std::vector<runtime::Tensor> inputs;
  std::unique_ptr<runtime::Executor> executor;
};
/// Makes inputs and an executor for the session that is there.
[[nodiscard]] Status set_inputs(Ready& ready, const runtime::InputOptions& options, int threads);
[[nodiscard]] Result<Ready> make_ready(const std::string& path, const InputFlags& inputs,
                                       const std::string& default_fill, const CompileFlags& flags,
                                       int threads);

/// Accepts numbers of the range only; the error names it.
[[nodiscard]] CLI::Validator in_range(const NumberRange& range);
/// Refuses an empty text where a name is needed.
[[nodiscard]] CLI::Validator is_named();
/// Parses the command line and so runs a command. Returns the exit status: `status` as the command
/// left it, or 2 for wrong usage, which is explained like any other error.
[[nodiscard]] int run_command_line(CLI::App& app, int argc, char** argv, const int& status);
/// Prints the diagnostics, one a line, as `tenon: error: ...`; returns 1, or 2 for wrong usage.
int explain(const Error& error);
/// Default options of the compiler, which shows on a terminal's last line what it does (nothing in
/// a pipe) and prints warnings.
[[nodiscard]] compiler::Options terminal_options();
/// Removes the progress line.
void clear_progress();

}  // namespace tenon::cli
