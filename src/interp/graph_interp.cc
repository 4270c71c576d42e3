// The reference interpreter of graphs: evaluates nodes one after another in a topological order and
// frees each value after its last use. Function bodies (call, if, loop) are run as functions of
// their own; recursion follows the nesting of functions, never the depth of a graph.
#include <algorithm>
#include <memory>
#include <utility>

#include "interp/interp.h"
#include "interp/order.h"
#include "ir/default_value.h"
#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/simplify.h"
#include "ops/movement/copy.h"
#include "ops/shape.h"
#include "ops/tensor.h"
#include "ops/unpacked.h"
#include "ops/walk.h"
#include "support/check.h"

namespace tenon::interp {
namespace {

using ir::Expr;
using ir::Function;
using ir::Key;
using ir::Op;
using ir::Type;
using ops::show;

using TensorRef = std::shared_ptr<const Tensor>;
/// A node's value: one tensor, or the fields of a tuple.
using Value = std::vector<TensorRef>;
using OnNode = std::function<void(Expr, const std::vector<Tensor>&)>;

Result<Value> run_function(const Function& f, Value arguments, SizeMap sizes,
                           const OnNode& on_node);

std::vector<Type> fields(Type type) {
  return type->kind == ir::TypeKind::tuple ? type->fields : std::vector<Type>{type};
}

/// One activation of a function.
class Frame {
 public:
  Frame(const Function& f, SizeMap sizes, const OnNode& on_node)
      : f_(f), sizes_(std::move(sizes)), on_node_(on_node) {}

  Result<Value> run(Value arguments) {
    TENON_TRY_VOID(bind_arguments(arguments));
    Order order = evaluation_order(f_);
    uses_ = std::move(order.uses);
    TENON_TRY_VOID(check_guards(order, nullptr));
    for (Expr n : order.nodes) {
      TENON_TRY(Value value, evaluate(n));
      TENON_TRY_VOID(check_shapes(n, value));
      if (on_node_ && n->op != Op::param) report(n, value);
      const auto found = uses_.find(n);
      if (found != uses_.end() && found->second > 0) values_[n] = std::move(value);
      const auto bound = order.bindings.find(n);
      if (bound != order.bindings.end())
        for (const ir::Binding* b : bound->second) TENON_TRY_VOID(bind(*b));
      TENON_TRY_VOID(check_guards(order, n));
      for (Expr operand : ops::value_operands(n)) release(operand);
    }
    Value results;
    for (Expr r : f_.results) {
      TENON_CHECK(r->type->is_tensor(), "a function's result is a tuple");
      results.push_back(values_.at(r)[0]);
      release(r);
    }
    return results;
  }

 private:
  void release(Expr n) {
    if (--uses_[n] == 0) values_.erase(n);
  }

  void report(Expr n, const Value& value) {
    std::vector<Tensor> copies;
    for (const TensorRef& t : value) copies.push_back(*t);
    on_node_(n, copies);
  }

  Status bind(const ir::Binding& b) {
    const Tensor& t = *values_.at(b.tensor)[0];
    if (b.index >= t.count())
      return fail("size.binding", "the tensor that gives size '" + b.var->string_attr(Key::name) +
                                      "' has only " + std::to_string(t.count()) + " elements");
    sizes_[b.var] = t.get_i(b.index);
    release(b.tensor);
    return {};
  }

  Status check_guards(const Order& order, Expr after) {
    const auto found = order.guards.find(after);
    if (found == order.guards.end()) return {};
    for (const ir::Guard* g : found->second)
      if (ir::evaluate(g->condition, sizes_) == 0) return fail("run.check", g->message);
    return {};
  }

  /// Variables take their values from the extents of arguments; what is known must agree.
  Status bind_arguments(const Value& arguments) {
    if (arguments.size() != f_.params.size())
      return fail("input.count", "'" + f_.name + "' takes " + std::to_string(f_.params.size()) +
                                     " inputs, not " + std::to_string(arguments.size()));
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Expr param = f_.params[i];
      const Tensor& t = *arguments[i];
      const std::string& name = param->string_attr(Key::name);
      if (t.dtype != param->dtype() || t.shape.size() != param->shape().size())
        return fail("input.type", "input '" + name + "' is " + std::string(info(t.dtype).name) +
                                      show(t.shape) + ", not " + show(param->type));
      for (size_t d = 0; d < t.shape.size(); ++d)
        if (param->shape()[d]->op == Op::var) sizes_.try_emplace(param->shape()[d], t.shape[d]);
      values_[param] = {arguments[i]};
    }
    for (size_t i = 0; i < arguments.size(); ++i)
      TENON_TRY_VOID(check_shape(f_.params[i]->type, *arguments[i],
                                 "input '" + f_.params[i]->string_attr(Key::name) + "'"));
    return {};
  }

  /// The value's extents are those of its type. A variable that is still free takes the extent.
  Status check_shape(Type type, const Tensor& t, const std::string& what) {
    bool fits = t.shape.size() == type->shape.size() && t.dtype == type->dtype;
    for (size_t d = 0; fits && d < t.shape.size(); ++d) {
      const Expr e = type->shape[d];
      if (e->op == Op::var) sizes_.try_emplace(e, t.shape[d]);
      const auto extent = ir::evaluate(e, sizes_);
      fits = !extent || *extent == t.shape[d];
    }
    if (fits) return {};
    return fail("shape.mismatch", what + " has shape " + show(t.shape) + " where its type is " +
                                      show(type) + with_sizes(type));
  }

  Status check_shapes(Expr n, const Value& value) {
    const std::vector<Type> types = fields(n->type);
    TENON_CHECK(types.size() == value.size(), "wrong number of results");
    for (size_t i = 0; i < value.size(); ++i)
      TENON_TRY_VOID(
          check_shape(types[i], *value[i], "a result of " + std::string(info(n->op).name)));
    return {};
  }

  std::string with_sizes(Type type) const {
    std::string text;
    for (Expr e : type->shape)
      if (const auto found = sizes_.find(e); found != sizes_.end())
        text += (text.empty() ? " with " : ", ") + e->string_attr(Key::name) + " = " +
                std::to_string(found->second);
    return text;
  }

  const Tensor& tensor(Expr n) const { return *values_.at(n)[0]; }

  Result<Value> evaluate(Expr n) {
    switch (n->op) {
      case Op::param: {
        const auto found = values_.find(n);
        TENON_CHECK(found != values_.end(), "a function uses a param of another one");
        return found->second;
      }
      case Op::constant:
      case Op::imm:
        return Value{std::make_shared<Tensor>(ops::tensor_of(n))};
      case Op::tuple: {
        Value all;
        for (Expr e : n->operands) all.push_back(values_.at(e)[0]);
        return all;
      }
      case Op::get:
        return Value{values_.at(n->operand(0))[static_cast<size_t>(n->int_attr(Key::index))]};
      case Op::call:
        return run_body(*n->function_attr(Key::body), n->operands);
      case Op::if_: {
        const Key branch = tensor(n->operand(0)).get_i(0) != 0 ? Key::then : Key::else_;
        return run_body(*n->function_attr(branch), n->operands.subspan(1));
      }
      case Op::loop:
        return run_loop(n);
      case Op::call_kernel:
        return run_kernel(n);
      default:
        return run_op(n);
    }
  }

  Result<Value> run_body(const Function& body, std::span<const Expr> operands) {
    Value arguments;
    for (Expr e : operands) arguments.push_back(values_.at(e)[0]);
    return run_function(body, std::move(arguments), sizes_, nullptr);
  }

  Result<Value> run_op(Expr n) {
    const ops::OpRow* row = ops::find_op(n->op);
    if (row == nullptr || row->eval == nullptr)
      return fail("interp.unsupported",
                  "the reference interpreter does not know " + std::string(info(n->op).name));
    Expr unknown = nullptr;
    std::vector<const Tensor*> operands;
    for (Expr e : ops::value_operands(n)) operands.push_back(&tensor(e));
    ops::EvalArgs args{n, operands, {}, [&](Expr e) {
                         const auto value = ir::evaluate(e, sizes_);
                         if (!value) unknown = e;
                         return value.value_or(0);
                       }};
    // An extent that only the evaluation finds out (a count) is -1 at first.
    for (Expr e : fields(n->type)[0]->shape)
      args.shape.push_back(ir::evaluate(e, sizes_).value_or(-1));
    const bool counts = n->op == Op::nonzero || n->op == Op::unique;
    if (!counts &&
        std::any_of(args.shape.begin(), args.shape.end(), [](int64_t e) { return e < 0; }))
      return fail("size.unbound", "the type " + show(n->type) + " of " +
                                      std::string(info(n->op).name) +
                                      " has an extent that is unknown or negative");
    TENON_TRY(std::vector<Tensor> out, row->eval(args));
    if (unknown != nullptr)
      return fail("size.unbound", "an expression of " + std::string(info(n->op).name) +
                                      " speaks of a size that no input gives");
    Value value;
    for (Tensor& t : out) value.push_back(std::make_shared<Tensor>(std::move(t)));
    return value;
  }

  Result<Value> run_loop(Expr n);
  Result<Value> run_kernel(Expr n);

  const Function& f_;
  SizeMap sizes_;
  const OnNode& on_node_;
  std::unordered_map<Expr, Value> values_;
  std::unordered_map<Expr, int> uses_;
};

Tensor scalar_tensor(ir::DType type, int64_t value) {
  Tensor t = Tensor::zeros(type, {});
  t.set_i(0, value);
  return t;
}

Result<Value> Frame::run_loop(Expr n) {
  const Function& body = *n->function_attr(Key::body);
  const auto carried = static_cast<size_t>(n->int_attr(Key::carried));
  const auto stacked = static_cast<size_t>(n->int_attr(Key::stacked));
  const int64_t trip = tensor(n->operand(0)).get_i(0);
  bool go_on = tensor(n->operand(1)).get_i(0) != 0;
  Value state;
  for (Expr e : n->operands.subspan(2)) state.push_back(values_.at(e)[0]);
  std::vector<Tensor> stacks(stacked);
  for (size_t k = 0; k < stacked; ++k) {
    // Without an iteration the extents are those of the type, as far as they are known.
    const Type type = n->type->fields[carried + k];
    std::vector<int64_t> shape{0};
    for (size_t d = 1; d < type->shape.size(); ++d)
      shape.push_back(ir::evaluate(type->shape[d], sizes_).value_or(0));
    stacks[k] = Tensor::zeros(type->dtype, shape);
  }
  for (int64_t i = 0; i < trip && go_on; ++i) {
    Value arguments{std::make_shared<Tensor>(scalar_tensor(ir::DType::i64, i))};
    arguments.insert(arguments.end(), state.begin(), state.end());
    TENON_TRY(const Value results, run_function(body, std::move(arguments), sizes_, nullptr));
    go_on = results[0]->get_i(0) != 0;
    std::copy_n(results.begin() + 1, carried, state.begin());
    for (size_t k = 0; k < stacked; ++k) {
      const Tensor& part = *results[1 + carried + k];
      Tensor& all = stacks[k];
      if (i > 0 &&
          !std::equal(part.shape.begin(), part.shape.end(), all.shape.begin() + 1, all.shape.end()))
        return fail("loop.shape",
                    "loop: a stacked value changes its shape from one iteration to the next");
      std::copy(part.shape.begin(), part.shape.end(), all.shape.begin() + 1);
      ++all.shape[0];
      all.bytes.insert(all.bytes.end(), part.bytes.begin(), part.bytes.end());
    }
  }
  Value value(state.begin(), state.begin() + static_cast<int64_t>(carried));
  for (Tensor& t : stacks) value.push_back(std::make_shared<Tensor>(std::move(t)));
  return value;
}

Result<Value> Frame::run_kernel(Expr n) {
  const ir::Kernel& kernel = *n->kernel_attr();
  std::vector<int64_t> sizes;
  SizeMap own;
  const std::vector<Expr>& given = n->exprs_attr(Key::sizes);
  for (size_t i = 0; i < kernel.sizes.size(); ++i) {
    const auto value = ir::evaluate(given[i], sizes_);
    if (!value) return fail("size.unbound", "kernel '" + kernel.name + "' takes an unknown size");
    sizes.push_back(*value);
    own[kernel.sizes[i]] = *value;
  }
  std::vector<Tensor> buffers;
  size_t next = 0;
  for (const ir::KernelParam& p : kernel.params) {
    if (ir::is_read(p.role)) {
      buffers.push_back(tensor(n->operand(next++)));
      continue;
    }
    std::vector<int64_t> shape;
    for (Expr e : p.buffer->shape()) shape.push_back(ir::evaluate(e, own).value_or(0));
    buffers.push_back(Tensor::zeros(p.buffer->dtype(), std::move(shape)));
  }
  TENON_TRY_VOID(interp::run(kernel, sizes, buffers));
  // A kernel may see its buffers with axes merged; the graph's type has the shape of the value.
  Value value;
  for (size_t i = 0; i < kernel.params.size(); ++i) {
    if (!ir::is_written(kernel.params[i].role)) continue;
    const Type type =
        n->type->kind == ir::TypeKind::tuple ? n->type->fields[value.size()] : n->type;
    std::vector<int64_t> shape;
    for (Expr e : type->shape) shape.push_back(ir::evaluate(e, sizes_).value_or(0));
    buffers[i].shape = std::move(shape);
    value.push_back(std::make_shared<Tensor>(std::move(buffers[i])));
  }
  return value;
}

Result<Value> run_function(const Function& f, Value arguments, SizeMap sizes,
                           const OnNode& on_node) {
  return Frame(f, std::move(sizes), on_node).run(std::move(arguments));
}

size_t first_state(const Function& f) {
  size_t i = f.params.size();
  while (i > 0 && ir::role_of(f.params[i - 1]) == ir::ParamRole::state) --i;
  return i;
}

/// Elements at indices inside both shapes; the others are 0.
Tensor resized(const Tensor& from, std::vector<int64_t> shape) {
  Tensor to = Tensor::zeros(from.dtype, std::move(shape));
  std::vector<int64_t> common;
  for (size_t d = 0; d < to.shape.size(); ++d)
    common.push_back(std::min(from.shape[d], to.shape[d]));
  ops::copy_region(common, from, {ops::row_major(from.shape), 0}, to,
                   {ops::row_major(to.shape), 0});
  return to;
}

/// The states in the shapes that the inputs' extents give them.
Result<Value> states_before(const Function& f, std::span<const Tensor> inputs, SizeMap sizes,
                            const States* states) {
  const size_t first = first_state(f);
  Value held;
  if (first == f.params.size() || inputs.size() != first) return held;
  const States own = states == nullptr ? initial_states(f) : *states;
  TENON_CHECK(own.size() == f.params.size() - first, "a function has another number of states");
  for (size_t i = 0; i < first; ++i)
    for (size_t d = 0; d < std::min(inputs[i].shape.size(), f.params[i]->shape().size()); ++d)
      if (f.params[i]->shape()[d]->op == Op::var)
        sizes.try_emplace(f.params[i]->shape()[d], inputs[i].shape[d]);
  for (size_t i = first; i < f.params.size(); ++i) {
    std::vector<int64_t> shape;
    for (Expr e : f.params[i]->shape()) {
      const auto extent = ir::evaluate(e, sizes);
      if (!extent || *extent < 0)
        return fail("size.unbound", "state '" + f.params[i]->string_attr(Key::name) +
                                        "' has an extent that no input gives");
      shape.push_back(*extent);
    }
    held.push_back(std::make_shared<Tensor>(resized(own[i - first], std::move(shape))));
  }
  return held;
}

void keep_states(const Function& f, const Value& held, const Value& results, States& states) {
  const size_t first = first_state(f);
  for (size_t i = 0; i < held.size(); ++i) states[i] = *held[i];
  for (size_t r = 0; r < results.size(); ++r)
    if (const auto param = ir::updated_param(f, r); param && *param >= first)
      states[*param - first] = *results[r];
}

}  // namespace

States initial_states(const ir::Function& f) {
  States states;
  for (size_t i = first_state(f); i < f.params.size(); ++i) {
    const Expr p = f.params[i];
    const ir::ConstantRef value = ir::default_of(p);
    std::vector<int64_t> shape;
    for (Expr e : p->shape()) shape.push_back(value == nullptr ? 0 : ir::as_int(e).value_or(0));
    states.push_back(value == nullptr ? Tensor::zeros(p->dtype(), std::move(shape))
                                      : ops::unpacked(p->dtype(), std::move(shape), value->bytes));
  }
  return states;
}

Result<std::vector<Tensor>> run(const ir::Function& f, std::span<const Tensor> inputs,
                                SizeMap sizes, const OnNode& on_node, States* states) {
  Value arguments;
  for (const Tensor& t : inputs) arguments.emplace_back(TensorRef{}, &t);  // borrowed
  TENON_TRY(const Value held, states_before(f, inputs, sizes, states));
  arguments.insert(arguments.end(), held.begin(), held.end());
  TENON_TRY(const Value results, run_function(f, std::move(arguments), std::move(sizes), on_node));
  if (states != nullptr) keep_states(f, held, results, *states);
  std::vector<Tensor> out;
  for (const TensorRef& t : results) out.push_back(*t);
  return out;
}

}  // namespace tenon::interp
