#include "ir/injective.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "ir/expr.h"
#include "ir/simplify.h"
#include "ir/statement.h"

namespace tenon::ir {
namespace {

struct Digit {
  int64_t weight;
  size_t var;
};

constexpr int64_t kMost = int64_t{1} << 31;  // of weights, extents and what digits reach

/// The variables of the index by their weights, or nothing when it is not linear in them.
std::vector<Digit> digits_of(Context& c, Expr index, std::span<const Expr> vars,
                             std::span<const Expr> extents) {
  const auto linear = has_load(index) ? std::nullopt : linear_in(c, index, vars);
  if (!linear) return {};
  std::vector<Digit> digits;
  for (size_t i = 0; i < vars.size(); ++i) {
    if (is_int(linear->coefficients[i], 0)) continue;
    const auto weight = as_int(linear->coefficients[i]);
    if (!weight || *weight < -kMost || *weight > kMost) return {};
    if (extents[i] == nullptr || !is_int(extents[i], 1)) digits.push_back({std::abs(*weight), i});
  }
  std::ranges::sort(digits, {}, &Digit::weight);
  return digits;
}

/// True if each weight is more than all digits below it make together.
bool are_apart(std::span<const Digit> digits, std::span<const Expr> extents) {
  int64_t reach = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (digits[i].weight <= reach) return false;
    if (i + 1 == digits.size()) break;
    const Expr extent = extents[digits[i].var];
    const Interval size = extent == nullptr ? Interval{} : bounds(extent);  // as in min(n, 64)
    if (size.hi > kMost) return false;
    reach += digits[i].weight * std::max<int64_t>(size.hi - 1, 0);
    if (reach > kMost) return false;
  }
  return true;
}

}  // namespace

std::vector<bool> told_apart(Context& c, std::span<const Expr> indices, std::span<const Expr> vars,
                             std::span<const Expr> extents) {
  std::vector<bool> told;
  for (Expr extent : extents) told.push_back(extent != nullptr && is_int(extent, 1));
  for (Expr index : indices) {
    const std::vector<Digit> digits = digits_of(c, index, vars, extents);
    if (!are_apart(digits, extents)) continue;
    for (const Digit& d : digits) told[d.var] = true;
  }
  return told;
}

bool is_injective(Context& c, std::span<const Expr> indices, std::span<const Expr> vars,
                  std::span<const Expr> extents) {
  const std::vector<bool> told = told_apart(c, indices, vars, extents);
  return std::ranges::all_of(told, [](bool t) { return t; });
}

}  // namespace tenon::ir
