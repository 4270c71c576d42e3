// A model that was compiled here, or loaded, and what its runs took: what all forms of a profile
// are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/measure.h"
#include "compiler/compiler.h"
#include "runtime/profile.h"

namespace tenon::cli {

/// What the compiler knows of a model beside its tables.
struct Compiled {
  compiler::Compilation compilation;
  compiler::PackageNotes notes;
  double read_s = 0, package_s = 0;
  runtime::Profile::Clock::time_point read_at, package_at;
};

/// A model with its inputs set; `compiled` is absent where the file was a .tenon.
struct Subject {
  std::string file;
  Ready ready;
  std::optional<Compiled> compiled;
};
/// Compiles anew, since the cache keeps code and no account of how it came about.
[[nodiscard]] Result<Subject> make_subject(const std::string& path, const InputFlags& inputs,
                                           const std::string& default_fill,
                                           const CompileFlags& flags, int threads);

/// One run, event by event.
struct Recording {
  std::vector<runtime::StepEvent> events;
  uint64_t left_out = 0;
  runtime::Profile::Clock::time_point begin, end;
};
/// The shortest of `runs`. The executor measures nothing afterwards.
[[nodiscard]] Result<Recording> record(runtime::Executor& executor, int runs);

/// Bytes of the arena that hold something during each step, for the shapes of the last run; for a
/// model that was not compiled here, all of the arena.
[[nodiscard]] std::vector<uint64_t> live_bytes(const Subject& subject);

/// All of a profile.
struct Profiled {
  Subject subject;
  Measured measured;
  std::vector<runtime::StepTime> steps;  // sums over measured.rounds runs
  Recording recording;
};

}  // namespace tenon::cli
