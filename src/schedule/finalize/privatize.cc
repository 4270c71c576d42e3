// One buffer used apart in several branches or statements (tiles of different height after
// specialize, the main part and the tail of a peeled loop) becomes one buffer for each, so that
// each is shaped by its own use.
#include <map>

#include "schedule/finalize/regions.h"

namespace tenon::schedule::finalizing {
namespace {
using namespace ir;  // NOLINT

/// Replaces the statement at `path` below s.
Expr replace_at(Context& c, Expr s, std::span<const Step> path,
                const std::function<Expr(Expr)>& f) {
  if (path.empty()) return f(s);
  const size_t at = path[0].child;
  std::vector<Expr> operands(s->operands.begin(), s->operands.end());
  operands[at] = replace_at(c, operands[at], path.subspan(1), f);
  return c.rebuild(s, s->type, operands);
}

/// Splits the buffer once; the new buffers, or none.
std::vector<Expr> split_once(Work& w, Expr buffer, const Assumptions& sizes) {
  const std::vector<Use> all = uses_of(w.c, w.kernel.body);
  std::vector<const Use*> mine;
  for (const Use& a : all)
    if (a.buffer == buffer) mine.push_back(&a);
  if (mine.size() < 2) return {};
  const std::span<const Step> path = common_path(mine);
  std::map<size_t, std::vector<const Use*>> groups;
  for (const Use* a : mine) {
    if (a->site.path.size() == path.size()) return {};
    groups[a->site.path[path.size()].child].push_back(a);
  }
  if (groups.size() < 2) return {};
  const size_t outer = common_loops(mine);
  for (const auto& [child, uses] : groups)
    if (!written_before_read(w.c, uses, outer, sizes)) return {};
  std::vector<Expr> fresh;
  w.kernel.body = replace_at(w.c, w.kernel.body, path, [&](Expr s) {
    std::vector<Expr> operands(s->operands.begin(), s->operands.end());
    bool first = true;
    for (const auto& [child, uses] : groups) {
      if (!std::exchange(first, false)) {
        fresh.push_back(w.c.buffer(buffer->string_attr(Key::name), buffer->type));
        operands[child] = substitute(w.c, operands[child], {{buffer, fresh.back()}});
      }
    }
    return w.c.rebuild(s, s->type, operands);
  });
  return fresh;
}

}  // namespace

void privatize_buffers(Work& w) {
  const Assumptions sizes = assume_extents(w.kernel);
  for (size_t i = 0; i < w.kernel.buffers.size(); ++i) {
    for (;;) {
      const std::vector<Expr> fresh = split_once(w, w.kernel.buffers[i], sizes);
      if (fresh.empty()) break;
      w.kernel.buffers.insert(w.kernel.buffers.end(), fresh.begin(), fresh.end());
    }
  }
}

}  // namespace tenon::schedule::finalizing
