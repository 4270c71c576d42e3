// pack: a buffer in another order of its elements.
#include <algorithm>

#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;

namespace {
std::string quote(Expr named) { return "'" + name_of(named) + "'"; }
}  // namespace

namespace {

/// An axis of a packed buffer: logical axis and its weight in the logical index.
struct PackedAxis {
  size_t logical;
  int64_t factor;  // 0: whole; else the split of the logical axis
  bool inner;      // the remainder of the split
};

Result<std::vector<PackedAxis>> packed_axes(const ir::Packing& layout, Expr buffer) {
  if (layout.factors.size() != buffer->shape().size())
    return refuse(
        "pack", "it needs one factor for each of the " + std::to_string(buffer->rank()) + " axes");
  std::vector<PackedAxis> split;
  for (size_t d = 0; d < layout.factors.size(); ++d) {
    const int64_t f = layout.factors[d];
    if (f < 0 || f > (1 << 20)) return refuse("pack", "a factor must be between 0 and 2^20");
    split.push_back({d, f, false});
    if (f != 0) split.push_back({d, f, true});
  }
  std::vector<int64_t> sorted = layout.perm;
  std::sort(sorted.begin(), sorted.end());
  bool is_permutation = sorted.size() == split.size();
  for (size_t i = 0; i < sorted.size() && is_permutation; ++i)
    is_permutation = sorted[i] == static_cast<int64_t>(i);
  if (!is_permutation)
    return refuse("pack",
                  "perm must order the " + std::to_string(split.size()) + " axes after splitting");
  std::vector<PackedAxis> ordered;
  for (int64_t at : layout.perm) ordered.push_back(split[static_cast<size_t>(at)]);
  return ordered;
}

std::vector<Expr> packed_shape(Context& c, std::span<const PackedAxis> axes, Expr buffer) {
  std::vector<Expr> shape;
  for (const PackedAxis& axis : axes) {
    const Expr n = buffer->shape()[axis.logical];
    shape.push_back(axis.factor == 0 ? n
                    : axis.inner     ? c.i64(axis.factor)
                                     : ir::ceildiv(c, n, c.i64(axis.factor)));
  }
  return shape;
}

/// The statement with loads of `buffer` turned into loads of `packed`.
Expr read_packed(Context& c, Expr root, std::span<const PackedAxis> axes, Expr buffer,
                 Expr packed) {
  return ir::rewrite_bottom_up(c, root, [&](Expr e) -> Expr {
    if (e->op != Op::load || e->operand(0) != buffer) return nullptr;
    std::vector<Expr> at;
    for (const PackedAxis& axis : axes) {
      const Expr i = e->operand(1 + axis.logical);
      const Expr f = c.i64(axis.factor);
      at.push_back(axis.factor == 0 ? i : axis.inner ? ir::mod(c, i, f) : ir::floordiv(c, i, f));
    }
    return ir::load(c, packed, at);
  });
}

/// The block that writes the packed copy, zero where the logical index leaves the buffer.
Expr pack_nest(Draft& draft, const std::string& name, std::span<const PackedAxis> axes, Expr buffer,
               Expr packed) {
  Context& c = draft.c();
  std::vector<ir::BlockIter> iters;
  std::vector<Expr> at;
  std::vector<Expr> logical(buffer->shape().size(), c.i64(0));
  Ranges box;
  for (size_t i = 0; i < axes.size(); ++i) {
    iters.push_back({c.var("vi" + std::to_string(i)), c.i64(0), 's'});
    at.push_back(iters.back().var);
    const int64_t weight = axes[i].factor == 0 || axes[i].inner ? 1 : axes[i].factor;
    logical[axes[i].logical] =
        ir::add(c, logical[axes[i].logical], ir::mul(c, iters.back().var, c.i64(weight)));
    box.push_back({c.i64(0), ir::add(c, packed->shape()[i], c.i64(-1))});
  }
  std::vector<Expr> conditions;
  for (const PackedAxis& axis : axes) {
    const Expr n = buffer->shape()[axis.logical];
    if (axis.inner && ir::divisor(n) % axis.factor != 0)
      conditions.push_back(ir::lt(c, logical[axis.logical], n));
  }
  const ir::Type scalar = c.scalar(buffer->dtype());
  const Expr zero = ir::is_float(buffer->dtype()) ? c.imm_f(scalar, 0) : c.imm(scalar, 0);
  const Expr value = ir::select(c, conjunction(c, conditions), ir::load(c, buffer, logical), zero);
  const Expr block = ir::block(c, name, iters, c.bool_imm(true), ir::store(c, packed, value, at));
  return nest_over(draft, block, box, box, draft.known_sizes(), {});
}

Result<Edited> pack_constant(Draft& draft, ir::KernelParam& param, const ir::Packing& layout,
                             std::span<const PackedAxis> axes) {
  Context& c = draft.c();
  const Expr buffer = param.buffer;
  if (used_by_instruction(draft.body(), buffer))
    return refuse("pack", quote(buffer) + " is read by an instruction");
  const Expr packed =
      c.buffer(draft.fresh_buffer(name_of(buffer) + "_packed"),
               c.tensor(buffer->dtype(), packed_shape(c, axes, buffer), buffer->type->scope));
  draft.set_body(read_packed(c, draft.body(), axes, buffer, packed));
  param.buffer = packed;
  param.packing.push_back(layout);
  return draft.finish();
}

}  // namespace

Result<Edited> pack(const Program& p, const std::string& block, const std::string& buffer_name,
                    const std::vector<int64_t>& factors, const std::vector<int64_t>& perm) {
  const ir::Packing layout{factors, perm};
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  if (!site) return refuse("pack", no_block(block));
  const Expr buffer = find_buffer(draft, buffer_name);
  if (buffer == nullptr) return refuse("pack", "there is no buffer '" + buffer_name + "'");
  const std::vector<Access> mine = accesses(c, site->node);
  if (!reads(mine, buffer) || writes(mine, buffer))
    return refuse("pack", "block '" + block + "' is no reader of '" + buffer_name + "'");
  TENON_TRY(const std::vector<PackedAxis> axes, packed_axes(layout, buffer));
  for (ir::KernelParam& param : draft.kernel().params)
    if (param.buffer == buffer && param.role == ir::ParamRole::constant)
      return pack_constant(draft, param, layout, axes);
  if (block_above(*site) != nullptr)
    return refuse("pack", "block '" + block + "' stands in another block");
  if (used_by_instruction(site->node, buffer))
    return refuse("pack", quote(buffer) + " is read by an instruction");
  const Site top = outermost_loop(*site);
  const std::vector<Access> all = accesses(c, draft.body());
  const int order = order_of(all, site->node);
  if (writes(accesses(c, top.node), buffer))
    return refuse("pack", quote(buffer) + " is written in the same nest");
  for (const Access& a : all)
    if (a.write && a.buffer == buffer && a.order > order)
      return refuse("pack", quote(buffer) + " is written after the block");
  const Expr packed = c.buffer(draft.fresh_buffer(buffer_name + "_packed"),
                               c.tensor(buffer->dtype(), packed_shape(c, axes, buffer)));
  const std::string name = draft.fresh(buffer_name + "_pack");
  const Expr copy = pack_nest(draft, name, axes, buffer, packed);
  const Expr changed =
      ir::substitute(c, top.node, {{site->node, read_packed(c, site->node, axes, buffer, packed)}});
  insert_beside(draft, top, copy, changed, nullptr);
  return draft.finish({name});
}

}  // namespace tenon::schedule::primitives
