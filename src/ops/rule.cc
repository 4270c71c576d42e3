#include "ops/rule.h"

#include "ir/simplify.h"

namespace tenon::ops {

void Rule::rely_on(Expr condition) const {
  if (args_.relied_on == nullptr) return;
  const Expr simple = ir::simplify(c(), condition);
  if (!ir::is_int(simple, 1)) args_.relied_on->push_back(simple);
}

bool Rule::may_equal(Expr a, Expr b) const {
  if (a == b) return true;
  if (provably_differ(c(), a, b)) return false;
  rely_on(ir::eq(c(), a, b));
  return true;
}

bool Rule::may_fit(Expr a, Expr b) const {
  if (provably_less(c(), b, a)) return false;
  rely_on(ir::le(c(), a, b));
  return true;
}

std::optional<Expr> Rule::unify(Expr a, Expr b) const {
  if (!may_equal(a, b)) return std::nullopt;
  return ops::unify(c(), a, b);
}

std::optional<std::vector<Expr>> Rule::unify(std::span<const Expr> a,
                                             std::span<const Expr> b) const {
  if (a.size() != b.size()) return std::nullopt;
  for (size_t i = 0; i < a.size(); ++i)
    if (!may_equal(a[i], b[i])) return std::nullopt;
  return ops::unify(c(), a, b);
}

tl::unexpected<Error> Rule::refuse(int constraint, std::string message) const {
  std::string name(ir::info(args_.op).name);
  return fail(name + ".C" + std::to_string(constraint), name + ": " + std::move(message));
}

tl::unexpected<Error> Rule::missing(ir::Key key) const {
  std::string name(ir::info(args_.op).name);
  return fail(name + ".attribute",
              name + ": attribute " + std::string(ir::key_name(key)) + " is missing or malformed");
}

Status Rule::check_axis(int constraint, int64_t axis, int rank) const {
  if (axis >= 0 && axis < rank) return {};
  return refuse(constraint, "axis " + std::to_string(axis) + " is outside of a tensor of rank " +
                                std::to_string(rank));
}

Status Rule::check_axes(int constraint, std::span<const int64_t> axes, int rank) const {
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (int64_t axis : axes) {
    TENON_TRY_VOID(check_axis(constraint, axis, rank));
    if (seen[static_cast<size_t>(axis)])
      return refuse(constraint,
                    "axis " + std::to_string(axis) + " is named twice in " + show(axes));
    seen[static_cast<size_t>(axis)] = true;
  }
  return {};
}

}  // namespace tenon::ops
