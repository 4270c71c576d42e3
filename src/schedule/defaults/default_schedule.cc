// The default schedule: the kernel's anchor decides which one is tried first; where a primitive
// refuses, a plainer one follows, last each block by itself.
#include "ir/rewrite.h"
#include "schedule/attach.h"
#include "schedule/defaults/defaults.h"
#include "schedule/program.h"

namespace tenon::schedule {
namespace defaults {
namespace {
using namespace ir;  // NOLINT

/// True if the reduction loops stand behind all others.
bool reduces_trailing(const BlockOutline& b) {
  bool seen = false;
  for (const LoopInfo& l : b.loops) {
    if (seen && !l.reduction) return false;
    seen = seen || l.reduction;
  }
  return !b.spatial().empty();
}

/// What fusion was told of the block's place (attach.h).
bool placed_in_rows(const BlockOutline& b) {
  return primitives::note_value(b.node->string_attr_or(Key::note, ""), "place") == name(Place::row);
}

struct Attempt {
  std::string name, block;
  std::function<Status(Schedule&)> run;
};

/// The schedule after the attempt, or as it was: then the refusal is noted.
Status try_one(Schedule& s, const Target& t, const Attempt& attempt) {
  Schedule copy = s;
  Status done = attempt.run(copy);
  if (done) {
    s = copy;
  } else {
    t.refusals.push_back({attempt.name, attempt.block, done.error().diagnostics[0].message});
  }
  return done;
}

/// Loops outside of blocks (scans, sorts, scatters): the outermost ones that may run in parallel
/// do.
void parallelize_bare(Schedule& s) {
  const Expr body = s.program()->body;
  const std::span<const Expr> all =
      body->op == Op::seq ? body->operands : std::span<const Expr>(&body, 1);
  for (Expr statement : std::vector<Expr>(all.begin(), all.end())) {
    if (statement->op != Op::for_ || ForView{statement}.kind() != "serial") continue;
    bool has_block = false;
    for (Expr n : post_order(std::span(&statement, 1))) has_block = has_block || n->op == Op::block;
    if (!has_block) (void)s.parallel(ForView{statement}.var()->string_attr(Key::name)).has_value();
  }
}

/// A block that is not one store: its leading output axes run in parallel.
Status parallelize_block(Schedule& s, const BlockOutline& info) {
  std::vector<LoopInfo> leading;
  for (const LoopInfo& l : info.loops) {
    if (l.reduction) break;
    leading.push_back(l);
  }
  const auto work = total(info.loops);
  if (leading.empty() || (work && *work < kTaskElements / 4)) return {};
  // A row of elements stays a loop: its index is divided once, not for each element.
  constexpr int64_t kRow = 64;
  for (int64_t row = 1; row < kRow && leading.size() > 1; leading.pop_back())
    row *= leading.back().count().value_or(kRow);
  TENON_TRY(const std::string all, fuse_all(s, names(leading)));
  return s.parallel(all);
}

}  // namespace

Status schedule_plain(Schedule& s, const Target& t) {
  for (const std::string& name : s.blocks()) {
    const auto info = describe(*s.program(), name);
    if (!info) continue;
    if (!info->simple) {
      (void)try_one(s, t, {"plain", name, [&](Schedule& x) { return parallelize_block(x, *info); }})
          .has_value();
      continue;
    }
    (void)try_one(s, t,
                  {"plain", name,
                   [&](Schedule& x) {
                     return info->is_update ? schedule_reduce(x, t, name)
                                            : schedule_map(x, t, name, 0, true);
                   }})
        .has_value();
  }
  return {};
}

}  // namespace defaults

Result<Choice> default_schedule(Program program, const machine::Machine& machine) {
  using namespace defaults;  // NOLINT
  Schedule s(std::move(program));
  std::vector<Refusal> refusals;
  const Target t{machine, refusals};
  std::vector<Attempt> attempts;
  bool rows = false, any_update = false;
  std::string last_update;
  const std::vector<BlockOutline> blocks = outline(*s.program());
  for (const BlockOutline& each : blocks) {
    if (!each.simple || !each.is_update) continue;
    const BlockInfo b = describe(*s.program(), each);
    const std::string name = b.name;
    const auto anchored = [&](std::string kind, auto schedule) {
      attempts.push_back({std::move(kind), name,
                          [name, &t, schedule](Schedule& x) { return schedule(x, t, name); }});
    };
    if (b.combine == "fma") anchored("row_product", schedule_row_product);
    if (b.value->op == Op::mul) anchored("contraction", schedule_contraction);
    const std::vector<LoopInfo> k = b.reductions();
    const bool along = !k.empty() && contiguous_in_reads(*s.program()->context, b, k.back());
    if (b.combine == "fma" || slides(b) || !along) anchored("window", schedule_window);
    rows = placed_in_rows(b) || ((rows || !any_update) && along && reduces_trailing(b));
    any_update = true;
    last_update = name;
  }
  if (rows && blocks.size() > 1)
    attempts.push_back({"rows", last_update, [&t](Schedule& x) { return schedule_rows(x, t); }});
  if (any_update)
    attempts.push_back({"reduction", last_update,
                        [&](Schedule& x) { return schedule_reduction(x, t, last_update); }});
  // A kernel without reductions is what the plain nests are for: there it is no last resort.
  attempts.push_back({any_update ? "plain" : "map", "", [&t](Schedule& x) {
                        inline_producers(x);
                        return schedule_plain(x, t);
                      }});
  Status done;
  std::string name;
  for (const Attempt& attempt : attempts) {
    name = attempt.name;
    done = try_one(s, t, attempt);
    if (done) break;
  }
  TENON_TRY_VOID(std::move(done));
  parallelize_bare(s);
  return Choice{s.program(), Origin::standard, name, {}, std::move(refusals)};
}

}  // namespace tenon::schedule
