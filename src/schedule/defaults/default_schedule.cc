// The default schedule: the kernel's anchor decides which one is tried first; where a primitive
// refuses, a plainer one follows, last each block by itself.
#include "ir/rewrite.h"
#include "ir/statement.h"
#include "schedule/attach.h"
#include "schedule/defaults/defaults.h"
#include "schedule/program.h"
#include "schedule/space.h"

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

/// Loops outside of blocks (scans, sorts, scatters): the outermost ones that may run in parallel
/// do.
void parallelize_bare(Schedule& s) {
  const Expr body = s.program()->body;
  for (Expr statement : in_sequence(body)) {
    if (statement->op != Op::for_ || ForView{statement}.kind() != "serial") continue;
    bool has_block = false;
    for (Expr n : post_order(std::span(&statement, 1))) has_block = has_block || n->op == Op::block;
    if (!has_block) (void)s.parallel(ForView{statement}.var()->string_attr(Key::name)).has_value();
  }
}

/// A block that is not one store: its leading output axes run in parallel.
Status parallelize_block(Schedule& s, const Target& t, const BlockOutline& info) {
  std::vector<LoopInfo> leading;
  for (const LoopInfo& l : info.loops) {
    if (l.reduction) break;
    leading.push_back(l);
  }
  if (leading.empty()) return {};
  // An element of such a block is several statements: four.
  const auto work = total(info.loops);
  TENON_TRY(const bool wanted,
            t.yes(s, info.name + ".parallel", !work || *work >= t.cost.task_elements() / 4));
  if (!wanted) return {};
  // A row of elements stays a loop: its index is divided once, not for each element; over 64 of
  // them the division costs less than they do.
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
    (void)try_one(s, t,
                  {"plain", name, "",
                   [&](Schedule& x) {
                     if (!info->simple) return parallelize_block(x, t, *info);
                     return info->is_update ? schedule_reduce(x, t, name)
                                            : schedule_map(x, t, name, 0, true);
                   }})
        .has_value();
  }
  return {};
}

namespace {

/// What may schedule the kernel, in the order of preference.
std::vector<Attempt> sketches(const Schedule& s, const Target& t) {
  std::vector<Attempt> attempts;
  bool rows = false, any_update = false;
  std::string last_update;
  const std::vector<BlockOutline> blocks = outline(*s.program());
  if (is_attention(s))
    attempts.push_back(
        {"attention", "", "attention", [&t](Schedule& x) { return schedule_attention(x, t); }});
  for (const BlockOutline& each : blocks) {
    if (!each.simple || !each.is_update) continue;
    const BlockInfo b = describe(*s.program(), each);
    const std::string name = b.name;
    const auto anchored = [&](const std::string& kind, auto schedule) {
      attempts.push_back({kind, name, name + "." + kind,
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
    attempts.push_back(
        {"rows", last_update, "rows", [&t](Schedule& x) { return schedule_rows(x, t); }});
  if (any_update)
    attempts.push_back({"reduction", last_update, "reduction", [&t, last_update](Schedule& x) {
                          return schedule_reduction(x, t, last_update);
                        }});
  // A kernel without reductions is what the plain nests are for: there it is no last resort.
  const std::string plain = any_update ? "plain" : "map";
  attempts.push_back({plain, "", plain, [&t](Schedule& x) {
                        inline_producers(x);
                        return schedule_plain(x, t);
                      }});
  return attempts;
}

}  // namespace
}  // namespace defaults

Result<Choice> realize(const Program& program, const machine::Machine& machine,
                       const Sampler& sampler) {
  using namespace defaults;  // NOLINT
  Schedule s = Schedule::canonical(program);
  const Program definition = primitives::canonical(program);
  std::vector<Refusal> refusals;
  const machine::Cost cost(machine);
  const Target t{machine, cost, sampler, refusals};
  const std::vector<Attempt> attempts = sketches(s, t);
  TENON_TRY(const Attempt* const done, first_of(s, t, "sketch", attempts));
  parallelize_bare(s);
  return Choice{s.program(), definition,          Origin::standard, done->name,
                {},          std::move(refusals), s.decisions()};
}

Result<Choice> default_schedule(const Program& program, const machine::Machine& machine) {
  return realize(program, machine, prefer());
}

bool streams(const Program& program, const machine::Machine& machine) {
  const Result<Choice> choice = default_schedule(program, machine);
  return choice && choice->name == "attention";
}

}  // namespace tenon::schedule
