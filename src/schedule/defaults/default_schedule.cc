// The default schedule: the kernel's anchor decides which one is tried first; where a primitive
// refuses, a plainer one follows, last each block by itself.
#include "ir/rewrite.h"
#include "schedule/defaults/defaults.h"

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

using Attempt = std::function<Status(Schedule&)>;

Status first_of(Schedule& s, const std::vector<Attempt>& attempts) {
  Status last;
  for (const Attempt& attempt : attempts) {
    Schedule copy = s;
    last = attempt(copy);
    if (!last) continue;
    s = copy;
    return {};
  }
  return last;
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
      (void)first_of(s, {[&](Schedule& x) { return parallelize_block(x, *info); }}).has_value();
      continue;
    }
    const Attempt nest = [&](Schedule& x) {
      return info->is_update ? schedule_reduce(x, t, name) : schedule_map(x, t, name, 0, true);
    };
    (void)first_of(s, {nest}).has_value();
  }
  return {};
}

}  // namespace defaults

Result<Program> default_schedule(Program program, const machine::Machine& machine) {
  using namespace defaults;  // NOLINT
  Schedule s(std::move(program));
  const Target t{machine};
  std::vector<Attempt> attempts;
  bool rows = false, any_update = false;
  std::string last_update;
  const std::vector<BlockOutline> blocks = outline(*s.program());
  for (const BlockOutline& each : blocks) {
    if (!each.simple || !each.is_update) continue;
    const BlockInfo b = describe(*s.program(), each);
    const std::string name = b.name;
    if (b.combine == "fma") {
      attempts.emplace_back([name, &t](Schedule& x) { return schedule_row_product(x, t, name); });
      attempts.emplace_back([name, &t](Schedule& x) { return schedule_contraction(x, t, name); });
    }
    const std::vector<LoopInfo> k = b.reductions();
    const bool along = !k.empty() && contiguous_in_reads(*s.program()->context, b, k.back());
    if (b.combine == "fma" || slides(b) || !along)
      attempts.emplace_back([name, &t](Schedule& x) { return schedule_window(x, t, name); });
    rows = (rows || !any_update) && along && reduces_trailing(b);
    any_update = true;
    last_update = name;
  }
  if (rows && blocks.size() > 1)
    attempts.insert(attempts.end(), [&t](Schedule& x) { return schedule_rows(x, t); });
  if (any_update)
    attempts.emplace_back([&](Schedule& x) { return schedule_reduction(x, t, last_update); });
  attempts.emplace_back([&t](Schedule& x) {
    inline_producers(x);
    return schedule_plain(x, t);
  });
  TENON_TRY_VOID(first_of(s, attempts));
  parallelize_bare(s);
  return s.program();
}

}  // namespace tenon::schedule
