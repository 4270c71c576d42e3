#include "graph/fuse.h"

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "graph/lower.h"
#include "ir/expr.h"
#include "ir/node_map.h"
#include "ir/rewrite.h"
#include "ops/op.h"
#include "ops/walk.h"
#include "support/check.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

constexpr int kNone = -1;
constexpr size_t kSearchLimit = 256;  // groups visited by one cycle check before it refuses

enum class GroupKind : uint8_t {
  pointwise,  // elementwise, broadcast, injective
  rows,       // reductions over trailing axes and pointwise work on the same leading axes
  anchored,   // contraction, window or another reduction, with a pointwise epilogue
  single,     // joins nothing
};

/// Broadcast and iota cost nothing inside a kernel: each group that reads one holds its own copy.
bool is_free(Expr n) { return n->op == Op::broadcast || n->op == Op::iota; }

bool is_heavy(Op op) { return info(op).cost >= kSlowCost; }

/// Leading axes of a reduction that it leaves alone, when it reduces exactly the axes behind them;
/// kNone otherwise.
int kept_prefix(Expr n) {
  if (n->op != Op::reduce) return kNone;
  std::vector<int64_t> axes = n->ints_attr(Key::axes);
  std::sort(axes.begin(), axes.end());
  const int rank = n->operand(0)->rank();
  const int prefix = rank - static_cast<int>(axes.size());
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != prefix + static_cast<int64_t>(i)) return kNone;
  return axes.empty() ? kNone : prefix;
}

class Fusion {
 public:
  Fusion(const Function& f, const FusionOptions& options) : options_(options) {
    // What binds a variable comes before what reads it.
    std::vector<Expr> roots;
    for (const Binding& b : f.bindings) {
      roots.push_back(b.tensor);
      bound_.emplace(b.var, b.tensor);
    }
    roots.insert(roots.end(), f.results.begin(), f.results.end());
    order_ = ops::value_order(roots);
    for (size_t i = 0; i < order_.size(); ++i) index_[order_[i]] = i;
    for (Expr n : order_)
      for (Expr operand : ops::value_operands(n)) users_[operand].push_back(n);
    for (Expr r : roots) needed_.insert(r);
  }

  std::vector<Group> run() {
    find_stored_free();
    for (Expr n : order_)
      if (is_computed(n) && !is_free(n)) place(n);
    for (Expr n : order_)
      if (stored_free_.contains(n)) start(n);
    return collect();
  }

 private:
  struct State {
    GroupKind kind = GroupKind::single;
    std::vector<Expr> nodes;
    std::vector<Expr> domain;  // extents of the loops that everything shares
    int rows = kNone;          // of kind rows: number of leading axes
    bool heavy = false;
    bool dead = false;  // merged into another
    size_t first = 0;   // smallest topological index
    size_t last = 0;    // largest
  };

  /// Values that have to be there before `n`: its operands, and for extents as values the tensors
  /// that bind their variables.
  std::vector<Expr> inputs(Expr n) const {
    if (n->op != Op::from_scalars) return {n->operands.begin(), n->operands.end()};
    std::vector<Expr> all;
    for (Expr e : post_order(n->operands))
      if (const auto found = bound_.find(e); found != bound_.end()) all.push_back(found->second);
    return all;
  }

  int group_of(Expr n) const {
    const int* found = group_.find(n);
    return found == nullptr ? kNone : *found;
  }

  /// Groups that must run before the value of `n` is there, looking through free and structural
  /// nodes.
  void producers(Expr n, std::vector<int>& out) const {
    std::vector<Expr> stack{n};
    size_t steps = 0;
    while (!stack.empty()) {
      const Expr e = stack.back();
      stack.pop_back();
      if (const int g = group_of(e); g != kNone) {
        if (std::find(out.begin(), out.end(), g) == out.end()) out.push_back(g);
        continue;
      }
      if (++steps > kSearchLimit) return out.push_back(kNone);
      for (Expr operand : inputs(e)) stack.push_back(operand);
    }
  }

  std::vector<int> producers_of_group(const State& g) const {
    std::vector<int> out;
    for (Expr n : g.nodes)
      for (Expr operand : n->operands) producers(operand, out);
    return out;
  }

  /// May `from` depend on `target`, directly or not? Errs on the side of yes.
  bool reaches(int from, int target) const {
    if (from == kNone) return true;
    std::vector<int> stack{from};
    std::unordered_set<int> seen{from};
    while (!stack.empty()) {
      const int g = stack.back();
      stack.pop_back();
      if (g == target || g == kNone) return true;
      const State& state = groups_[static_cast<size_t>(g)];
      if (state.last < groups_[static_cast<size_t>(target)].first) continue;
      if (seen.size() > kSearchLimit) return true;
      for (int p : producers_of_group(state))
        if (p != g && seen.insert(p).second) stack.push_back(p);
    }
    return false;
  }

  /// Does any of `others` need `target` to run first?
  bool would_cycle(std::span<const int> others, int target, int except = kNone - 1) const {
    return std::any_of(others.begin(), others.end(),
                       [&](int o) { return o != target && o != except && reaches(o, target); });
  }

  /// Does the node read a value of the group through structure (a reshape)? Such a value has to be
  /// in memory before the kernel starts, so the two cannot share it.
  bool reads_through_structure(Expr n, int g) const {
    std::vector<Expr> stack(n->operands.begin(), n->operands.end());
    while (!stack.empty()) {
      const Expr e = stack.back();
      stack.pop_back();
      if (group_of(e) != kNone) continue;
      if (is_free(e)) {
        stack.insert(stack.end(), e->operands.begin(), e->operands.end());
        continue;
      }
      std::vector<int> before;
      producers(e, before);
      if (std::find(before.begin(), before.end(), g) != before.end() ||
          std::find(before.begin(), before.end(), kNone) != before.end())
        return true;
    }
    return false;
  }

  /// Users that compute, looking through free nodes; empty `ok` when too many or structural.
  bool used_only_in(Expr v, int g, Expr extra) const {
    std::vector<Expr> stack{v};
    size_t steps = 0;
    while (!stack.empty()) {
      const Expr e = stack.back();
      stack.pop_back();
      if (needed_.contains(e)) return false;
      const auto* found = users_.find(e);
      if (found == nullptr) continue;
      for (Expr u : *found) {
        if (++steps > 64) return false;
        if (is_free(u)) {
          stack.push_back(u);
        } else if (u != extra && group_of(u) != g) {
          return false;
        }
      }
    }
    return true;
  }

  static bool same_prefix(const std::vector<Expr>& a, const std::vector<Expr>& b, int n) {
    if (static_cast<int>(a.size()) < n || static_cast<int>(b.size()) < n) return false;
    return std::equal(a.begin(), a.begin() + n, b.begin());
  }

  /// The operand as the group would read it: (value inside the group, broadcast dims or none).
  struct Inner {
    Expr value = nullptr;
    Expr broadcast = nullptr;
  };
  Inner inner(Expr operand, int g) const {
    if (operand->op == Op::broadcast && group_of(operand->operand(0)) == g)
      return {operand->operand(0), operand};
    if (group_of(operand) == g) return {operand, nullptr};
    return {};
  }

  static bool identity_prefix(Expr broadcast, int p) {
    const std::vector<int64_t>& dims = broadcast->ints_attr(Key::dims);
    if (static_cast<int>(dims.size()) < p) return false;
    for (int i = 0; i < p; ++i) {
      if (dims[static_cast<size_t>(i)] != i) return false;
      if (broadcast->operand(0)->shape()[static_cast<size_t>(i)] !=
          broadcast->shape()[static_cast<size_t>(i)])
        return false;
    }
    return true;
  }

  /// Could the node run in the group's row loop over its first `p` axes?
  bool fits_rows(Expr n, int g, int p, const std::vector<Expr>& domain) const {
    const bool reduction = n->op == Op::reduce;
    if (reduction ? kept_prefix(n) != p : !is_elementwise(n->op)) return false;
    if (!same_prefix(n->shape(), domain, p)) return false;
    return std::all_of(n->operands.begin(), n->operands.end(), [&](Expr operand) {
      const Inner in = inner(operand, g);
      if (in.value == nullptr) return true;
      return in.broadcast == nullptr ? in.value->rank() >= p : identity_prefix(in.broadcast, p);
    });
  }

  bool can_join_pointwise(Expr n, int g) const {
    const State& s = groups_[static_cast<size_t>(g)];
    for (Expr operand : n->operands) {
      const Inner in = inner(operand, g);
      if (in.broadcast != nullptr && s.heavy && in.value->shape() != in.broadcast->shape())
        return false;
    }
    // A value that others read too becomes an output: it must have the loops of this one.
    return std::all_of(s.nodes.begin(), s.nodes.end(),
                       [&](Expr v) { return v->shape() == n->shape() || used_only_in(v, g, n); });
  }

  bool can_join_anchored(Expr n, int g) const {
    const State& s = groups_[static_cast<size_t>(g)];
    if (!is_elementwise(n->op) || n->shape() != s.domain) return false;
    return std::all_of(n->operands.begin(), n->operands.end(),
                       [&](Expr operand) { return inner(operand, g).broadcast == nullptr; });
  }

  /// Rows that the group would have with `n` in it; kNone when it cannot be.
  int rows_with(Expr n, int g) const {
    const State& s = groups_[static_cast<size_t>(g)];
    const int p = s.kind == GroupKind::rows ? s.rows : kept_prefix(n);
    if (p == kNone || p == 0 ||
        !fits_rows(n, g, p, s.kind == GroupKind::rows ? s.domain : n->shape()))
      return kNone;
    if (s.kind == GroupKind::rows) return p;
    for (Expr v : s.nodes)
      if (!fits_rows(v, g, p, n->shape())) return kNone;
    return p;
  }

  bool try_join(Expr n, int g, std::span<const int> all) {
    State& s = groups_[static_cast<size_t>(g)];
    if (s.kind == GroupKind::single || s.nodes.size() >= options_.max_nodes) return false;
    const ops::Pattern pattern = ops::find_op(n->op)->pattern;
    const bool pointwise = pattern == ops::Pattern::elementwise ||
                           pattern == ops::Pattern::broadcast ||
                           (pattern == ops::Pattern::injective && n->op != Op::concat);
    int rows = kNone;
    if (s.kind == GroupKind::rows || (s.kind == GroupKind::pointwise && kept_prefix(n) != kNone)) {
      rows = rows_with(n, g);
      if (rows == kNone) return false;
    } else if (!pointwise || !(s.kind == GroupKind::anchored ? can_join_anchored(n, g)
                                                             : can_join_pointwise(n, g))) {
      return false;
    }
    if (would_cycle(all, g) || reads_through_structure(n, g) || reads_stored_broadcast(n, g))
      return false;
    if (rows != kNone && s.kind != GroupKind::rows) {
      s.kind = GroupKind::rows;
      s.rows = rows;
      s.domain.assign(n->shape().begin(), n->shape().begin() + rows);
    }
    if (s.kind == GroupKind::pointwise) s.domain = n->shape();
    s.nodes.push_back(n);
    s.heavy = s.heavy || is_heavy(n->op);
    s.last = *index_.find(n);
    group_[n] = g;
    return true;
  }

  /// A gather that loops over its result like pointwise work: a tap of a resize.
  static bool reads_listed_elements(Expr v, GroupKind into) {
    return v->op == Op::gather && into == GroupKind::pointwise && !ops::needs_check(v);
  }

  /// Draws another producer of `n` into the group that `n` joined, when it is pointwise on the same
  /// loops.
  void absorb(Expr n, int from, int into) {
    State& q = groups_[static_cast<size_t>(from)];
    State& s = groups_[static_cast<size_t>(into)];
    if (q.dead || q.kind != GroupKind::pointwise ||
        q.nodes.size() + s.nodes.size() > options_.max_nodes)
      return;
    for (Expr v : q.nodes) {
      const bool fits = s.kind == GroupKind::rows
                            ? fits_rows(v, from, s.rows, s.domain)
                            : (is_elementwise(v->op) || reads_listed_elements(v, s.kind)) &&
                                  v->shape() == n->shape();
      if (!fits || (s.kind == GroupKind::anchored && !used_only_in(v, from, n))) return;
    }
    const std::vector<int> mine = producers_of_group(s);
    const std::vector<int> theirs = producers_of_group(q);
    if (would_cycle(theirs, into, from) || would_cycle(mine, from, into)) return;
    const auto through = [&](const State& g, int other) {
      return std::any_of(g.nodes.begin(), g.nodes.end(), [&](Expr v) {
        return reads_through_structure(v, other) || reads_stored_broadcast(v, other);
      });
    };
    if (through(q, into) || through(s, from)) return;
    // An anchor's epilogue must not feed the anchor: it may not depend on the group at all, and the
    // group only through the epilogue.
    if (s.kind == GroupKind::anchored && (reaches(from, into) || feeds_anchor(from, s))) return;
    for (Expr v : q.nodes) group_[v] = into;
    s.nodes.insert(s.nodes.end(), q.nodes.begin(), q.nodes.end());
    std::sort(s.nodes.begin(), s.nodes.end(),
              [&](Expr a, Expr b) { return *index_.find(a) < *index_.find(b); });
    s.first = std::min(s.first, q.first);
    s.last = std::max(s.last, q.last);
    s.heavy = s.heavy || q.heavy;
    q.nodes.clear();
    q.dead = true;
  }

  bool feeds_anchor(int from, const State& s) const {
    std::vector<int> out;
    for (Expr n : s.nodes)
      if (!is_elementwise(n->op))
        for (Expr operand : n->operands) producers(operand, out);
    return std::any_of(out.begin(), out.end(),
                       [&](int g) { return g == from || reaches(g, from); });
  }

  static int rank_kind(GroupKind kind) {
    switch (kind) {
      case GroupKind::anchored:
        return 0;
      case GroupKind::rows:
        return 1;
      case GroupKind::pointwise:
        return 2;
      case GroupKind::single:
        return 3;
    }
    return 3;
  }

  void place(Expr n) {
    if (options_.enabled && can_fuse(n)) {
      std::vector<int> all;
      for (Expr operand : n->operands) producers(operand, all);
      std::vector<int> candidates;
      for (Expr operand : n->operands) {
        const Expr value = operand->op == Op::broadcast ? operand->operand(0) : operand;
        const int g = group_of(value);
        if (g != kNone && std::find(candidates.begin(), candidates.end(), g) == candidates.end())
          candidates.push_back(g);
      }
      // The latest anchor first: of two convolutions added up, the one that runs last takes the
      // sum.
      std::sort(candidates.begin(), candidates.end(), [&](int a, int b) {
        const State& x = groups_[static_cast<size_t>(a)];
        const State& y = groups_[static_cast<size_t>(b)];
        return std::pair(rank_kind(x.kind), -static_cast<int64_t>(x.last)) <
               std::pair(rank_kind(y.kind), -static_cast<int64_t>(y.last));
      });
      for (size_t i = 0; i < candidates.size(); ++i) {
        if (!try_join(n, candidates[i], all)) continue;
        for (int other : candidates)
          if (other != candidates[i]) absorb(n, other, candidates[i]);
        return;
      }
    }
    start(n);
  }

  static bool can_fuse(Expr n) {
    const ops::Pattern pattern = ops::find_op(n->op)->pattern;
    if (n->op == Op::concat || n->type->kind == TypeKind::tuple) return false;
    return pattern == ops::Pattern::elementwise || pattern == ops::Pattern::injective ||
           pattern == ops::Pattern::broadcast || kept_prefix(n) != kNone;
  }

  void start(Expr n) {
    State s;
    const ops::Pattern pattern = ops::find_op(n->op)->pattern;
    s.domain = n->type->is_tensor() ? n->shape() : std::vector<Expr>{};
    if (n->type->kind == TypeKind::tuple || n->op == Op::concat ||
        pattern == ops::Pattern::opaque) {
      s.kind = GroupKind::single;
    } else if (const int p = kept_prefix(n); p != kNone && p > 0) {
      s.kind = GroupKind::rows;
      s.rows = p;
    } else if (pattern == ops::Pattern::reduction || pattern == ops::Pattern::contraction ||
               pattern == ops::Pattern::window) {
      s.kind = GroupKind::anchored;
    } else {
      s.kind = GroupKind::pointwise;
    }
    s.nodes = {n};
    s.heavy = is_heavy(n->op);
    s.first = s.last = *index_.find(n);
    group_[n] = static_cast<int>(groups_.size());
    groups_.push_back(std::move(s));
  }

  /// A free node whose value is needed in memory (a result, an operand of structure, of an opaque
  /// operator or a contraction) gets a group; the others are copied into the groups that read them.
  void find_stored_free() {
    for (Expr n : order_) {
      if (!is_free(n)) continue;
      bool memory = needed_.contains(n);
      if (const auto* found = users_.find(n); found != nullptr)
        for (Expr u : *found) memory = memory || !reads_by_point(u);
      if (memory) stored_free_.insert(n);
    }
  }

  /// Does the node read a broadcast of a value of the group that has a group of its own? Then it
  /// comes after that one, which comes after the value.
  bool reads_stored_broadcast(Expr n, int g) const {
    return std::any_of(n->operands.begin(), n->operands.end(), [&](Expr x) {
      return x->op == Op::broadcast && stored_free_.contains(x) && group_of(x->operand(0)) == g;
    });
  }

  static bool reads_by_point(Expr user) {
    if (!is_computed(user)) return false;
    const ops::OpRow* row = ops::find_op(user->op);
    return row->pattern != ops::Pattern::opaque && row->pattern != ops::Pattern::contraction &&
           row->opaque == nullptr;
  }

  /// Free nodes that the group reads, operands first, in front of their users.
  std::vector<Expr> with_free(const State& s) const {
    std::vector<Expr> all;
    std::unordered_set<Expr> seen;
    std::vector<std::pair<Expr, bool>> stack;
    for (Expr n : s.nodes) {
      stack.emplace_back(n, false);
      while (!stack.empty()) {
        const auto [e, done] = stack.back();
        stack.pop_back();
        if (done) {
          all.push_back(e);
          continue;
        }
        if (!seen.insert(e).second) continue;
        stack.emplace_back(e, true);
        for (Expr operand : e->operands)
          if (is_free(operand) && !seen.contains(operand) &&
              (!stored_free_.contains(operand) || group_of(operand) == group_of(n)))
            stack.emplace_back(operand, false);
      }
    }
    return all;
  }

  std::vector<Group> collect() {
    std::vector<Group> result;
    std::vector<int> ids;
    for (size_t g = 0; g < groups_.size(); ++g)
      if (!groups_[g].dead) ids.push_back(static_cast<int>(g));
    // Kahn's algorithm, smallest first node first: deterministic.
    std::unordered_map<int, std::vector<int>> next;
    std::unordered_map<int, int> waiting;
    using Entry = std::pair<size_t, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (int g : ids) {
      int count = 0;
      for (int p : all_producers(groups_[static_cast<size_t>(g)])) {
        if (p == g) continue;
        next[p].push_back(g);
        ++count;
      }
      waiting[g] = count;
      if (count == 0) ready.emplace(groups_[static_cast<size_t>(g)].last, g);
    }
    while (!ready.empty()) {
      const int g = ready.top().second;
      ready.pop();
      result.push_back(finish(groups_[static_cast<size_t>(g)], g));
      for (int u : next[g])
        if (--waiting[u] == 0) ready.emplace(groups_[static_cast<size_t>(u)].last, u);
    }
    TENON_CHECK(result.size() == ids.size(), "fusion made a cycle");
    return result;
  }

  /// Like producers_of_group without a limit: every group, through structure of any depth.
  std::vector<int> all_producers(const State& s) {
    std::unordered_set<int> out;
    for (Expr n : s.nodes)
      for (Expr operand : n->operands)
        for (int g : reach_groups(operand)) out.insert(g);
    std::vector<int> sorted(out.begin(), out.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  /// Groups met first on every path upwards from `e`.
  std::vector<int> reach_groups(Expr e) const {
    std::vector<int> out;
    std::vector<Expr> stack{e};
    std::unordered_set<Expr> seen{e};
    while (!stack.empty()) {
      const Expr x = stack.back();
      stack.pop_back();
      if (const int g = group_of(x); g != kNone) {
        out.push_back(g);
        continue;
      }
      for (Expr operand : inputs(x))
        if (seen.insert(operand).second) stack.push_back(operand);
    }
    return out;
  }

  Group finish(const State& s, int id) const {
    Group g;
    g.nodes = with_free(s);
    for (Expr n : s.nodes) {
      bool outside = needed_.contains(n);
      if (const auto* found = users_.find(n); found != nullptr)
        for (Expr u : *found) outside = outside || read_outside(u, id);
      if (outside) g.outputs.push_back(n);
    }
    return g;
  }

  /// Is the user (or, through free nodes, one of their users) outside group `id`?
  bool read_outside(Expr user, int id) const {
    std::vector<Expr> stack{user};
    std::unordered_set<Expr> seen{user};
    while (!stack.empty()) {
      const Expr u = stack.back();
      stack.pop_back();
      if (!is_free(u) || stored_free_.contains(u)) {
        if (group_of(u) != id) return true;
        if (!is_free(u)) continue;
      }
      const auto* found = users_.find(u);
      if (found == nullptr) continue;
      for (Expr next : *found)
        if (seen.insert(next).second) stack.push_back(next);
    }
    return false;
  }

  FusionOptions options_;
  std::vector<Expr> order_;
  std::unordered_map<Expr, Expr> bound_;  // a variable to the tensor that gives its value
  NodeMap<size_t> index_;
  NodeMap<std::vector<Expr>> users_;
  std::unordered_set<Expr> needed_, stored_free_;
  NodeMap<int> group_;
  std::vector<State> groups_;
};

}  // namespace

std::vector<Group> find_groups(const Function& f, const FusionOptions& options) {
  return Fusion(f, options).run();
}

}  // namespace tenon::graph
