// Broadcasting between symbolic extents of different names: where a run makes one of them 1, it
// stretches to the other (docs/decisions/0010-extents-that-broadcast-at-run-time.md).
#include <algorithm>

#include "frontend/onnx/builder.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

/// Parts of an extent, which names each of them twice: beyond this many it would have no end.
constexpr size_t kMostParts = 16;

std::vector<Expr> variables_of(Expr extent) {
  std::vector<Expr> all = ir::post_order(std::span(&extent, 1));
  std::erase_if(all, [](Expr e) { return e->op != Op::var; });
  return all;
}

/// The simpler of two extents that are assumed equal: a literal, else a variable, else the older
/// one.
Expr simpler(Expr a, Expr b) {
  const auto cost = [](Expr e) { return e->op == Op::imm ? 0 : e->op == Op::var ? 1 : 2; };
  if (cost(a) != cost(b)) return cost(a) < cost(b) ? a : b;
  return a->id <= b->id ? a : b;
}

}  // namespace

/// Extents that cannot be told apart and do not broadcast count as equal, as in the operators' own
/// rules; the broadcast between them says so.
Expr Builder::merge_extents(Expr a, Expr b) {
  if (same(a, b)) return simpler(a, b);
  if (ir::as_int(a) && ir::as_int(b)) return nullptr;
  return may_stretch(a, b) ? stretched(a, b) : simpler(a, b);
}

/// Extents that share a variable are two ways to compute one number; those of one name are meant
/// to be equal, and so are a literal and what the model computes. Only independent ones broadcast,
/// and what broadcasting gave before.
bool Builder::may_stretch(Expr a, Expr b) {
  if (ir::as_int(a)) std::swap(a, b);
  if (ir::as_int(b)) return a->op == Op::var && symbols->contains(a);
  const auto count = [&](Expr e) {
    const auto found = parts_.find(e);
    return found == parts_.end() ? size_t{1} : found->second.size();
  };
  if (count(a) + count(b) > kMostParts) return false;
  const auto plain = [&](Expr e) { return e->op == Op::var || parts_.contains(e); };
  if ((parts_.contains(a) || parts_.contains(b)) && plain(a) && plain(b)) return true;
  const std::vector<Expr> left = variables_of(ir::substitute(c, a, symbols->hints()));
  const std::vector<Expr> right = variables_of(ir::substitute(c, b, symbols->hints()));
  return !left.empty() && !right.empty() &&
         std::find_first_of(left.begin(), left.end(), right.begin(), right.end()) == left.end();
}

Expr Builder::stretched(Expr a, Expr b) {
  if (ir::as_int(a) || is_stretched(b, a)) return a;
  if (ir::as_int(b) || is_stretched(a, b)) return b;
  if (b->id < a->id) std::swap(a, b);
  const Expr both = simplify(ir::select(c, ir::eq(c, a, c.i64(1)), b, a));
  std::unordered_set<Expr> parts{a, b};
  for (Expr e : {a, b})
    if (const auto found = parts_.find(e); found != parts_.end())
      parts.insert(found->second.begin(), found->second.end());
  parts_[both].merge(parts);
  return both;
}

bool Builder::is_stretched(Expr from, Expr to) const {
  if (from == to || ir::as_int(from)) return false;
  if (ir::as_int(to)) return from->op == Op::var && symbols->contains(from);
  const auto found = parts_.find(to);
  return found != parts_.end() && found->second.contains(from);
}

/// What `from` was broadcast against to give `to`, for a message.
std::string Builder::partners(Expr from, Expr to) const {
  const auto found = parts_.find(to);
  if (found == parts_.end()) return ir::print(to);
  std::vector<Expr> others(found->second.begin(), found->second.end());
  std::erase_if(others, [&](Expr e) { return e == from || parts_.contains(e); });
  std::sort(others.begin(), others.end(), [](Expr a, Expr b) { return a->id < b->id; });
  std::string text;
  for (Expr e : others) text += (text.empty() ? "" : " or ") + ir::print(e);
  return text;
}

Expr Builder::stretch(Expr x, std::span<const Expr> shape) {
  Exprs wanted = x->shape();
  const size_t skip = shape.size() - wanted.size();
  for (size_t i = 0; i < wanted.size(); ++i)
    if (is_stretched(wanted[i], shape[skip + i])) wanted[i] = shape[skip + i];
  return wanted == x->shape() ? x : widened(x, wanted);
}

/// x where its extents are the wanted ones, which costs a comparison; else each axis read at its
/// one position.
Expr Builder::widened(Expr x, const Exprs& shape) {
  const Type type = c.tensor(x->dtype(), shape);
  const auto [found, is_new] = stretches_.try_emplace({x, type}, nullptr);
  if (!is_new && found->second != nullptr) return found->second;
  Expr same = c.bool_imm(true);
  const Expr inner = c.param("x", x->type);
  const Expr whole = c.param("x", x->type);
  Expr wide = inner;
  for (size_t i = 0; i < shape.size(); ++i) {
    const Expr from = x->shape()[i];
    if (from == shape[i]) continue;
    const Expr equal = ir::eq(c, from, shape[i]);
    same = ir::logical_and(c, same, equal);
    const Expr fits = ir::logical_or(c, equal, ir::eq(c, from, c.i64(1)));
    const bool known = std::any_of(facts->guards.begin(), facts->guards.end(),
                                   [&](const ir::Guard& g) { return g.condition == fits; });
    if (!known)
      facts->guards.push_back(
          {fits, cat(location, " needs ", ir::print(from), " to be 1 or to equal ",
                     partners(from, shape[i]), ", which does not hold for these inputs")});
    const Expr last = from_scalar(simplify(ir::sub(c, from, c.i64(1))));
    const Expr positions = binary(Op::min, iota(DType::i64, std::span(&shape[i], 1), 0), last);
    wide = gather(wide, positions, static_cast<int64_t>(i));
  }
  const auto body = [&](const char* which, Expr param, Expr result) {
    auto f = std::make_unique<ir::Function>();
    f->name = cat(name, which);
    f->params = {param};
    f->results = {result};
    return c.add(std::move(f));
  };
  const Expr holds = checked(Op::from_scalars, std::span<const Expr>(&same, 1), {}, c.boolean());
  const Expr operands[] = {holds, x};
  const Expr chosen = choose(operands, body(".whole", whole, whole), body(".wide", inner, wide),
                             std::span<const Type>(&type, 1));
  return stretches_[{x, type}] = get(chosen, 0);
}

}  // namespace tenon::onnx_import
