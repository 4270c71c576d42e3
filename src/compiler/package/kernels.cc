// Calls of kernels: arguments, launches, the kernel table.
#include <algorithm>
#include <cstdio>
#include <set>

#include "compiler/package/packager.h"
#include "ir/expr.h"
#include "ir/packed.h"
#include "ir/rewrite.h"
#include "ops/tensor.h"
#include "support/check.h"
#include "support/hash.h"
#include "support/text.h"

namespace tenon::compiler::packaging {

using artifact::StepKind;
using ir::Expr;
using ir::KernelParam;
using ir::Key;
using ir::Op;
using ir::ParamRole;

namespace {

/// Names a kernel in databases: texts are long, their hashes are not.
std::string hash_text(const std::string& text) {
  char out[17];
  std::snprintf(out, sizeof out, "%016llx",
                static_cast<unsigned long long>(hash_bytes(text.data(), text.size())));
  return out;
}

/// The instructions of its code, by name and sorted.
std::vector<std::string> instructions_of(const ir::Kernel& finalized) {
  std::set<std::string> names;
  for (Expr e : ir::post_order(std::span(&finalized.body, 1)))
    if (e->op == Op::instr) names.insert(ir::InstrView{e}.name());
  return {names.begin(), names.end()};
}

std::vector<ir::Type> fields_of(Expr n) {
  return n->type->kind == ir::TypeKind::tuple ? n->type->fields : std::vector<ir::Type>{n->type};
}

}  // namespace

uint32_t Packager::host_function(const std::string& name) {
  std::vector<std::string>& all = model_.host_functions;
  const auto at = std::find(all.begin(), all.end(), name);
  if (at != all.end()) return static_cast<uint32_t>(at - all.begin());
  all.push_back(name);
  return static_cast<uint32_t>(all.size() - 1);
}

uint32_t Packager::entry_of(const std::string& symbol) {
  const auto [at, is_new] = entries_.emplace(symbol, static_cast<uint32_t>(model_.entries.size()));
  if (is_new) model_.entries.push_back({symbol, 0});
  return at->second;
}

const Packager::KernelFacts& Packager::facts_of(size_t kernel) {
  const auto [at, is_new] = facts_.try_emplace(kernel);
  if (is_new) {
    const CompiledKernel& k = *compilation_.kernels[kernel];
    at->second.cost = cost_of(*k.definition);
    if (!k.definition->host_function.empty()) return at->second;  // it may read what it has written
    at->second.in_place = graph::inplace_pairs(*k.loops);
    for (Expr s : ir::post_order(std::span(&k.definition->body, 1)))
      at->second.checks_indices = at->second.checks_indices || s->op == Op::fail_;
  }
  return at->second;
}

/// Scopes hold the sizes of definition and finalized kernel while this runs.
Result<uint32_t> Packager::add_row(size_t kernel, Expr n) {
  const CompiledKernel& k = *compilation_.kernels[kernel];
  const KernelCost& cost = facts_of(kernel).cost;
  artifact::KernelInfo row;
  row.name = k.definition->name;
  row.op = cost.op;
  row.key = hash_text(k.text);
  row.schedule = k.choice.name;
  row.instructions = instructions_of(*k.finalized);
  ir::Map to_graph;
  const std::vector<Expr>& given = n->exprs_attr(Key::sizes);
  for (size_t i = 0; i < given.size(); ++i) to_graph[k.definition->sizes[i]] = given[i];
  for (Expr e : cost.extents) {
    const Expr seen = ir::copy_to(*compilation_.context, e, to_graph);
    row.shape += (row.shape.empty() ? "" : "x") + extent_text(seen);
  }
  TENON_TRY(row.bytes, sizes_.compile(cost.bytes));
  if (cost.flops != nullptr) {
    TENON_TRY(row.flops, sizes_.compile(cost.flops));
  }
  model_.kernels.push_back(std::move(row));
  return static_cast<uint32_t>(model_.kernels.size() - 1);
}

Result<const Packager::Prepared*> Packager::prepare(size_t kernel, const std::vector<Reg>& sizes,
                                                    Expr n) {
  const auto [at, is_new] = prepared_.try_emplace({kernel, sizes});
  Prepared& p = at->second;
  if (!is_new) return &p;
  const CompiledKernel& k = *compilation_.kernels[kernel];
  TENON_CHECK(
      k.finalized->sizes.size() == sizes.size() && k.definition->sizes.size() == sizes.size(),
      "a kernel is called with a wrong number of sizes");
  sizes_.push_scope();
  for (size_t i = 0; i < sizes.size(); ++i) {
    sizes_.bind(k.finalized->sizes[i], sizes[i]);
    if (k.definition->sizes[i] != k.finalized->sizes[i])
      sizes_.bind(k.definition->sizes[i], sizes[i]);
  }
  const auto fill = [&]() -> Status {
    for (const target::Launch& l : k.object.launches) {
      TENON_TRY(const Reg grid, sizes_.compile(l.grid));
      TENON_TRY(const Reg scratch, sizes_.compile(l.scratch_bytes));
      p.launches.push_back({entry_of(l.symbol), grid, scratch});
    }
    for (Expr buffer : k.finalized->buffers) {
      if (buffer->type->scope != ir::Scope::global) continue;
      TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(buffer->type));
      p.internal.push_back(bytes);
    }
    TENON_TRY(p.row, add_row(kernel, n));
    return {};
  };
  const Status filled = fill();
  sizes_.pop_scope();
  if (!filled) return tl::make_unexpected(filled.error());
  return &p;
}

/// A result may take the memory of an input that no other param of the call sees.
void Packager::offer_in_place(size_t kernel, const std::vector<Value>& params, uint32_t last) {
  for (const graph::InPlacePair& pair : facts_of(kernel).in_place) {
    const Value& in = params[pair.in];
    bool alone = in.storages.size() == 1;
    for (size_t i = 0; i < params.size() && alone; ++i)
      alone = i == pair.in || std::find(params[i].storages.begin(), params[i].storages.end(),
                                        in.storages[0]) == params[i].storages.end();
    if (alone) storages_.allow_in_place(params[pair.out], in, last);
  }
}

/// True if the parameter's bytes are not those of the tensor with elements that are addressed
/// alone.
bool Packager::has_own_bytes(const KernelParam& param) {
  return !param.packing.empty() || ir::shares_bytes(param);
}

/// The bytes of a constant parameter as its kernel reads them.
Result<Value> Packager::packed_constant(const KernelParam& param, Expr operand) {
  const Expr literal = literal_behind(operand);
  if (literal == nullptr)
    return fail("package.constant",
                cat("parameter '", param.buffer->string_attr(Key::name),
                    "' of a kernel is a constant, whose bytes are laid out when the model is "
                    "compiled, but is given a computed tensor; declare it `in`, without a layout"));
  std::vector<int64_t> dims = param.logical;
  if (dims.empty()) {
    for (Expr e : operand->shape()) {
      TENON_CHECK(ir::as_int(e).has_value(), "a constant has a symbolic extent");
      dims.push_back(*ir::as_int(e));
    }
  }
  const ir::DType type = literal->dtype();
  if (literal->op == Op::constant &&
      ir::byte_size(type, static_cast<uint64_t>(ops::product(dims))) !=
          literal->constant_attr()->size)
    return fail("package.constant",
                cat("constant '", param.buffer->string_attr(Key::name), "' of a kernel has ",
                    literal->constant_attr()->size, " bytes, not those of ", shape_text(dims),
                    " elements, which its layout sees"));
  return Value{
      storages_.constant_slot(constants_.add(literal, dims, param.packing)), operand->type, {}};
}

/// A kernel changes elements of its inout params: each call gets a copy of what it changes, one for
/// each such param in order. The plan gives a value that dies here and its copy the same memory,
/// and the copy then does nothing.
Result<Values> Packager::copy_updated(Expr n, const ir::Kernel& k, Activation& a) {
  const std::vector<ir::Type> types = fields_of(n);
  Values copies;
  size_t operand = 0;
  size_t field = 0;
  for (const KernelParam& param : k.params) {
    if (param.role == ParamRole::inout) {
      TENON_TRY(const Value from, value_of(n->operand(operand), a));
      const ir::Type type = types[field];
      TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(type));
      const auto redirect = a.redirects.find({n->id, field});
      Value copy{artifact::kNone, type, {}};
      if (redirect != a.redirects.end()) {
        copy.slot = storages_.dynamic_slot(redirect->second);
      } else {
        TENON_TRY(copy, storages_.add(type));
      }
      storages_.use(from);
      storages_.allow_in_place(copy, from, storages_.now());
      step({StepKind::copy, copy.slot, from.slot, sizes_.bytes(bytes), 0, 0});
      copies.push_back(std::move(copy));
    }
    operand += ir::is_read(param.role) ? 1 : 0;
    field += ir::is_written(param.role) ? 1 : 0;
  }
  return copies;
}

/// Values of the kernel's params in order; results are made on the way. `copies` are the inout
/// ones.
Result<Values> Packager::call_params(Expr n, const ir::Kernel& k, Activation& a,
                                     const Values& copies, uint32_t last, Values& results) {
  const std::vector<ir::Type> types = fields_of(n);
  Values params;
  size_t operand = 0;
  size_t updated = 0;
  for (const KernelParam& param : k.params) {
    if (param.role == ParamRole::inout) {
      const Value& changed = copies[updated++];
      storages_.use(changed, last);
      ++operand;
      results.push_back(changed);
      params.push_back(changed);
      continue;
    }
    if (param.role != ParamRole::out) {
      TENON_CHECK(operand < n->operands.size(), "a kernel is called with too few operands");
      const Expr e = n->operand(operand++);
      TENON_TRY(Value in, has_own_bytes(param) ? packed_constant(param, e) : value_of(e, a));
      storages_.use(in, last);
      params.push_back(std::move(in));
      continue;
    }
    TENON_CHECK(results.size() < types.size(), "a kernel has more results than its call");
    const ir::Type type = types[results.size()];
    const auto redirect = a.redirects.find({n->id, results.size()});
    Value out{artifact::kNone, type, {}};
    if (redirect != a.redirects.end()) {
      out.slot = storages_.dynamic_slot(redirect->second);
    } else {
      TENON_TRY(out, storages_.add(type));
      storages_.use(out, last);
    }
    results.push_back(out);
    params.push_back(std::move(out));
  }
  TENON_CHECK(results.size() == types.size() && operand == n->operands.size(),
              "a kernel and its call differ");
  return params;
}

/// The message that names the nodes of a call whose indices its kernel checks.
uint32_t Packager::checked_nodes(Expr n) {
  const std::string_view where = compilation_.context->location(n);
  if (where.empty() || !facts_of(compilation_.kernel_of.at(n->kernel_attr())).checks_indices)
    return artifact::kNone;
  model_.messages.emplace_back(where);
  return static_cast<uint32_t>(model_.messages.size() - 1);
}

void Packager::write_call(Expr n, const Prepared& p, const Values& params,
                          const std::vector<Reg>& sizes, uint32_t last, uint32_t device) {
  artifact::Call call;
  call.first_buffer = static_cast<uint32_t>(model_.buffer_list.size());
  for (const Value& v : params) model_.buffer_list.push_back(v.slot);
  for (const graph::SizeTerm& bytes : p.internal) {
    const Value v = device == 0 ? storages_.add(bytes) : storages_.add_on_device(bytes, device);
    storages_.use(v, last);
    model_.buffer_list.push_back(v.slot);
  }
  call.buffers = static_cast<uint32_t>(model_.buffer_list.size()) - call.first_buffer;
  call.first_size = static_cast<uint32_t>(model_.register_list.size());
  call.sizes = static_cast<uint32_t>(sizes.size());
  model_.register_list.insert(model_.register_list.end(), sizes.begin(), sizes.end());
  call.where = checked_nodes(n);
  model_.calls.push_back(call);
  const auto index = static_cast<uint32_t>(model_.calls.size() - 1);
  const std::string& function = n->kernel_attr()->host_function;
  if (!function.empty()) step({StepKind::host_call, index, host_function(function)});
  for (const Prepared::Launch& l : p.launches)
    step({StepKind::launch, index, l.entry, l.grid, l.scratch, p.row, device});
  if (device == 0) offer_in_place(compilation_.kernel_of.at(n->kernel_attr()), params, last);
}

Status Packager::call_kernel(Expr n, Activation& a) {
  const auto found = compilation_.kernel_of.find(n->kernel_attr());
  TENON_CHECK(found != compilation_.kernel_of.end(), "a kernel was not compiled");
  std::vector<Reg> sizes;
  for (Expr e : n->exprs_attr(Key::sizes)) {
    TENON_TRY(const Reg r, sizes_.compile(e));
    sizes.push_back(r);
  }
  TENON_TRY(const Prepared* const p, prepare(found->second, sizes, n));
  // Dynamic buffers that results go to straight get room before the first launch.
  const std::vector<ir::Type> types = fields_of(n);
  for (size_t field = 0; field < types.size(); ++field) {
    const auto redirect = a.redirects.find({n->id, field});
    if (redirect == a.redirects.end()) continue;
    TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(types[field]));
    step({StepKind::reserve, redirect->second, sizes_.bytes(bytes), 0, 0, 0});
  }
  const ir::Kernel& kernel = *compilation_.kernels[found->second]->finalized;
  if (const uint32_t device = device_of(n->kernel_attr()); device != 0)
    return device_call(n, kernel, *p, sizes, device, a);
  Values results;
  TENON_TRY(const Values copies, copy_updated(n, kernel, a));
  const uint32_t last =
      storages_.now() + static_cast<uint32_t>(std::max<size_t>(p->launches.size(), 1)) - 1;
  TENON_TRY(const Values params, call_params(n, kernel, a, copies, last, results));
  write_call(n, *p, params, sizes, last);
  a.values[n] = std::move(results);
  return {};
}

}  // namespace tenon::compiler::packaging
