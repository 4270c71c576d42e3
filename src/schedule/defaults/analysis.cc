#include "schedule/defaults/analysis.h"

#include <unordered_set>

#include "ir/rewrite.h"
#include "ir/statement.h"

namespace tenon::schedule::defaults {
namespace {
using namespace ir;  // NOLINT

bool is_heavy(Op op) { return info(op).cost >= kCallCost; }

size_t value_operand(const BlockOutline& block) { return block.is_update ? 2 : 1; }

AccessInfo access(Context& c, Expr buffer, std::span<const Expr> indices,
                  const Assumptions& known) {
  AccessInfo a{buffer, {indices.begin(), indices.end()}, nullptr};
  for (Expr& index : a.indices) index = simplify(c, index, known);
  a.flat = offset_of(c, buffer->shape(), a.indices);
  if (a.indices.size() != 1 || a.flat != a.indices[0]) a.flat = simplify(c, a.flat, known);
  return a;
}

/// Nodes that only compute indices of loads.
std::unordered_set<Expr> index_nodes(Expr value) {
  std::unordered_set<Expr> outside;
  std::vector<Expr> work{value};
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (!outside.insert(e).second || e->op == Op::load) continue;
    work.insert(work.end(), e->operands.begin(), e->operands.end());
  }
  std::unordered_set<Expr> inside;
  for (Expr n : post_order(std::span(&value, 1)))
    if (!outside.contains(n)) inside.insert(n);
  return inside;
}

class Outliner {
 public:
  /// Of every block, or of the one that is named.
  Outliner(Context& c, const std::string* only) : c_(c), only_(only) {}

  std::vector<BlockOutline> all;

  void visit(Expr root) {
    visit_statements(root, [&](const Site& at) {
      if (at.node->op != Op::block) return true;
      if (only_ == nullptr || BlockView{at.node}.name() == *only_) add_block(at);
      return false;
    });
  }

 private:
  void add_block(const Site& at) {
    const BlockView view{at.node};
    BlockOutline block;
    block.name = view.name();
    block.node = at.node;
    for (const Step& step : at.path) {
      if (step.parent->op != Op::for_) continue;
      const ForView loop{step.parent};
      block.loops.push_back({loop.var()->string_attr(Key::name), loop.var(), loop.extent(), false});
    }
    Map map;
    for (const BlockIter& it : view.iters()) {
      map[it.var] = it.binding;
      if (it.kind != 'r') continue;
      for (Expr n : post_order(std::span(&it.binding, 1)))
        for (LoopInfo& loop : block.loops) loop.reduction = loop.reduction || loop.var == n;
    }
    block.body = substitute(c_, view.body(), map);
    if (block.body->op == Op::store || block.body->op == Op::update) add_value(block);
    all.push_back(std::move(block));
  }

  static void add_value(BlockOutline& block) {
    block.simple = true;
    block.is_update = block.body->op == Op::update;
    if (block.is_update) block.combine = block.body->string_attr(Key::combine);
    block.output = block.body->operand(0);
    block.value = block.body->operand(value_operand(block));
    if (block.value->op == Op::var) block.bare_vars.insert(block.value);
    const std::unordered_set<Expr> inside = index_nodes(block.value);
    for (Expr n : post_order(std::span(&block.value, 1))) {
      block.heavy += is_heavy(n->op) ? 1 : 0;
      if (n->op == Op::load) {
        block.inputs.insert(n->operand(0));
      } else if (!inside.contains(n)) {
        for (Expr operand : n->operands)
          if (operand->op == Op::var) block.bare_vars.insert(operand);
      }
    }
  }

  Context& c_;
  const std::string* only_;
};

Assumptions assume(const std::vector<LoopInfo>& loops) {
  Assumptions known;
  for (const LoopInfo& l : loops) known.below(l.var, l.extent);
  return known;
}

}  // namespace

std::vector<LoopInfo> BlockOutline::spatial() const {
  std::vector<LoopInfo> out;
  for (const LoopInfo& l : loops)
    if (!l.reduction) out.push_back(l);
  return out;
}

std::vector<LoopInfo> BlockOutline::reductions() const {
  std::vector<LoopInfo> out;
  for (const LoopInfo& l : loops)
    if (l.reduction) out.push_back(l);
  return out;
}

std::vector<BlockOutline> outline(const Kernel& kernel) {
  Outliner o(*kernel.context, nullptr);
  o.visit(kernel.body);
  return std::move(o.all);
}

std::optional<BlockInfo> describe(const Kernel& kernel, const std::string& block) {
  Outliner o(*kernel.context, &block);
  o.visit(kernel.body);
  if (o.all.empty()) return std::nullopt;
  return describe(kernel, std::move(o.all.front()));
}

BlockInfo describe(const Kernel& kernel, BlockOutline outline) {
  BlockInfo block{std::move(outline), {}, {}};
  if (!block.simple) return block;
  Context& c = *kernel.context;
  Assumptions known = assume_extents(kernel);
  for (const LoopInfo& l : block.loops) known.below(l.var, l.extent);
  block.write =
      access(c, block.output, block.body->operands.subspan(value_operand(block) + 1), known);
  for (Expr n : post_order(std::span(&block.value, 1)))
    if (n->op == Op::load)
      block.reads.push_back(access(c, n->operand(0), n->operands.subspan(1), known));
  return block;
}

Expr stride_of(Context& c, const AccessInfo& access, const LoopInfo& loop,
               const std::vector<LoopInfo>& all) {
  const auto linear = linear_in(c, access.flat, std::span(&loop.var, 1));
  if (!linear) return nullptr;
  const Expr stride = simplify(c, linear->coefficients[0]);
  std::unordered_set<Expr> vars;
  for (const LoopInfo& l : all) vars.insert(l.var);
  return mentions_any(stride, vars) || has_load(stride) ? nullptr : stride;
}

bool is_contiguous(Context& c, const AccessInfo& access, const LoopInfo& loop,
                   const std::vector<LoopInfo>& all) {
  const Expr stride = stride_of(c, access, loop, all);
  return stride != nullptr && is_int(stride, 1);
}

bool can_merge(Context& c, const BlockInfo& block, const LoopInfo& outer, const LoopInfo& inner) {
  const auto merges = [&](const AccessInfo& a) {
    const Expr so = stride_of(c, a, outer, block.loops);
    const Expr si = stride_of(c, a, inner, block.loops);
    if (so == nullptr || si == nullptr) return false;
    return so == simplify(c, mul(c, si, inner.extent), assume(block.loops));
  };
  if (!block.simple || !merges(block.write)) return false;
  for (const AccessInfo& a : block.reads)
    if (!merges(a)) return false;
  // A value that speaks of the loops themselves (padding, iota) would get quotients in every lane.
  return !block.bare_vars.contains(outer.var) && !block.bare_vars.contains(inner.var);
}

/// True if an index of some read mixes an output axis with a reduction axis: a sliding window.
bool slides(const BlockInfo& b) {
  for (const AccessInfo& a : b.reads) {
    for (Expr index : a.indices) {
      bool spatial = false, reduced = false;
      for (Expr n : post_order(std::span(&index, 1)))
        for (const LoopInfo& l : b.loops)
          if (l.var == n) (l.reduction ? reduced : spatial) = true;
      if (spatial && reduced) return true;
    }
  }
  return false;
}

std::optional<ParamRole> role_of(const Kernel& kernel, Expr buffer) {
  for (const KernelParam& p : kernel.params)
    if (p.buffer == buffer) return p.role;
  return std::nullopt;
}

int widest(const BlockInfo& block) {
  int bytes = info(block.write.buffer->dtype()).element_bytes;
  for (const AccessInfo& a : block.reads)
    bytes = std::max<int>(bytes, info(a.buffer->dtype()).element_bytes);
  return bytes;
}

std::optional<int64_t> total(const std::vector<LoopInfo>& loops) {
  int64_t all = 1;
  for (const LoopInfo& l : loops) {
    const auto n = l.count();
    if (!n) return std::nullopt;
    if (__builtin_mul_overflow(all, *n, &all)) return std::nullopt;
  }
  return all;
}

int64_t group_size(const BlockInfo& info) {
  const std::vector<LoopInfo> spatial = info.spatial();
  if (spatial.empty()) return 0;
  const LoopInfo& columns = spatial.back();
  for (const AccessInfo& a : info.reads)
    for (Expr index : a.indices)
      for (Expr n : post_order(std::span(&index, 1)))
        if (n->op == Op::floordiv)
          if (const auto d = as_int(n->operand(1)); d && n->operand(0) == columns.var)
            if (columns.count() && *columns.count() > *d) return *d;
  return 0;
}

}  // namespace tenon::schedule::defaults
