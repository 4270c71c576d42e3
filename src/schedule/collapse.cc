#include "schedule/collapse.h"

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/statement.h"
#include "ir/vector.h"

namespace tenon::schedule {
namespace {
using namespace ir;  // NOLINT

/// A block with one plain loop an iterator, or (name empty) a statement that stays as it is.
struct Nest {
  std::string name, note;
  struct Axis {
    Expr iter, loop, extent;
    char kind;
  };
  std::vector<Axis> axes;
  Expr predicate = nullptr, body = nullptr;
};

std::optional<Nest> read_nest(Expr s) {
  Nest nest;
  std::vector<ForView> loops;
  while (s->op == Op::for_) {
    if (ForView{s}.kind() != "serial" || !ForView{s}.note().empty()) return std::nullopt;
    loops.push_back({s});
    s = ForView{s}.body();
  }
  if (s->op != Op::block) return std::nullopt;
  const BlockView view{s};
  const std::vector<BlockIter> iters = view.iters();
  if (iters.size() != loops.size()) return std::nullopt;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (iters[i].binding != loops[i].var()) return std::nullopt;
    nest.axes.push_back({iters[i].var, loops[i].var(), loops[i].extent(), iters[i].kind});
  }
  nest.name = view.name();
  nest.note = std::string(s->string_attr_or(Key::note, ""));
  nest.predicate = view.predicate();
  nest.body = view.body();
  // Statements of their own inside the block may do anything with its iterators.
  if (nest.body->op != Op::store && nest.body->op != Op::update) return std::nullopt;
  return nest;
}

Expr write_nest(Context& c, const Nest& nest) {
  std::vector<BlockIter> iters;
  for (const Nest::Axis& a : nest.axes) iters.push_back({a.iter, a.loop, a.kind});
  Expr s = block(c, nest.name, iters, nest.predicate, nest.body, nest.note);
  for (size_t i = nest.axes.size(); i-- > 0;)
    s = for_loop(c, nest.axes[i].loop, nest.axes[i].extent, s);
  return s;
}

size_t first_index(Expr access) {
  return access->operands.size() - AccessView{access}.indices().size();
}
bool is_access(Expr n) { return n->op == Op::load || n->op == Op::store || n->op == Op::update; }

class Collapse {
 public:
  explicit Collapse(Kernel& kernel) : kernel_(kernel), c_(*kernel.context) {}

  void run() {
    for (Expr s : in_sequence(kernel_.body)) {
      if (auto nest = read_nest(s)) {
        nests_.push_back(std::move(*nest));
      } else {
        for (Expr n : post_order(std::span(&s, 1)))
          if (n->op == Op::buffer) frozen_.insert(n);
        nests_.emplace_back();
        nests_.back().body = s;
      }
    }
    drop_unit_axes();
    while (merge_once()) {
    }
    std::vector<Expr> out;
    for (const Nest& n : nests_) out.push_back(n.name.empty() ? n.body : write_nest(c_, n));
    kernel_.body = seq(c_, out);
  }

 private:
  /// Rewrites every access of the buffers in `images`; `reindex` gives the indices in the new
  /// buffer.
  void rewrite(
      const std::unordered_map<Expr, Expr>& images,
      const std::function<std::vector<Expr>(Expr buffer, std::span<const Expr>)>& reindex) {
    for (Nest& nest : nests_) {
      if (nest.name.empty()) continue;
      nest.body = rewrite_bottom_up(c_, nest.body, [&](Expr n) -> Expr {
        if (!is_access(n)) return nullptr;
        const auto found = images.find(n->operand(0));
        if (found == images.end()) return nullptr;
        const size_t first = first_index(n);
        const std::vector<Expr> at = reindex(n->operand(0), n->operands.subspan(first));
        std::vector<Expr> operands{found->second};
        operands.insert(operands.end(), n->operands.begin() + 1,
                        n->operands.begin() + static_cast<ptrdiff_t>(first));
        operands.insert(operands.end(), at.begin(), at.end());
        return c_.rebuild(n, n->type, operands);
      });
    }
    for (KernelParam& p : kernel_.params) replace(p, images);
    for (Expr& b : kernel_.buffers)
      if (const auto found = images.find(b); found != images.end()) b = found->second;
  }

  static void replace(KernelParam& p, const std::unordered_map<Expr, Expr>& images) {
    const auto found = images.find(p.buffer);
    if (found == images.end()) return;
    p.buffer = found->second;
    if (p.role != ParamRole::constant) return;
    p.logical.clear();
    for (Expr e : p.buffer->shape()) p.logical.push_back(as_int(e).value_or(0));
  }

  std::vector<Expr> all_buffers() const {
    std::vector<Expr> all;
    for (const KernelParam& p : kernel_.params)
      if (p.packing.empty()) all.push_back(p.buffer);
    all.insert(all.end(), kernel_.buffers.begin(), kernel_.buffers.end());
    return all;
  }

  Expr reshaped(Expr buffer, const std::vector<Expr>& shape) {
    return c_.buffer(buffer->string_attr(Key::name),
                     c_.tensor(buffer->dtype(), shape, buffer->type->scope));
  }

  void drop_unit_axes() {
    for (Nest& nest : nests_) {
      Map zero;
      std::erase_if(nest.axes, [&](const Nest::Axis& a) {
        if (!is_int(a.extent, 1)) return false;
        zero[a.iter] = c_.i64(0);
        zero[a.loop] = c_.i64(0);
        return true;
      });
      if (zero.empty()) continue;
      nest.predicate = substitute(c_, nest.predicate, zero);
      nest.body = substitute(c_, nest.body, zero);
    }
    std::unordered_map<Expr, Expr> images;
    for (Expr b : all_buffers()) {
      if (frozen_.contains(b)) continue;
      std::vector<Expr> kept;
      for (Expr e : b->shape())
        if (!is_int(e, 1)) kept.push_back(e);
      if (kept.size() != b->shape().size()) images[b] = reshaped(b, kept);
    }
    rewrite(images, [](Expr buffer, std::span<const Expr> at) {
      std::vector<Expr> kept;
      for (size_t d = 0; d < at.size(); ++d)
        if (!is_int(buffer->shape()[d], 1)) kept.push_back(at[d]);
      return kept;
    });
  }

  using BufferPair = std::pair<Expr, size_t>;  // axes d and d + 1
  using NestPair = std::pair<size_t, size_t>;  // nest, iterators i and i + 1

  struct Before {
    bool operator()(const BufferPair& a, const BufferPair& b) const {
      return a.first->id != b.first->id ? a.first->id < b.first->id : a.second < b.second;
    }
  };

  /// Where the accesses of a nest use a pair of its iterators as neighbouring whole axes of a
  /// buffer.
  struct Uses {
    std::map<NestPair, std::vector<BufferPair>> of_nest;
    std::map<BufferPair, std::vector<NestPair>, Before> of_buffer;
    std::set<NestPair> bad_nests;
    std::set<BufferPair, Before> bad_buffers;
  };

  void scan(size_t at, Uses& uses) {
    const Nest& nest = nests_[at];
    std::unordered_map<Expr, size_t> position;
    for (size_t i = 0; i < nest.axes.size(); ++i) position[nest.axes[i].iter] = i;
    const auto spoil = [&](Expr var) {
      const auto found = position.find(var);
      if (found == position.end()) return;
      uses.bad_nests.insert({at, found->second});
      if (found->second > 0) uses.bad_nests.insert({at, found->second - 1});
    };
    for (size_t i = 0; i + 1 < nest.axes.size(); ++i)
      if (nest.axes[i].kind != nest.axes[i + 1].kind) uses.bad_nests.insert({at, i});
    const std::vector<Expr> roots{nest.predicate, nest.body};
    for (Expr n : post_order(roots)) {
      const size_t first = is_access(n) ? first_index(n) : n->operands.size();
      for (size_t i = 0; i < std::min(first, n->operands.size()); ++i) spoil(n->operand(i));
      if (!is_access(n)) continue;
      scan_access(at, nest, position, n->operand(0), n->operands.subspan(first), uses);
    }
    if (position.contains(nest.predicate)) spoil(nest.predicate);
  }

  void scan_access(size_t at, const Nest& nest, const std::unordered_map<Expr, size_t>& position,
                   Expr buffer, std::span<const Expr> indices, Uses& uses) {
    std::set<size_t> left, right;  // iterators that stand as first or second of a pair here
    const auto axis = [&](size_t d) -> std::optional<size_t> {
      const auto found = position.find(indices[d]);
      if (found == position.end() || nest.axes[found->second].extent != buffer->shape()[d])
        return std::nullopt;
      return found->second;
    };
    for (size_t d = 0; d + 1 < indices.size(); ++d) {
      const auto i = axis(d), j = axis(d + 1);
      if (!i || !j || *j != *i + 1) {
        uses.bad_buffers.insert({buffer, d});
        continue;
      }
      uses.of_nest[{at, *i}].emplace_back(buffer, d);
      uses.of_buffer[{buffer, d}].emplace_back(at, *i);
      left.insert(*i);
      right.insert(*j);
    }
    // An iterator that is here without its neighbour cannot be merged with it.
    for (size_t d = 0; d < indices.size(); ++d) {
      for (Expr n : post_order(std::span(&indices[d], 1))) {
        const auto found = position.find(n);
        if (found == position.end()) continue;
        const size_t i = found->second;
        const bool plain = n == indices[d];
        if (!plain || !left.contains(i)) uses.bad_nests.insert({at, i});
        if (i > 0 && (!plain || !right.contains(i))) uses.bad_nests.insert({at, i - 1});
      }
    }
  }

  bool merge_once() {
    Uses uses;
    for (size_t n = 0; n < nests_.size(); ++n)
      if (!nests_[n].name.empty()) scan(n, uses);
    for (Expr b : all_buffers())
      if (frozen_.contains(b))
        for (size_t d = 0; d + 1 < b->shape().size(); ++d) uses.bad_buffers.insert({b, d});
    for (const KernelParam& p : kernel_.params)
      if (!p.packing.empty())
        for (size_t d = 0; d + 1 < p.buffer->shape().size(); ++d)
          uses.bad_buffers.insert({p.buffer, d});
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [pair, buffers] : uses.of_nest)
        for (const BufferPair& b : buffers) {
          const bool bad_nest = uses.bad_nests.contains(pair),
                     bad_buffer = uses.bad_buffers.contains(b);
          if (bad_nest && !bad_buffer) changed = uses.bad_buffers.insert(b).second || changed;
          if (bad_buffer && !bad_nest) changed = uses.bad_nests.insert(pair).second || changed;
        }
    }
    for (const auto& [pair, buffers] : uses.of_nest) {
      if (uses.bad_nests.contains(pair) || buffers.empty()) continue;
      merge(uses, pair);
      return true;
    }
    return false;
  }

  /// Merges everything connected with the pair; an iterator or axis takes part in one merge at a
  /// time.
  void merge(const Uses& uses, NestPair start) {
    std::set<NestPair> nests{start};
    std::set<BufferPair, Before> buffers;
    std::vector<NestPair> work{start};
    while (!work.empty()) {
      const NestPair pair = work.back();
      work.pop_back();
      for (const BufferPair& b : uses.of_nest.at(pair)) {
        if (!buffers.insert(b).second) continue;
        for (const NestPair& next : uses.of_buffer.at(b))
          if (nests.insert(next).second) work.push_back(next);
      }
    }
    std::unordered_map<Expr, Expr> images;
    std::unordered_map<Expr, std::set<size_t>> merged;
    for (const auto& [b, d] : buffers) merged[b].insert(d);
    for (const auto& [b, at] : merged) {
      std::vector<Expr> shape;
      for (size_t d = 0; d < b->shape().size(); ++d) {
        if (d > 0 && at.contains(d - 1)) {
          shape.back() = mul(c_, shape.back(), b->shape()[d]);
        } else {
          shape.push_back(b->shape()[d]);
        }
      }
      images[b] = reshaped(b, shape);
    }
    rewrite(images, [&](Expr buffer, std::span<const Expr> at) {
      std::vector<Expr> kept;
      for (size_t d = 0; d < at.size(); ++d)
        if (d == 0 || !merged.at(buffer).contains(d - 1)) kept.push_back(at[d]);
      return kept;
    });
    // From the back, so that positions stay valid.
    for (auto it = nests.rbegin(); it != nests.rend(); ++it) {
      std::vector<Nest::Axis>& axes = nests_[it->first].axes;
      axes[it->second].extent = mul(c_, axes[it->second].extent, axes[it->second + 1].extent);
      axes.erase(axes.begin() + static_cast<ptrdiff_t>(it->second) + 1);
    }
  }

  Kernel& kernel_;
  Context& c_;
  std::vector<Nest> nests_;
  std::unordered_set<Expr> frozen_;
};

}  // namespace

void collapse_axes(Kernel& kernel) {
  if (kernel.trace.empty()) Collapse(kernel).run();
}

Program collapse_axes(Program program) {
  auto out = std::make_shared<Kernel>(*program);
  collapse_axes(*out);
  return out;
}

}  // namespace tenon::schedule
