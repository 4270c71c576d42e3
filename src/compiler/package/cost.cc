#include "compiler/package/cost.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <unordered_set>

#include "ir/expr.h"
#include "ir/packed.h"
#include "ir/rewrite.h"
#include "ir/statement.h"

namespace tenon::compiler::packaging {
namespace {

using namespace ir;  // NOLINT: this file speaks of nothing else

struct Counted {
  Expr node;                  // the block, or a bare statement
  std::vector<Expr> extents;  // of the loops around it
};

/// Outermost blocks with the extents of their loops.
std::vector<Counted> find_blocks(Expr root) {
  std::vector<Counted> all;
  visit_statements(root, [&](const Site& at) {
    if (at.node->op != Op::block) return true;
    Counted block{at.node, {}};
    for (const Step& step : at.path)
      if (step.parent->op == Op::for_) block.extents.push_back(ForView{step.parent}.extent());
    all.push_back(std::move(block));
    return false;
  });
  return all;
}

/// A step of an integer product: its multiplication counts as that of floats does.
bool is_integer_product(Expr update) {
  const Expr value = update->operand(2);
  return value->op == Op::mul && !is_float(value->dtype());
}

/// Operations on floats, steps of reductions and of integer products, in one execution.
int64_t operations(Expr block) {
  int64_t count = 0;
  std::unordered_set<Expr> seen;
  std::vector<Expr> work{BlockView{block}.body()};
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (!seen.insert(e).second) continue;
    if (e->op == Op::load || e->op == Op::for_ || e->op == Op::block)
      continue;  // indices; nested work
    if (e->op == Op::update) count += is_integer_product(e) ? 2 : 1;
    if (is_elementwise(e->op) && e->op != Op::cast && e->op != Op::select &&
        is_float(e->operand(0)->dtype()))
      count += e->op == Op::fma ? 2 : 1;
    for (Expr operand : e->operands) work.push_back(operand);
  }
  return count;
}

/// The operator: blocks are called dot3, or, as parts of a composite, softmax0_sum.
std::string anchor_name(Expr block) {
  std::string name = BlockView{block}.name();
  for (size_t i = 1; i + 1 < name.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(name[i])) != 0 && name[i + 1] == '_')
      name.resize(i + 1);
  while (!name.empty() && (name.back() == '_' || (name.back() >= '0' && name.back() <= '9')))
    name.pop_back();
  return name;
}

/// Reductions come before the rest; among equals the one over more axes, then the later.
int rank_of(const Counted& b) {
  const bool reduction = BlockView{b.node}.body()->op == Op::update;
  return static_cast<int>(b.extents.size()) + (reduction ? 100 : 0);
}

/// How a param is read: whole, or only where another tensor's values say (an embedding table).
struct Reads {
  bool whole = false;
  Expr picked = nullptr;  // number of elements picked
};

std::unordered_map<Expr, Reads> reads_of(Context& c, std::span<const Counted> blocks) {
  std::unordered_map<Expr, Reads> reads;
  for (const Counted& b : blocks) {
    for (Expr n : post_order(std::span(&b.node, 1))) {
      if (n->op != Op::load) {
        if (n->op == Op::store || n->op == Op::update) reads[n->operand(0)].whole = true;
        continue;
      }
      Reads& r = reads[n->operand(0)];
      if (std::ranges::none_of(n->operands.subspan(1), has_load)) {
        r.whole = true;
      } else {
        const Expr count = product(c, b.extents);
        r.picked = r.picked == nullptr ? count : add(c, r.picked, count);
      }
    }
  }
  return reads;
}

Expr bytes_of(Context& c, const KernelParam& p, Expr count) {
  const DType type = p.buffer->dtype();
  if (!shares_bytes(p)) return mul(c, count, c.i64(info(type).element_bytes));
  return ceildiv(c, count, c.i64(8 / storage_bits(type)));
}

Expr bytes_moved(Context& c, const Kernel& definition, std::span<const Counted> blocks) {
  const auto reads = reads_of(c, blocks);
  Expr total = c.i64(0);
  for (const KernelParam& p : definition.params) {
    Expr count = product(c, p.buffer->shape());
    const auto found = reads.find(p.buffer);
    if (found != reads.end() && !found->second.whole && found->second.picked != nullptr)
      count = min(c, count, found->second.picked);
    total = add(c, total, bytes_of(c, p, count));
  }
  return total;
}

}  // namespace

KernelCost cost_of(const Kernel& definition) {
  Context& c = *definition.context;
  KernelCost cost;
  const std::vector<Counted> blocks = find_blocks(definition.body);
  cost.bytes = bytes_moved(c, definition, blocks);
  if (blocks.empty()) return cost;
  cost.flops = c.i64(0);
  const Counted* anchor = nullptr;
  for (const Counted& b : blocks) {
    cost.flops = add(c, cost.flops, mul(c, product(c, b.extents), c.i64(operations(b.node))));
    if (anchor == nullptr || rank_of(b) >= rank_of(*anchor)) anchor = &b;
  }
  cost.op = anchor_name(anchor->node);
  cost.extents = anchor->extents;
  return cost;
}

}  // namespace tenon::compiler::packaging
