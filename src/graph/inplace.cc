#include "graph/inplace.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "ir/expr.h"
#include "ir/injective.h"
#include "ir/simplify.h"
#include "schedule/accesses.h"

namespace tenon::graph {
namespace {

using namespace ir;  // NOLINT: this file speaks of little else
using schedule::Access;
using schedule::Loop;

/// More stores to one result than this are not compared with each other.
constexpr size_t kMostStores = 4;

/// What the kernel does with its params.
struct Uses {
  std::unordered_map<Expr, std::vector<Access>> stores;  // by buffer
  std::unordered_map<Expr, std::vector<std::pair<Expr, Expr>>>
      loads;                       // by buffer: load, store whose value it feeds
  std::unordered_set<Expr> other;  // buffers used in any other way
};

/// A store in a while loop may run any number of times.
bool is_repeated(const Access& a) {
  return std::ranges::any_of(a.site.path, [](const Step& s) { return s.parent->op == Op::while_; });
}

Uses uses_of(const Kernel& kernel) {
  Uses uses;
  for (Access& a : schedule::accesses(*kernel.context, kernel.body)) {
    const Expr s = a.site.node;
    if (s->op != Op::store || !a.exact || (a.write ? is_repeated(a) : a.operand != 1)) {
      uses.other.insert(a.buffer);
    } else if (a.write) {
      uses.stores[a.buffer].push_back(std::move(a));
    } else {
      uses.loads[a.buffer].emplace_back(a.node, s);
    }
  }
  return uses;
}

Expr flat_index(Context& c, const Access& a) {
  return simplify(c, offset_of(c, a.buffer->shape(), a.indices), assume_loops({}, a));
}

/// Each iteration stores an element of its own.
bool stores_once(Context& c, const Access& s) {
  std::vector<Expr> vars, extents;
  for (const Loop& l : s.loops) {
    vars.push_back(l.var);
    extents.push_back(l.extent);
  }
  const Expr flat = flat_index(c, s);
  return is_injective(c, s.indices, vars, extents) ||
         is_injective(c, std::span(&flat, 1), vars, extents);
}

std::optional<SymbolicRange> range_of(Context& c, const Access& s) {
  std::vector<Expr> vars;
  for (const Loop& l : s.loops) vars.push_back(l.var);
  return range_over(c, flat_index(c, s), vars, assume_loops({}, s));
}

/// No element is stored by both.
bool are_disjoint(Context& c, const Access& a, const Access& b) {
  const auto x = range_of(c, a);
  const auto y = range_of(c, b);
  return x && y && (prove(c, lt(c, x->hi, y->lo)) || prove(c, lt(c, y->hi, x->lo)));
}

class Finder {
 public:
  explicit Finder(const Kernel& kernel)
      : kernel_(kernel), c_(*kernel.context), uses_(uses_of(kernel)) {}

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
    if (info(out->dtype()).element_bytes != info(in->dtype()).element_bytes ||
        out->shape() != in->shape())
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
    const std::vector<Access>& all = found->second;
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
