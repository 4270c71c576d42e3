#include "compiler/package/packager.h"

#include <set>

#include "interp/order.h"
#include "ir/default_value.h"
#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/text.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::compiler::packaging {

using artifact::SizeOpCode;
using artifact::StepKind;
using ir::Expr;
using ir::Key;
using ir::Op;
using ir::ParamRole;
using ir::Type;

std::string extent_text(Expr e) {
  if (const auto n = ir::as_int(e)) return std::to_string(*n);
  if (e->op == Op::var) return e->string_attr(Key::name);
  return ir::print(e);
}

Expr literal_behind(Expr e) {
  while (e->op == Op::reshape) e = e->operand(0);
  return e->op == Op::constant || e->op == Op::imm ? e : nullptr;
}

Packager::Packager(const Compilation& compilation, artifact::Model& model, PackageNotes* notes)
    : compilation_(compilation),
      model_(model),
      notes_(notes),
      sizes_(model),
      storages_(model, sizes_),
      constants_(model) {}

size_t Packager::step(artifact::Step s) {
  model_.steps.push_back(s);
  return model_.steps.size() - 1;
}

Status Packager::run() {
  Values arguments;
  TENON_TRY_VOID(add_inputs(arguments));
  TENON_TRY_VOID(add_states(arguments));
  TENON_TRY(Values results, function(compilation_.function, arguments));
  TENON_TRY_VOID(update_params(arguments, results));
  TENON_TRY_VOID(add_outputs(results));
  const std::vector<std::vector<Reg>> blocks = storages_.plan();
  if (notes_ != nullptr) notes_->lifetimes = storages_.lifetimes();
  find_direct_outputs(results);
  sizes_.finish(blocks);
  return {};
}

// ---- the model's border

uint32_t Packager::symbol_of(Expr var) {
  const auto [at, is_new] = symbols_.emplace(var, static_cast<uint32_t>(model_.symbols.size()));
  if (is_new) model_.symbols.push_back(var->string_attr(Key::name));
  return at->second;
}

artifact::InputDim Packager::input_dim(uint32_t input, uint32_t axis, Expr e) {
  artifact::InputDim dim{extent_text(e), artifact::kNone, ir::as_int(e).value_or(-1)};
  if (e->op == Op::var) {
    dim.symbol = symbol_of(e);
    dim.text = model_.symbols[dim.symbol];
    if (!sizes_.is_bound(e)) sizes_.bind(e, sizes_.input_extent(input, axis));
  }
  return dim;
}

Status Packager::add_inputs(Values& values) {
  const ir::Function& f = compilation_.function;
  struct Check {
    Expr extent;
    Reg given;
    std::string message;
  };
  std::vector<Check> checks;
  for (uint32_t i = 0; i < f.params.size() && role_of(f.params[i]) != ParamRole::state; ++i) {
    const Expr p = f.params[i];
    artifact::Input in{p->string_attr(Key::name), p->dtype(), {}, artifact::kNone};
    for (uint32_t d = 0; d < p->shape().size(); ++d) {
      const Expr e = p->shape()[d];
      in.dims.push_back(input_dim(i, d, e));
      if (e->op != Op::var && in.dims[d].extent < 0)
        checks.push_back({e, sizes_.input_extent(i, d),
                          cat("input '", in.name, "': axis ", d, " is not ", in.dims[d].text,
                              ", which the other inputs give")});
    }
    if (const ir::ConstantRef value = ir::default_of(p))
      in.constant = constants_.add(compilation_.context->constant(p->type, *value));
    if (role_of(p) == ParamRole::constant) in.role = artifact::InputRole::constant;
    if (role_of(p) == ParamRole::inout) in.role = artifact::InputRole::inout;
    model_.inputs.push_back(std::move(in));
  }
  for (Check& c : checks) {
    TENON_TRY(const Reg expected, sizes_.compile(c.extent));
    sizes_.check(sizes_.op(SizeOpCode::eq, expected, c.given), std::move(c.message));
  }
  for (uint32_t i = 0; i < model_.inputs.size(); ++i) {
    Value v{artifact::kNone, f.params[i]->type, {}};
    if (model_.inputs[i].role == artifact::InputRole::inout) {
      TENON_TRY(v, storages_.add_fixed(artifact::SlotKind::input, i, v.type));
    } else {
      v.slot = storages_.input_slot(i);
    }
    values.push_back(std::move(v));
  }
  for (size_t i = 0; i < std::min(model_.inputs.size(), compilation_.index_bounds.size()); ++i) {
    if (compilation_.index_bounds[i] == nullptr) continue;
    // An extent that inputs do not decide is no help for making them.
    const Result<Reg> below = sizes_.compile(compilation_.index_bounds[i]);
    if (below && sizes_.stage_of(*below) == 0) model_.inputs[i].below = *below;
  }
  return {};
}

Status Packager::add_states(Values& values) {
  const ir::Function& f = compilation_.function;
  for (size_t i = model_.inputs.size(); i < f.params.size(); ++i) {
    const Expr p = f.params[i];
    artifact::State state{p->string_attr(Key::name), p->dtype(), {}, 0, artifact::kNone, {}};
    for (Expr e : p->shape()) {
      TENON_TRY(const Reg r, sizes_.compile(e));
      state.dims.push_back({extent_text(e), r});
    }
    state.reserved = static_cast<uint64_t>(ir::growth_of(p).reserved);
    if (const ir::ConstantRef value = ir::default_of(p)) {
      state.constant = constants_.add(compilation_.context->constant(p->type, *value));
      for (Expr e : p->shape()) state.initial.push_back(*ir::as_int(e));
    }
    const auto index = static_cast<uint32_t>(model_.states.size());
    model_.states.push_back(std::move(state));
    step({StepKind::resize, index, 0, 0, 0, 0});
    TENON_TRY(Value v, storages_.add_fixed(artifact::SlotKind::state, index, p->type));
    values.push_back(std::move(v));
  }
  return {};
}

Status Packager::copy_value(const Value& to, const Value& from) {
  TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(from.type));
  storages_.use(from);
  step({StepKind::copy, to.slot, from.slot, sizes_.bytes(bytes), 0, 0});
  return {};
}

/// Results that are parameters' new values go to the parameters' memory; the last steps of a run.
/// What else lies in memory that they overwrite is moved out of it before.
Status Packager::update_params(const Values& arguments, Values& results) {
  const ir::Function& f = compilation_.function;
  std::vector<std::optional<size_t>> updated;
  for (size_t r = 0; r < results.size(); ++r) updated.push_back(ir::updated_param(f, r));
  for (size_t r = 0; r < results.size(); ++r) {
    const Value* own = updated[r] ? &arguments[*updated[r]] : nullptr;
    if (!storages_.may_be_fixed(results[r], own)) continue;
    TENON_TRY(Value moved, storages_.add(results[r].type));
    TENON_TRY_VOID(copy_value(moved, results[r]));
    storages_.use(moved);
    results[r] = std::move(moved);
  }
  std::vector<bool> replaced(arguments.size());
  for (size_t r = 0; r < results.size(); ++r) {
    if (!updated[r]) continue;
    const Value& param = arguments[*updated[r]];
    if (results[r].slot == param.slot) continue;
    TENON_TRY_VOID(check_same_extents(param.type, results[r].type, f.result_names[r]));
    replaced[*updated[r]] = true;
    storages_.replace(param, results[r]);
    TENON_TRY_VOID(copy_value(param, results[r]));
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!replaced[i]) storages_.use(arguments[i]);
  return {};
}

Status Packager::check_same_extents(Type param, Type result, const std::string& name) {
  for (size_t d = 0; d < param->shape.size(); ++d) {
    TENON_TRY(const Reg want, sizes_.compile(param->shape[d]));
    TENON_TRY(const Reg have, sizes_.compile(result->shape[d]));
    if (want == have) continue;
    sizes_.check(
        sizes_.op(SizeOpCode::eq, want, have),
        cat("the new value of '", name, "' has another extent on axis ", d, " than the parameter"));
  }
  return {};
}

Status Packager::add_outputs(const Values& results) {
  const ir::Function& f = compilation_.function;
  for (size_t i = 0; i < results.size(); ++i) {
    const Value& v = results[i];
    storages_.use(v);
    artifact::Output out{i < f.result_names.size() ? f.result_names[i] : cat("output", i),
                         v.type->dtype,
                         {},
                         v.slot};
    for (Expr e : f.results[i]->shape()) {
      TENON_TRY(const Reg r, sizes_.compile(e));
      out.dims.push_back({extent_text(e), r});
    }
    model_.outputs.push_back(std::move(out));
  }
  return {};
}

/// Kernels write an output of the arena where the caller wants it: the amount that its memory must
/// hold is known when the slot is placed. A value that is an output twice is written once.
void Packager::find_direct_outputs(const Values& results) {
  std::set<uint32_t> taken;
  for (size_t i = 0; i < results.size(); ++i) {
    const std::optional<Reg> bytes = storages_.arena_bytes(results[i]);
    if (bytes && taken.insert(results[i].slot).second) model_.outputs[i].bytes = *bytes;
  }
}

// ---- functions and plain nodes

Status Packager::bind_extents(Type type, Type given) {
  for (size_t d = 0; d < type->shape.size(); ++d) {
    const Expr e = type->shape[d];
    if (e->op != Op::var || sizes_.is_bound(e)) continue;
    TENON_TRY(const Reg r, sizes_.compile(given->shape[d]));
    sizes_.bind(e, r);
  }
  return {};
}

/// Recursion follows the nesting of functions, not the depth of a graph.
Result<Values> Packager::function(const ir::Function& f, const Values& arguments,
                                  const Redirects& redirects) {
  TENON_CHECK(arguments.size() == f.params.size(),
              "a function is called with a wrong number of arguments");
  Activation a;
  a.redirects = redirects;
  for (size_t i = 0; i < arguments.size(); ++i) {
    TENON_TRY_VOID(bind_extents(f.params[i]->type, arguments[i].type));
    a.values[f.params[i]] = {arguments[i]};
  }
  const interp::Order order = interp::evaluation_order(f);
  // A body may not run at all, or more than once: its guards belong to its own place in time.
  const bool is_body = &f != &compilation_.function;
  const auto guards_after = [&](Expr n) -> Status {
    const auto found = order.guards.find(n);
    if (found == order.guards.end()) return {};
    if (is_body) sizes_.open_stage();
    for (const ir::Guard* g : found->second) {
      TENON_TRY(const Reg holds, sizes_.compile(g->condition));
      sizes_.check(holds, g->message, is_body);
    }
    return {};
  };
  TENON_TRY_VOID(guards_after(nullptr));
  for (Expr n : order.nodes) {
    TENON_TRY_VOID(node(n, a));
    if (const auto bound = order.bindings.find(n); bound != order.bindings.end())
      for (const ir::Binding* b : bound->second) TENON_TRY_VOID(bind_binding(*b, a));
    TENON_TRY_VOID(guards_after(n));
  }
  return operands_of(f.results, a);
}

Status Packager::bind_binding(const ir::Binding& b, Activation& a) {
  if (sizes_.is_bound(b.var)) return {};
  TENON_TRY(const Value tensor, value_of(b.tensor, a));
  storages_.use(tensor);
  const Reg index = sizes_.constant(b.index);
  sizes_.open_stage();
  sizes_.bind(b.var, sizes_.element(tensor.slot, index, tensor.type->dtype));
  return {};
}

Result<Value> Packager::value_of(Expr e, Activation& a) {
  const auto found = a.values.find(e);
  if (found != a.values.end()) {
    TENON_CHECK(found->second.size() == 1, "a tuple is used as one tensor");
    TENON_TRY_VOID(to_host(found->second[0]));
    return found->second[0];
  }
  if (e->op == Op::from_scalars) {
    TENON_TRY_VOID(from_scalars(e, a));
    return a.values.at(e)[0];
  }
  const Expr literal = literal_behind(e);
  TENON_CHECK(literal != nullptr, "a value is used before it is computed: " + ir::print(e));
  const Value v{storages_.constant_slot(constants_.add(literal)), e->type, {}};
  a.values[e] = {v};
  return v;
}

Result<Values> Packager::operands_of(std::span<const Expr> operands, Activation& a) {
  Values all;
  for (Expr e : operands) {
    TENON_TRY(Value v, value_of(e, a));
    all.push_back(std::move(v));
  }
  return all;
}

Status Packager::from_scalars(Expr n, Activation& a) {
  std::vector<Reg> regs;
  for (Expr e : n->operands) {
    TENON_TRY(const Reg r, sizes_.compile(e));
    regs.push_back(r);
  }
  TENON_TRY(Value out, storages_.add(n->type));
  const auto first = static_cast<uint32_t>(model_.register_list.size());
  model_.register_list.insert(model_.register_list.end(), regs.begin(), regs.end());
  step({StepKind::write, out.slot, first, static_cast<uint32_t>(regs.size()),
        static_cast<uint32_t>(n->dtype()), 0});
  a.values[n] = {std::move(out)};
  return {};
}

Status Packager::node(Expr n, Activation& a) {
  switch (n->op) {
    case Op::param:
    case Op::constant:  // literals are stored at their first use, which knows the packing
    case Op::imm:
      return {};
    case Op::reshape: {
      if (literal_behind(n) != nullptr) return {};
      TENON_TRY(Value v, value_of(n->operand(0), a));
      v.type = n->type;
      a.values[n] = {std::move(v)};
      return {};
    }
    case Op::tuple: {
      TENON_TRY(a.values[n], operands_of(n->operands, a));
      return {};
    }
    case Op::get: {
      const Values& fields = a.values.at(n->operand(0));
      Value field = fields[static_cast<size_t>(n->int_attr(Key::index))];
      a.values[n] = {std::move(field)};
      return {};
    }
    case Op::from_scalars:
      // Branches read a condition over extents from its register; who else reads it has it written.
      return n->dtype() == ir::DType::boolean ? Status{} : from_scalars(n, a);
    case Op::call_kernel:
      return call_kernel(n, a);
    case Op::if_:
      return if_node(n, a);
    case Op::loop:
      return loop_node(n, a);
    case Op::call: {
      TENON_TRY(const Values arguments, operands_of(n->operands, a));
      sizes_.push_scope();
      auto results = function(*n->function_attr(Key::body), arguments);
      sizes_.pop_scope();
      if (!results) return tl::make_unexpected(std::move(results).error());
      a.values[n] = *std::move(results);
      return {};
    }
    default:
      return fail("package.unsupported",
                  cat("'", ir::info(n->op).name, "' is not part of any kernel"));
  }
}

}  // namespace tenon::compiler::packaging
