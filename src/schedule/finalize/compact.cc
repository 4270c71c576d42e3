// Buffer compaction: an internal buffer used only inside some loops needs just the region that one
// iteration of them touches. Shape and indices change accordingly; then the scope follows: `reg`
// when every index is constant after unrolling and vectorization, `scratch` inside a parallel loop,
// `global` otherwise.
#include "machine/cost.h"
#include "schedule/finalize/regions.h"

namespace tenon::schedule::finalizing {
namespace {
using namespace ir;  // NOLINT

struct Placement {
  std::vector<Expr> base, shape;
  Scope scope = Scope::global;
};

class Compaction {
 public:
  explicit Compaction(Work& w) : w_(w), c_(w.c), sizes_(assume_extents(w.kernel)) {}

  void run(Expr buffer) {
    const std::vector<Use> all = uses_of(c_, w_.kernel.body);
    std::vector<const Use*> mine;
    for (const Use& a : all)
      if (a.buffer == buffer) mine.push_back(&a);
    if (mine.empty()) return;
    Placement p = shape_of(mine);
    p.scope = scope_of(buffer, mine, p);
    replace(buffer, p);
  }

 private:
  Placement whole(Expr buffer) {
    Placement p;
    p.shape = buffer->shape();
    p.base.assign(p.shape.size(), c_.i64(0));
    return p;
  }

  Placement shape_of(const std::vector<const Use*>& mine) {
    const Use& first = *mine.front();
    size_t outer = common_loops(mine);
    for (size_t l = 0; l < outer; ++l)
      if (ForView{first.loops[l].node}.kind() == "vector") outer = l;
    for (;; --outer) {
      const Box region = region_of(c_, mine, outer, sizes_);
      if (const auto p = place(first, region, outer, mine)) return *p;
      if (outer == 0) return whole(first.buffer);
    }
  }

  std::optional<Placement> place(const Use& first, const Box& region, size_t outer,
                                 const std::vector<const Use*>& mine) {
    Placement p = whole(first.buffer);
    Assumptions known = sizes_;
    std::unordered_set<Expr> loops;
    for (size_t l = 0; l < outer; ++l) {
      known.below(first.loops[l].var, first.loops[l].extent);
      loops.insert(first.loops[l].var);
    }
    bool moves = false;
    for (size_t d = 0; d < region.size(); ++d) {
      if (!region[d]) continue;
      const Expr extent = extent_of(*region[d], first, outer, known, loops);
      if (extent == nullptr) continue;
      const Expr full = p.shape[d];
      const auto n = as_int(extent), m = as_int(full);
      const bool tiled = in_tile(mine);
      if (!tiled && m && (!n || *n >= *m)) continue;
      if (!tiled && !n && !m && is_int(region[d]->lo, 0) && prove(c_, le(c_, full, extent), known))
        continue;
      p.shape[d] = extent;
      p.base[d] = region[d]->lo;
      moves = moves || mentions_any(p.base[d], loops);
    }
    if (moves && !written_before_read(c_, mine, outer, sizes_)) return std::nullopt;
    return p;
  }

  static bool in_tile(const std::vector<const Use*>& mine) {
    return std::any_of(mine.begin(), mine.end(), [](const Use* a) { return a->in_tile; });
  }

  /// Elements of a range as an expression over sizes, or nullptr.
  Expr extent_of(const SymbolicRange& range, const Use& first, size_t outer,
                 const Assumptions& known, const std::unordered_set<Expr>& loops) {
    Expr extent = simplify(c_, add(c_, sub(c_, range.hi, range.lo), c_.i64(1)), known);
    if (as_int(extent)) return extent;
    if (const Interval b = bounds(extent, known); b.has_hi())
      return c_.i64(std::max<int64_t>(b.hi, 0));
    if (!mentions_any(extent, loops)) return extent;
    std::vector<Expr> vars;
    for (size_t l = 0; l < outer; ++l) vars.push_back(first.loops[l].var);
    const auto over = range_over(c_, extent, vars, known);
    if (!over || mentions_any(over->hi, loops)) return nullptr;
    return simplify(c_, over->hi, sizes_);
  }

  Scope scope_of(Expr buffer, const std::vector<const Use*>& mine, const Placement& p) {
    const size_t outer = common_loops(mine);
    const bool one_launch = same_launch(mine);
    if (one_launch && may_be_registers(mine, p, buffer)) return Scope::reg;
    if (outer == 0 || ForView{mine.front()->loops[0].node}.kind() != "parallel")
      return Scope::global;
    // A launch of one iteration has no need of memory in every worker.
    const bool alone = is_int(mine.front()->loops[0].extent, 1);
    const auto count = as_int(simplify(c_, product(c_, p.shape)));
    const int64_t bytes = info(buffer->dtype()).element_bytes;
    const bool large = !count || *count > machine::Cost(w_.machine).private_bytes() / bytes;
    return alone && large ? Scope::global : Scope::scratch;
  }

  bool same_launch(const std::vector<const Use*>& mine) const {
    if (w_.kernel.body->op != Op::seq) return true;
    for (const Use* a : mine)
      if (a->site.path[0] != mine[0]->site.path[0]) return false;
    return true;
  }

  bool may_be_registers(const std::vector<const Use*>& mine, const Placement& p, Expr buffer) {
    int64_t count = info(buffer->dtype()).element_bytes;
    for (Expr e : p.shape) {
      const auto n = as_int(e);
      if (!n) return false;
      count *= std::max<int64_t>(*n, 1);
    }
    // What is asked for by name may spill, as long as half of it stays.
    const int64_t file = w_.machine.register_file_bytes();
    if (count > (buffer->type->scope == Scope::reg ? 2 * file : file)) return false;
    for (const Use* a : mine)
      if (!a->fixed || !constant_after_unrolling(*a, p)) return false;
    return true;
  }

  /// True if the element is fixed but for the lane once unroll and vector loops are gone.
  bool constant_after_unrolling(const Use& a, const Placement& p) {
    const Assumptions known = assume_loops(sizes_, a);
    std::unordered_set<Expr> fixed;
    Expr lane = nullptr;
    for (const Loop& loop : a.loops) {
      const std::string& kind = ForView{loop.node}.kind();
      if (kind == "vector") lane = loop.var;
      if (kind == "vector" || kind == "unroll") fixed.insert(loop.var);
    }
    std::vector<Expr> indices;
    for (size_t d = 0; d < a.indices.size(); ++d)
      indices.push_back(sub(c_, a.indices[d], p.base[d]));
    const Expr flat = simplify(c_, offset_of(c_, p.shape, indices), known);
    std::unordered_set<Expr> vars;
    collect_vars(flat, vars);
    for (Expr v : vars)
      if (!fixed.contains(v)) return false;
    if (has_load(flat)) return false;
    if (lane == nullptr || !vars.contains(lane)) return true;
    const auto linear = linear_in(c_, flat, std::span(&lane, 1));
    return linear && is_int(linear->coefficients[0], 1);
  }

  void replace(Expr buffer, const Placement& p) {
    if (p.shape == buffer->shape() && p.scope == buffer->type->scope) return;
    const Expr fresh =
        c_.buffer(buffer->string_attr(Key::name), c_.tensor(buffer->dtype(), p.shape, p.scope));
    const auto rebase = [&](std::span<const Expr> indices) {
      std::vector<Expr> out;
      for (size_t d = 0; d < indices.size(); ++d) out.push_back(sub(c_, indices[d], p.base[d]));
      return out;
    };
    w_.kernel.body = rewrite_bottom_up(c_, w_.kernel.body, [&](Expr n) -> Expr {
      if (n->op == Op::load && n->operand(0) == buffer)
        return load(c_, fresh, rebase(n->operands.subspan(1)));
      if (n->op == Op::store && n->operand(0) == buffer)
        return store(c_, fresh, n->operand(1), rebase(n->operands.subspan(2)));
      return nullptr;
    });
    for (Expr& b : w_.kernel.buffers)
      if (b == buffer) b = fresh;
  }

  Work& w_;
  Context& c_;
  Assumptions sizes_;
};

}  // namespace

void compact_buffers(Work& w) {
  Compaction pass(w);
  const std::vector<Expr> buffers = w.kernel.buffers;
  for (Expr b : buffers) pass.run(b);
}

void drop_unused_buffers(Work& w) {
  std::unordered_set<Expr> used;
  for (const Use& a : uses_of(w.c, w.kernel.body)) used.insert(a.buffer);
  std::erase_if(w.kernel.buffers, [&](Expr b) { return !used.contains(b); });
}

}  // namespace tenon::schedule::finalizing
