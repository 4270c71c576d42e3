#include "compiler/package/size_program.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/text.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::compiler::packaging {

using artifact::SizeOp;
using artifact::SizeOpCode;
using ir::Expr;
using ir::Op;

SizeProgram::SizeProgram(artifact::Model& model) : model_(model), scopes_(1) {
  const uint32_t first = open_stage();
  TENON_CHECK(first == 0, "the first stage is not the first");
  units_.push_back(constant(1));
  unit_of_reg_[units_[0]] = 0;
}

Reg SizeProgram::fresh(uint32_t stage, int64_t value) {
  model_.registers.push_back(value);
  stage_of_.push_back(stage);
  return static_cast<Reg>(model_.registers.size() - 1);
}

Reg SizeProgram::constant(int64_t value) {
  const auto [at, is_new] = constants_.emplace(value, 0);
  if (is_new) {
    at->second = fresh(0, value);
    constant_values_[at->second] = value;
  }
  return at->second;
}

std::optional<int64_t> SizeProgram::as_constant(Reg r) const {
  const auto found = constant_values_.find(r);
  return found == constant_values_.end() ? std::nullopt : std::optional(found->second);
}

namespace {

int operand_count(SizeOpCode code) {
  if (code == SizeOpCode::move || code == SizeOpCode::not_) return 1;
  return code == SizeOpCode::select ? 3 : 2;
}

bool is_commutative(SizeOpCode code) {
  switch (code) {
    case SizeOpCode::add:
    case SizeOpCode::mul:
    case SizeOpCode::min:
    case SizeOpCode::max:
    case SizeOpCode::eq:
    case SizeOpCode::ne:
    case SizeOpCode::bytes:
      return true;
    default:
      return false;
  }
}

}  // namespace

Reg SizeProgram::op(SizeOpCode code, Reg a, Reg b, Reg c) {
  const int n = operand_count(code);
  if (is_commutative(code) && b < a) std::swap(a, b);
  if (code == SizeOpCode::mul || code == SizeOpCode::bytes) {
    if (as_constant(a) == 1) return b;
    if (as_constant(b) == 1) return a;
  }
  const auto [at, is_new] = known_ops_.emplace(OpKey{code, a, n > 1 ? b : 0, n > 2 ? c : 0}, 0);
  if (!is_new) return at->second;
  uint32_t stage = stage_of_[a];
  if (n > 1) stage = std::max(stage, stage_of_[b]);
  if (n > 2) stage = std::max(stage, stage_of_[c]);
  at->second = fresh(stage);
  ops_[stage].push_back(
      {code, artifact::DType::i64, 0, at->second, a, n > 1 ? b : 0, n > 2 ? c : 0});
  return at->second;
}

Reg SizeProgram::variable(uint32_t stage) { return fresh(stage); }

void SizeProgram::check(Reg holds, std::string message, bool here) {
  model_.messages.push_back(std::move(message));
  ops_[here ? ops_.size() - 1 : stage_of_[holds]].push_back(
      {SizeOpCode::check, artifact::DType::i64, 0, holds, holds,
       static_cast<uint32_t>(model_.messages.size() - 1), 0});
}

Reg SizeProgram::input_extent(uint32_t input, uint32_t axis) {
  const Reg r = fresh(0);
  ops_[0].push_back({SizeOpCode::input_extent, artifact::DType::i64, 0, r, input, axis, 0});
  return r;
}

uint32_t SizeProgram::open_stage() {
  ops_.emplace_back();
  const auto stage = static_cast<uint32_t>(ops_.size() - 1);
  model_.steps.push_back({artifact::StepKind::stage, stage, 0, 0, 0, 0});
  return stage;
}

void SizeProgram::assign(Reg dst, SizeOpCode code, Reg a, Reg b) {
  ops_.back().push_back({code, artifact::DType::i64, 0, dst, a, b, 0});
}

Reg SizeProgram::element(uint32_t slot, Reg index, ir::DType dtype) {
  const Reg r = fresh(static_cast<uint32_t>(ops_.size() - 1));
  ops_.back().push_back({SizeOpCode::element, dtype, 0, r, slot, index, 0});
  return r;
}

std::optional<Reg> SizeProgram::find(Expr e) const {
  for (size_t i = scopes_.size(); i-- > 0;)
    if (const auto found = scopes_[i].find(e); found != scopes_[i].end()) return found->second;
  return std::nullopt;
}

/// Iterative: extents of a long chain nest as deep as the chain.
Result<Reg> SizeProgram::compile(Expr root) {
  std::vector<Expr> stack{root};
  while (!stack.empty()) {
    const Expr e = stack.back();
    if (find(e)) {
      stack.pop_back();
      continue;
    }
    const size_t before = stack.size();
    for (Expr operand : e->operands)
      if (!find(operand)) stack.push_back(operand);
    if (stack.size() > before) continue;
    TENON_TRY(const Reg r, compile_node(e));
    scopes_.back()[e] = r;
    stack.pop_back();
  }
  return *find(root);
}

Result<Reg> SizeProgram::compile_node(Expr e) {
  if (const auto literal = ir::as_int(e)) return constant(*literal);
  if (e->op == Op::var)
    return fail("package.unbound_size",
                cat("the size '", e->string_attr(ir::Key::name),
                    "' is given by no input and no computed value; add an input "
                    "whose extent it is"));
  std::vector<Reg> operands;
  for (Expr operand : e->operands) operands.push_back(*find(operand));
  return compile_operator(e, operands);
}

Result<Reg> SizeProgram::compile_operator(Expr e, std::span<const Reg> x) {
  switch (e->op) {
    case Op::add:
      return op(SizeOpCode::add, x[0], x[1]);
    case Op::sub:
      return op(SizeOpCode::sub, x[0], x[1]);
    case Op::mul:
      return op(SizeOpCode::mul, x[0], x[1]);
    case Op::div:
      return op(SizeOpCode::div, x[0], x[1]);
    case Op::floordiv:
      return op(SizeOpCode::floordiv, x[0], x[1]);
    case Op::mod:
      return op(SizeOpCode::mod, x[0], x[1]);
    case Op::fmod:  // x - trunc(x / y) * y
      return op(SizeOpCode::sub, x[0], op(SizeOpCode::mul, op(SizeOpCode::div, x[0], x[1]), x[1]));
    case Op::neg:
      return op(SizeOpCode::sub, constant(0), x[0]);
    case Op::abs:
      return op(SizeOpCode::max, x[0], op(SizeOpCode::sub, constant(0), x[0]));
    case Op::sign:
      return op(SizeOpCode::sub, op(SizeOpCode::lt, constant(0), x[0]),
                op(SizeOpCode::lt, x[0], constant(0)));
    case Op::min:
      return op(SizeOpCode::min, x[0], x[1]);
    case Op::max:
      return op(SizeOpCode::max, x[0], x[1]);
    case Op::eq:
      return op(SizeOpCode::eq, x[0], x[1]);
    case Op::ne:
      return op(SizeOpCode::ne, x[0], x[1]);
    case Op::lt:
      return op(SizeOpCode::lt, x[0], x[1]);
    case Op::le:
      return op(SizeOpCode::le, x[0], x[1]);
    case Op::gt:
      return op(SizeOpCode::lt, x[1], x[0]);
    case Op::ge:
      return op(SizeOpCode::le, x[1], x[0]);
    case Op::and_:
      return op(SizeOpCode::and_, x[0], x[1]);
    case Op::or_:
      return op(SizeOpCode::or_, x[0], x[1]);
    case Op::xor_:
      return op(SizeOpCode::xor_, x[0], x[1]);
    case Op::shl:
      return op(SizeOpCode::shl, x[0], x[1]);
    case Op::shr:
      return op(SizeOpCode::shr, x[0], x[1]);
    case Op::select:
      return op(SizeOpCode::select, x[0], x[1], x[2]);
    case Op::not_:
      if (e->dtype() == ir::DType::boolean) return op(SizeOpCode::not_, x[0]);
      return op(SizeOpCode::sub, constant(-1), x[0]);
    case Op::cast:
      if (e->dtype() == ir::DType::i64 && !ir::is_float(e->operand(0)->dtype())) return x[0];
      if (e->dtype() == ir::DType::boolean) return op(SizeOpCode::ne, x[0], constant(0));
      break;
    default:
      break;
  }
  return fail("package.unsupported",
              cat("a size is computed by '", ir::info(e->op).name, "': ", ir::print(e)));
}

Result<graph::SizeTerm> SizeProgram::bytes_of(ir::Type type) {
  graph::SizeTerm term{ir::info(type->dtype).element_bytes, 0};
  std::vector<Expr> atoms;
  std::vector<Expr> work(type->shape.rbegin(), type->shape.rend());
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (const auto n = ir::as_int(e)) {
      if (*n < 0 || __builtin_mul_overflow(term.factor, *n, &term.factor) ||
          term.factor > int64_t{1} << 50)
        return fail("package.unsupported",
                    cat("a tensor of type ", ir::print(type), " does not fit into memory"));
    } else if (e->op == Op::mul) {
      work.push_back(e->operand(0));
      work.push_back(e->operand(1));
    } else {
      atoms.push_back(e);
    }
  }
  TENON_TRY(term.unit, unit_of(atoms));
  return term;
}

Result<uint32_t> SizeProgram::unit_of(std::span<const Expr> atoms) {
  std::vector<Reg> regs;
  for (Expr e : atoms) {
    TENON_TRY(const Reg r, compile(e));
    regs.push_back(r);
  }
  std::sort(regs.begin(), regs.end());
  Reg unit = units_[0];
  for (const Reg r : regs) unit = op(SizeOpCode::bytes, unit, r);
  const auto [at, is_new] = unit_of_reg_.emplace(unit, static_cast<uint32_t>(units_.size()));
  if (is_new) units_.push_back(unit);
  return at->second;
}

Reg SizeProgram::bytes(const graph::SizeTerm& term) {
  if (term.unit == 0) return constant(term.factor);
  return op(SizeOpCode::bytes, units_[term.unit], constant(term.factor));
}

void SizeProgram::finish(std::span<const std::vector<Reg>> blocks_of_stage) {
  for (uint32_t s = 0; s < ops_.size(); ++s) {
    artifact::Stage stage;
    stage.first_op = static_cast<uint32_t>(model_.size_ops.size());
    stage.ops = static_cast<uint32_t>(ops_[s].size());
    stage.first_block = static_cast<uint32_t>(model_.blocks.size());
    stage.dynamic = s == 0 ? 0 : 1;
    model_.size_ops.insert(model_.size_ops.end(), ops_[s].begin(), ops_[s].end());
    if (s < blocks_of_stage.size()) {
      model_.blocks.insert(model_.blocks.end(), blocks_of_stage[s].begin(),
                           blocks_of_stage[s].end());
      stage.blocks = static_cast<uint32_t>(blocks_of_stage[s].size());
    }
    model_.stages.push_back(stage);
  }
}

}  // namespace tenon::compiler::packaging
