#include "graph/lower.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "ir/combiner.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/node_map.h"
#include "ir/rewrite.h"
#include "ops/call.h"
#include "ops/index_check.h"
#include "ops/op.h"
#include "ops/reduction/reduction.h"
#include "ops/tensor.h"
#include "schedule/collapse.h"
#include "support/check.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

/// The value of a constant of one element, as a literal of the kernel's context; nullptr otherwise.
Expr scalar_literal(Context& c, Expr node) {
  if (node->op == Op::imm)
    return is_float(node->dtype()) ? c.imm_f(c.scalar(node->dtype()), node->float_attr(Key::value))
                                   : c.imm(c.scalar(node->dtype()), node->int_attr(Key::value));
  if (node->op != Op::constant || !node->type->is_tensor()) return nullptr;
  for (Expr e : node->shape())
    if (!is_int(e, 1)) return nullptr;
  const DType type = node->dtype();
  const ops::Tensor value = ops::tensor_of(node);
  const Type scalar = c.scalar(type);
  return is_float(type) ? c.imm_f(scalar, value.get_f(0)) : c.imm(scalar, value.get_i(0));
}

constexpr int kBroadcastDepth = 6;
constexpr int64_t kLongSum = 8;  // sizes that a kernel takes as one

class Lowering {
 public:
  Lowering(Context& graph, std::span<const Expr> nodes, std::span<const Expr> outputs,
           const NodeMap<schedule::Place>& places)
      : graph_(graph),
        nodes_(nodes),
        outputs_(outputs),
        places_(places),
        kernel_(std::make_shared<Kernel>()) {
    kernel_->context = std::make_shared<Context>();
  }

  LoweredGroup run() {
    for (Expr n : nodes_) inside_.insert(n);
    for (Expr n : nodes_)
      for (Expr operand : n->operands) declare_input(operand);
    for (Expr n : nodes_)
      if (!update_in_place(n))
        for (Type field : fields(n)) declare_buffer(n, field);
    declare_outputs();
    for (Expr n : nodes_) {
      note_ = place_note(n);
      lower_node(n);
    }
    kernel_->body = seq(c(), body_);
    return {std::move(kernel_), std::move(inputs_), std::move(sizes_)};
  }

 private:
  Context& c() { return *kernel_->context; }

  std::string place_note(Expr n) const {
    const schedule::Place* place = places_.find(n);
    if (place == nullptr || *place == schedule::Place::own || *place == schedule::Place::point)
      return "";
    return "place=" + std::string(schedule::name(*place));
  }

  static std::vector<Type> fields(Expr n) {
    return n->type->kind == TypeKind::tuple ? n->type->fields : std::vector<Type>{n->type};
  }

  /// A graph extent in the kernel's context; its variables become sizes of the kernel, and so do
  /// its long sums: a kernel that takes hundreds of terms apart compiles for minutes.
  Expr extent(Expr e) {
    count_terms(e);
    std::vector<Expr> work{e};
    while (!work.empty()) {
      const Expr x = work.back();
      work.pop_back();
      if (map_.contains(x)) continue;
      if (x->op == Op::var || *terms_.find(x) >= kLongSum) {
        add_size(x);
      } else {
        work.insert(work.end(), x->operands.rbegin(), x->operands.rend());
      }
    }
    return copy_to(c(), e, map_);
  }

  void add_size(Expr e) {
    const Expr mine = c().var(e->op == Op::var ? e->string_attr(Key::name)
                                               : "sum" + std::to_string(sizes_.size()));
    map_.emplace(e, mine);
    kernel_->sizes.push_back(mine);
    sizes_.push_back(e);
  }

  /// For each node under e how many variables it adds up; 0 where it is no sum of sizes, which are
  /// not negative.
  void count_terms(Expr e) {
    if (terms_.contains(e)) return;
    for (Expr x : post_order(std::span(&e, 1))) {
      if (terms_.contains(x)) continue;
      int64_t terms = x->op == Op::var && x->dtype() == DType::i64 ? 1 : 0;
      if (x->op == Op::add) {
        const int64_t a = *terms_.find(x->operand(0)), b = *terms_.find(x->operand(1));
        if (a > 0 && b > 0) terms = std::min(a + b, kLongSum);
      }
      terms_.insert(x, terms);
    }
  }

  Type local_type(Type type) {
    std::vector<Expr> shape;
    for (Expr e : type->shape) shape.push_back(extent(e));
    return c().tensor(type->dtype, shape);
  }

  void declare_input(Expr operand) {
    if (inside_.contains(operand) || buffers_.contains(operand) || literals_.contains(operand))
      return;
    if (operand->op == Op::get && inside_.contains(operand->operand(0))) return;
    if (const Expr literal = scalar_literal(c(), operand)) {
      literals_.emplace(operand, literal);
      return;
    }
    const bool constant = operand->op == Op::constant;
    const Expr buffer = c().buffer((constant ? "c" : "x") + std::to_string(inputs_.size()),
                                   local_type(operand->type));
    buffers_[operand] = {buffer};
    kernel_->params.push_back({buffer, constant ? ParamRole::constant : ParamRole::in, {}});
    inputs_.push_back(operand);
  }

  /// A result that changes some elements of an operand shares its buffer, which becomes inout,
  /// where the group has no other use for the operand.
  bool update_in_place(Expr n) {
    const ops::OpRow* row = ops::kernel_row(n);
    if (row == nullptr || row->updated_operand < 0 || outputs_.size() != 1 || outputs_[0] != n)
      return false;
    const Expr x = n->operand(static_cast<size_t>(row->updated_operand));
    const auto uses = [x](Expr user) {
      return std::count(user->operands.begin(), user->operands.end(), x);
    };
    if (inside_.contains(x) || !buffers_.contains(x) || uses(n) != 1) return false;
    for (Expr other : nodes_)
      if (other != n && uses(other) != 0) return false;
    for (KernelParam& p : kernel_->params)
      if (p.buffer == buffers_.at(x)[0]) p.role = ParamRole::inout;
    buffers_[n] = buffers_.at(x);
    names_[n] = ops::label(n);
    return true;
  }

  void declare_buffer(Expr n, Type type) {
    std::string name(ops::label(n));
    name += std::to_string(counts_[name]++);
    if (buffers_[n].empty()) names_[n] = name;
    buffers_[n].push_back(c().buffer(name, local_type(type)));
  }

  void declare_outputs() {
    std::unordered_set<Expr> out;
    for (Expr n : outputs_) {
      for (Expr buffer : buffers_.at(n)) {
        if (!is_updated(buffer)) kernel_->params.push_back({buffer, ParamRole::out, {}});
        out.insert(buffer);
      }
    }
    for (Expr n : nodes_)
      for (Expr buffer : buffers_.at(n))
        if (!out.contains(buffer)) kernel_->buffers.push_back(buffer);
  }

  bool is_updated(Expr buffer) const {
    return std::any_of(kernel_->params.begin(), kernel_->params.end(), [&](const KernelParam& p) {
      return p.buffer == buffer && p.role == ParamRole::inout;
    });
  }

  /// The buffer of an operand; fields of a tuple of this group are reached through `get`.
  Expr buffer_of(Expr operand) {
    if (operand->op == Op::get && inside_.contains(operand->operand(0)))
      return buffers_.at(operand->operand(0))[static_cast<size_t>(operand->int_attr(Key::index))];
    return buffers_.at(operand)[0];
  }

  Expr load_operand(Expr operand, std::span<const Expr> indices) {
    if (const auto literal = literals_.find(operand); literal != literals_.end())
      return literal->second;
    return load(c(), buffer_of(operand), indices);
  }

  struct Nest {
    std::vector<BlockIter> iters;
    std::vector<std::pair<Expr, Expr>> loops;  // variable, extent
  };

  void add_iter(Nest& nest, const std::string& name, Expr extent_here, char kind) {
    const Expr loop = c().var(name);
    nest.iters.push_back({c().var("v" + name), loop, kind});
    nest.loops.emplace_back(loop, extent_here);
  }

  /// Iterators over a shape of the kernel's context.
  Nest spatial_nest(std::span<const Expr> shape) {
    Nest nest;
    for (size_t i = 0; i < shape.size(); ++i)
      add_iter(nest, "i" + std::to_string(i), shape[i], 's');
    return nest;
  }

  static std::vector<Expr> vars(const Nest& nest, char kind) {
    std::vector<Expr> all;
    for (const BlockIter& it : nest.iters)
      if (it.kind == kind) all.push_back(it.var);
    return all;
  }

  void emit(const std::string& name, const Nest& nest, Expr statement) {
    Expr s = block(c(), name, nest.iters, c().bool_imm(true), statement, note_);
    for (size_t i = nest.loops.size(); i-- > 0;)
      s = for_loop(c(), nest.loops[i].first, nest.loops[i].second, s);
    body_.push_back(s);
  }

  ops::PointArgs point_args(Expr n, std::span<const Expr> out, std::span<const Expr> reduce) {
    return {
        c(),
        n,
        out,
        [this, n](size_t k, std::span<const Expr> at) { return load_operand(n->operand(k), at); },
        [this](Expr e) { return extent(e); },
        reduce};
  }

  void lower_node(Expr n) {
    const ops::OpRow* row = ops::kernel_row(n);
    TENON_CHECK(row != nullptr, "operator cannot be lowered: " + std::string(ops::label(n)));
    if (ops::needs_check(n)) lower_check(n, *row);
    if (row->pattern == ops::Pattern::pieces) {
      lower_pieces(n);
    } else if (row->reduce != nullptr) {
      lower_reduction(n, *row);
    } else if (row->opaque != nullptr) {
      lower_opaque(n, *row);
    } else {
      TENON_CHECK(row->point != nullptr, "operator has no lowering: " + std::string(ops::label(n)));
      const Expr buffer = buffers_.at(n)[0];
      const Nest nest = spatial_nest(buffer->shape());
      const std::vector<Expr> out = vars(nest, 's');
      emit(names_[n], nest, store(c(), buffer, row->point(point_args(n, out, {})), out));
    }
  }

  /// Axes along which the value may differ: not those that a broadcast repeats.
  static std::vector<bool> varying_axes(Expr n, int depth) {
    std::vector<bool> varying(n->shape().size(), true);
    if (depth == 0 || (n->op != Op::broadcast && !is_elementwise(n->op))) return varying;
    std::fill(varying.begin(), varying.end(), false);
    if (n->op == Op::broadcast) {
      const std::vector<bool> inner = varying_axes(n->operand(0), depth - 1);
      const std::vector<int64_t>& dims = n->ints_attr(Key::dims);
      for (size_t i = 0; i < dims.size(); ++i)
        if (!is_int(n->operand(0)->shape()[i], 1)) varying[static_cast<size_t>(dims[i])] = inner[i];
      return varying;
    }
    for (Expr operand : n->operands) {
      const std::vector<bool> inner = varying_axes(operand, depth - 1);
      for (size_t d = 0; d < inner.size() && d < varying.size(); ++d)
        varying[d] = varying[d] || inner[d];
    }
    return varying;
  }

  /// A block that leaves the kernel with an error code where an index is out of range.
  void lower_check(Expr n, const ops::OpRow& row) {
    const Expr indices = n->operand(static_cast<size_t>(row.checked_operand));
    std::vector<bool> wanted = varying_axes(indices, kBroadcastDepth);
    if (n->op == Op::gather_nd) wanted.back() = true;  // each component has a bound of its own
    std::vector<Expr> shape;
    for (size_t d = 0; d < wanted.size(); ++d) {
      const Expr e = extent(indices->shape()[d]);
      shape.push_back(wanted[d] ? e : min(c(), e, c().i64(1)));  // equal along a repeated axis
    }
    const Nest nest = spatial_nest(shape);
    const std::vector<Expr> at = vars(nest, 's');
    const auto local = [this](Expr e) { return extent(e); };
    const Expr index = load_operand(indices, at);
    const Expr holds = row.check({c(), n, index, at, local});
    const Expr leave = ops::index_failure(c(), cast(c(), DType::i64, index),
                                          ops::indexed_extent(c(), n, at, local));
    emit(names_[n] + "_check", nest, if_then(c(), unary(c(), Op::not_, holds), leave));
  }

  void lower_reduction(Expr n, const ops::OpRow& row) {
    const ops::ReduceInfo reduce = row.reduce(graph_, n);
    const Expr out = buffers_.at(n)[0];
    Expr target = out;
    if (reduce.accumulate != out->dtype()) {
      target = c().buffer(names_[n] + "_acc", c().tensor(reduce.accumulate, out->shape()));
      kernel_->buffers.push_back(target);
    }
    Nest nest = spatial_nest(out->shape());
    for (const ops::ReduceAxis& axis : reduce.axes)
      add_iter(nest, axis.name, extent(axis.extent), 'r');
    const std::vector<Expr> at = vars(nest, 's');
    const std::vector<Expr> over = vars(nest, 'r');
    const Expr value = row.point(point_args(n, at, over));
    TENON_CHECK(value->dtype() == reduce.accumulate,
                "reduction value is not of the accumulator's type");
    emit(names_[n], nest,
         update(c(), target, ir::identity(c(), reduce.combine, reduce.accumulate), value, at,
                reduce.combine));
    if (target == out) return;
    const Nest copy = spatial_nest(out->shape());
    const std::vector<Expr> here = vars(copy, 's');
    emit(names_[n] + "_cast", copy,
         store(c(), out, cast(c(), out->dtype(), load(c(), target, here)), here));
  }

  /// One block an operand, each writing its part: no select chain in an inner loop.
  void lower_pieces(Expr n) {
    const Expr out = buffers_.at(n)[0];
    const auto axis = static_cast<size_t>(n->int_attr(Key::axis));
    Expr offset = graph_.i64(0);
    for (size_t k = 0; k < n->operands.size(); ++k) {
      std::vector<Expr> shape;
      for (Expr e : n->operand(k)->shape()) shape.push_back(extent(e));
      const Nest nest = spatial_nest(shape);
      const std::vector<Expr> from = vars(nest, 's');
      std::vector<Expr> to = from;
      to[axis] = add(c(), to[axis], extent(offset));
      emit(names_[n] + "_part" + std::to_string(k), nest,
           store(c(), out, load_operand(n->operand(k), from), to));
      offset = add(graph_, offset, n->operand(k)->shape()[axis]);
    }
  }

  void lower_opaque(Expr n, const ops::OpRow& row) {
    std::vector<Expr> ins;
    for (Expr operand : n->operands) ins.push_back(materialized(operand));
    const ops::OpaqueArgs args{
        c(),
        n,
        ins,
        buffers_.at(n),
        [this](Expr e) { return extent(e); },
        [this](std::string name, DType type, std::span<const Expr> shape, Scope scope) {
          const Expr buffer = c().buffer(std::move(name), c().tensor(type, shape, scope));
          kernel_->buffers.push_back(buffer);
          return buffer;
        }};
    body_.push_back(row.opaque(args));
  }

  /// Opaque operators read buffers: a literal operand is written to one first.
  Expr materialized(Expr operand) {
    const auto literal = literals_.find(operand);
    if (literal == literals_.end()) return buffer_of(operand);
    const Expr buffer =
        c().buffer("literal" + std::to_string(kernel_->buffers.size()), local_type(operand->type));
    kernel_->buffers.push_back(buffer);
    const Nest nest = spatial_nest(buffer->shape());
    emit(buffer->string_attr(Key::name), nest,
         store(c(), buffer, literal->second, vars(nest, 's')));
    return buffer;
  }

  Context& graph_;
  std::span<const Expr> nodes_;
  std::span<const Expr> outputs_;
  const NodeMap<schedule::Place>& places_;
  std::string note_;  // of the blocks of the node at hand
  std::shared_ptr<Kernel> kernel_;
  std::vector<Expr> inputs_, sizes_, body_;
  std::unordered_set<Expr> inside_;
  std::unordered_map<Expr, std::vector<Expr>> buffers_;
  std::unordered_map<Expr, Expr> literals_;
  std::unordered_map<Expr, std::string> names_;
  std::unordered_map<std::string, int> counts_;
  Map map_;
  NodeMap<int64_t> terms_;
};

}  // namespace

bool is_computed(Expr node) {
  switch (node->op) {
    case Op::param:
    case Op::imm:
    case Op::var:
    case Op::constant:
    case Op::from_scalars:
    case Op::reshape:
    case Op::tuple:
    case Op::get:
    case Op::if_:
    case Op::loop:
    case Op::call_kernel:
      return false;
    default:
      return ops::kernel_row(node) != nullptr;
  }
}

LoweredGroup lower_group(Context& graph, std::span<const Expr> nodes, std::span<const Expr> outputs,
                         const NodeMap<schedule::Place>& places) {
  LoweredGroup group = Lowering(graph, nodes, outputs, places).run();
  std::string name;
  for (Expr n : nodes) {
    if (name.size() > 48) break;
    name += (name.empty() ? "" : "_") + std::string(ops::label(n));
  }
  group.kernel->name = name;
  schedule::collapse_axes(*group.kernel);
  return group;
}

}  // namespace tenon::graph
