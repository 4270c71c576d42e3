#include "compiler/session.h"

#include <algorithm>

#include "artifact/file.h"
#include "compiler/cache.h"
#include "support/stopwatch.h"
#include "support/text.h"

namespace tenon::compiler {

namespace {

Result<Session> load(const std::string& path, bool verify_whole) {
  const Stopwatch start;
  Session session;
  TENON_TRY(session.model,
            runtime::Model::open(path, {.verify_whole = verify_whole, .check_cpu = true}));
  session.load_s = start.seconds();
  return session;
}

/// Everything that changes the code, as text: part of a cache key.
std::string key_of(const Options& options) {
  std::string text = options.target == "host"
                         ? machine::host().name + "," + machine::host().llvm_cpu
                         : options.target;
  text += "|" + options.precision;
  std::vector<std::string> passes = options.passes.disabled;
  std::sort(passes.begin(), passes.end());
  for (const std::string& p : passes) text += "|-" + p;
  for (const std::string& shape : options.reshape) text += "|" + shape;
  for (const auto& custom : options.operators)
    text += "|" + custom.domain + "." + custom.name + "=" + custom.body;
  return text;
}

}  // namespace

size_t fallbacks(const artifact::Model& model) {
  size_t count = 0;
  for (const artifact::Step& s : model.steps)
    if (s.kind == artifact::StepKind::launch && model.entries[s.b].offset >= model.code.size())
      ++count;
  return count;
}

Status check_runs_here(const Options& options) {
  TENON_TRY(const machine::Machine* const row, check(options));
  std::string lacking;
  for (const std::string& feature : machine::missing(*row)) lacking += " " + feature;
  if (lacking.empty()) return {};
  return fail("target.cpu", cat("target ", row->name, " needs", lacking,
                                ", which this CPU lacks; choose a target that `tenon targets` "
                                "marks as running here (`tenon compile` makes code for others)"));
}

Result<Session> open(const std::string& path, const Options& options, bool use_cache) {
  if (path.ends_with(".tenon")) return load(path, /*verify_whole=*/true);
  TENON_TRY_VOID(check_runs_here(options));
  TENON_TRY_VOID(cache_limit());
  const Cache cache(path, key_of(options));
  use_cache = use_cache && options.schedules == nullptr;  // files that somebody is editing
  if (use_cache && !options.passes.verify) {
    if (const auto entry = cache.find()) {
      // An entry that another process removed or that is damaged is made anew.
      if (Result<Session> session = load(*entry, /*verify_whole=*/false)) {
        session->cached = true;
        return session;
      }
    }
  }
  const Stopwatch start;
  TENON_TRY(ImportedModel imported, read(Source::file(path), options));
  const std::vector<std::string> external = imported.external_files;
  TENON_TRY(artifact::Model model, compile(std::move(imported), options));
  Session session;
  session.compile_s = start.seconds();
  if (use_cache && cache.store(model, external)) {
    if (const auto entry = cache.find()) {
      // The stored file is mapped, and what compiling needed is given back.
      if (Result<Session> stored = load(*entry, /*verify_whole=*/false)) {
        stored->compile_s = session.compile_s;
        return stored;
      }
    }
  }
  const Stopwatch loading;
  TENON_TRY(session.model, runtime::Model::from(std::move(model)));
  session.load_s = loading.seconds();
  return session;
}

}  // namespace tenon::compiler
