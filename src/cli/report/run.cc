#include "cli/report/run.h"

#include <algorithm>

#include "support/stopwatch.h"

namespace tenon::cli {

using runtime::Profile;

namespace {

Result<Subject> compile_subject(const std::string& path, const CompileFlags& flags) {
  TENON_TRY(const compiler::Options options, flags.resolve());
  TENON_TRY_VOID(compiler::check_runs_here(options));
  Subject subject{path, {}, Compiled{}};
  Compiled& made = *subject.compiled;
  made.read_at = Profile::Clock::now();
  const Stopwatch all;
  TENON_TRY(compiler::ImportedModel source, compiler::read(compiler::Source::file(path), options));
  made.read_s = all.seconds();
  TENON_TRY(made.compilation, compiler::generate(std::move(source), options));
  made.package_at = Profile::Clock::now();
  const Stopwatch packaging;
  TENON_TRY(artifact::Model tables, compiler::package(made.compilation, options, &made.notes));
  made.package_s = packaging.seconds();
  compiler::Session& session = subject.ready.session;
  session.compile_s = all.seconds();
  const Stopwatch loading;
  TENON_TRY(session.model, runtime::Model::from(std::move(tables)));
  session.load_s = loading.seconds();
  clear_progress();
  return subject;
}

/// Bytes of the blocks' parts that some of these slots cover.
uint64_t covered(std::vector<std::pair<uint64_t, uint64_t>> ranges) {
  std::sort(ranges.begin(), ranges.end());
  uint64_t total = 0;
  uint64_t end = 0;
  for (const auto& [from, to] : ranges) {
    if (to > std::max(from, end)) total += to - std::max(from, end);
    end = std::max(end, to);
  }
  return total;
}

}  // namespace

Result<Subject> make_subject(const std::string& path, const InputFlags& inputs,
                             const std::string& default_fill, const CompileFlags& flags,
                             int threads) {
  TENON_TRY(const runtime::InputOptions options, inputs.resolve(default_fill));
  Subject subject{path, {}, std::nullopt};
  if (path.ends_with(".tenon")) {
    TENON_TRY(subject.ready.session, open_session(path, flags));
  } else {
    TENON_TRY(subject, compile_subject(path, flags));
  }
  TENON_TRY_VOID(set_inputs(subject.ready, options, threads));
  return subject;
}

Result<Recording> record(runtime::Executor& executor, int runs) {
  Recording best;
  for (int i = 0; i < runs; ++i) {
    executor.profile(runtime::Profiling::events);
    const Profile::Clock::time_point begin = Profile::Clock::now();
    TENON_TRY_VOID(executor.run());
    const Profile::Clock::time_point end = Profile::Clock::now();
    if (i > 0 && end - begin >= best.end - best.begin) continue;
    const auto events = executor.measured()->events();
    best = {{events.begin(), events.end()}, executor.measured()->left_out(), begin, end};
  }
  executor.profile(runtime::Profiling::off);
  return best;
}

std::vector<uint64_t> live_bytes(const Subject& subject) {
  const runtime::Executor& executor = *subject.ready.executor;
  const artifact::Model& t = executor.model().tables();
  if (!subject.compiled) return std::vector(t.steps.size(), executor.memory_bytes());
  const auto value = [&](uint32_t reg) { return static_cast<uint64_t>(executor.size_value(reg)); };
  std::vector<uint64_t> block_begin(t.blocks.size() + 1);
  for (size_t b = 0; b < t.blocks.size(); ++b)
    block_begin[b + 1] = block_begin[b] + value(t.blocks[b]);
  std::vector<std::vector<std::pair<uint64_t, uint64_t>>> ranges(t.steps.size());
  for (const compiler::PackageNotes::Lifetime& l : subject.compiled->notes.lifetimes) {
    const artifact::Slot& slot = t.slots[l.slot];
    const uint64_t from = block_begin[slot.index] + value(slot.offset);
    for (size_t s = l.first; s <= l.last && s < ranges.size(); ++s)
      ranges[s].emplace_back(from, from + value(l.bytes));
  }
  std::vector<uint64_t> live;
  live.reserve(ranges.size());
  for (auto& r : ranges) live.push_back(covered(std::move(r)));
  return live;
}

}  // namespace tenon::cli
