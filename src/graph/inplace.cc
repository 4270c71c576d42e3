#include "graph/inplace.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/vector.h"

namespace tenon::graph {
namespace {

using namespace ir;  // NOLINT: this file speaks of nothing else

/// More stores to one result than this are not compared with each other.
constexpr size_t kMostStores = 4;

struct Loop {
  Expr var, extent;
};
struct Store {
  Expr node;
  std::vector<Loop> loops;  // that enclose it
};

/// What the kernel does with its params.
struct Uses {
  std::unordered_map<Expr, std::vector<Store>> stores;  // by buffer
  std::unordered_map<Expr, std::vector<std::pair<Expr, Expr>>>
      loads;                       // by buffer: load, store whose value it feeds
  std::unordered_set<Expr> other;  // buffers used in any other way
};

class Collector {
 public:
  explicit Collector(const Kernel& kernel) { visit(kernel.body); }
  Uses uses;

 private:
  /// Nesting is as deep as the kernel's loops.
  void visit(Expr s) {
    switch (s->op) {
      case Op::seq:
        for (Expr child : s->operands) visit(child);
        break;
      case Op::for_: {
        const ForView loop{s};
        collect(loop.extent(), nullptr);
        loops_.push_back({loop.var(), loop.extent()});
        visit(loop.body());
        loops_.pop_back();
        break;
      }
      case Op::cond:
        collect(s->operand(0), nullptr);
        for (Expr child : s->operands.subspan(1)) visit(child);
        break;
      case Op::while_:
        collect(s->operand(0), nullptr);
        repeated_ = true;  // a store below may run any number of times
        visit(s->operand(1));
        repeated_ = false;
        break;
      case Op::let:
        collect(s->operand(1), nullptr);
        visit(s->operand(2));
        break;
      case Op::store:
        store(s);
        break;
      default:
        collect(s, nullptr);  // instructions and the rest: any buffer in it is out
    }
  }

  void store(Expr s) {
    const Expr buffer = s->operand(0);
    if (AccessView{s}.lanes() > 1) {  // past the stage that this understands
      uses.other.insert(buffer);
      return collect(s, nullptr);
    }
    if (repeated_) uses.other.insert(buffer);
    uses.stores[buffer].push_back({s, loops_});
    collect(s->operand(1), s);
    for (Expr index : s->operands.subspan(2)) collect(index, nullptr);
  }

  void collect(Expr e, Expr feeds) {
    for (Expr n : post_order(std::span(&e, 1))) {
      if (n->op == Op::load && feeds != nullptr) {
        uses.loads[n->operand(0)].emplace_back(n, feeds);
      } else if (n->op != Op::store) {
        for (Expr operand : n->operands)
          if (operand->op == Op::buffer) uses.other.insert(operand);
      }
    }
  }

  std::vector<Loop> loops_;
  bool repeated_ = false;
};

/// Terms of one index: no two iterations of `loops` that appear here give the same value. Variables
/// that appear are marked in `seen`.
bool is_one_to_one(Context& c, Expr index, std::span<const Loop> loops, std::vector<bool>& seen) {
  std::vector<Expr> vars;
  for (const Loop& l : loops) vars.push_back(l.var);
  const auto linear = linear_in(c, index, vars);
  if (!linear) return false;
  std::vector<std::pair<int64_t, size_t>> terms;  // coefficient, loop
  for (size_t i = 0; i < loops.size(); ++i) {
    if (is_int(linear->coefficients[i], 0)) continue;
    const auto k = as_int(linear->coefficients[i]);
    if (!k || *k < 0 || seen[i]) return false;
    seen[i] = true;
    terms.emplace_back(*k, i);
  }
  std::sort(terms.begin(), terms.end());
  int64_t reach = 0;  // largest value of the terms so far
  for (size_t t = 0; t < terms.size(); ++t) {
    if (terms[t].first <= reach) return false;
    if (t + 1 == terms.size()) break;
    const Interval extent = bounds(loops[terms[t].second].extent);  // as in min(n, 64)
    if (extent.hi > (int64_t{1} << 31) || terms[t].first > (int64_t{1} << 31)) return false;
    reach += terms[t].first * std::max<int64_t>(extent.hi - 1, 0);
  }
  return true;
}

bool all_seen(std::span<const Loop> loops, const std::vector<bool>& seen) {
  for (size_t i = 0; i < loops.size(); ++i)
    if (!seen[i] && !is_int(loops[i].extent, 1)) return false;
  return true;
}

Assumptions known_of(std::span<const Loop> loops) {
  Assumptions known;
  for (const Loop& l : loops) known.below(l.var, l.extent);
  return known;
}

Expr flat_index(Context& c, Expr buffer, std::span<const Expr> indices) {
  Expr at = c.i64(0);
  for (size_t d = 0; d < indices.size(); ++d)
    at = add(c, mul(c, at, buffer->shape()[d]), indices[d]);
  return at;
}

/// Each iteration stores an element of its own.
bool stores_once(Context& c, const Store& s) {
  const auto indices = s.node->operands.subspan(2);
  std::vector<bool> seen(s.loops.size(), false);
  bool ok = true;
  for (Expr index : indices) ok = ok && is_one_to_one(c, index, s.loops, seen);
  if (ok && all_seen(s.loops, seen)) return true;
  const Expr flat = simplify(c, flat_index(c, s.node->operand(0), indices), known_of(s.loops));
  seen.assign(s.loops.size(), false);
  return is_one_to_one(c, flat, s.loops, seen) && all_seen(s.loops, seen);
}

std::optional<SymbolicRange> range_of(Context& c, const Store& s) {
  std::vector<Expr> vars;
  for (const Loop& l : s.loops) vars.push_back(l.var);
  const Assumptions known = known_of(s.loops);
  const Expr flat =
      simplify(c, flat_index(c, s.node->operand(0), s.node->operands.subspan(2)), known);
  return range_over(c, flat, vars, known);
}

/// No element is stored by both.
bool are_disjoint(Context& c, const Store& a, const Store& b) {
  const auto x = range_of(c, a);
  const auto y = range_of(c, b);
  return x && y && (prove(c, lt(c, x->hi, y->lo)) || prove(c, lt(c, y->hi, x->lo)));
}

class Finder {
 public:
  explicit Finder(const Kernel& kernel)
      : kernel_(kernel), c_(*kernel.context), uses_(Collector(kernel).uses) {}

  std::vector<InPlacePair> run() {
    std::vector<InPlacePair> pairs;
    for (size_t out = 0; out < kernel_.params.size(); ++out) {
      if (kernel_.params[out].role != ParamRole::out) continue;
      std::optional<bool> clean;  // asked once an input matches
      for (size_t in = 0; in < kernel_.params.size(); ++in) {
        if (kernel_.params[in].role != ParamRole::in || !matches(buffer(out), buffer(in))) continue;
        if (!clean) clean = stores_each_element_once(buffer(out));
        if (*clean) pairs.push_back({out, in});
      }
    }
    return pairs;
  }

 private:
  Expr buffer(size_t param) const { return kernel_.params[param].buffer; }

  /// Same layout, and every load of `in` stands in the statement that stores the same element of
  /// `out`.
  bool matches(Expr out, Expr in) const {
    if (info(out->dtype()).bytes != info(in->dtype()).bytes || out->shape() != in->shape())
      return false;
    if (uses_.other.contains(in) || uses_.other.contains(out)) return false;
    if (uses_.loads.contains(out) || uses_.stores.contains(in)) return false;
    const auto loads = uses_.loads.find(in);
    if (loads == uses_.loads.end()) return false;
    for (const auto& [load, store] : loads->second) {
      const auto from = load->operands.subspan(1);
      const auto to = store->operands.subspan(2);
      if (store->operand(0) != out || !std::equal(from.begin(), from.end(), to.begin(), to.end()))
        return false;
    }
    return true;
  }

  bool stores_each_element_once(Expr out) {
    const auto found = uses_.stores.find(out);
    if (found == uses_.stores.end() || found->second.size() > kMostStores) return false;
    const std::vector<Store>& all = found->second;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!stores_once(c_, all[i])) return false;
      for (size_t j = 0; j < i; ++j)
        if (!are_disjoint(c_, all[i], all[j])) return false;
    }
    return true;
  }

  const Kernel& kernel_;
  Context& c_;
  const Uses uses_;
};

}  // namespace

std::vector<InPlacePair> inplace_pairs(const Kernel& kernel) { return Finder(kernel).run(); }

}  // namespace tenon::graph
