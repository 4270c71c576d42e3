#include "frontend/onnx/symbols.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <unordered_set>

#include "ir/expr.h"
#include "support/text.h"

namespace tenon::onnx_import {

using ir::Expr;

bool is_anonymous(const std::string& name) {
  std::string word;  // lower case, without a number and the underscores in front of it
  for (const char c : name)
    if (std::isspace(static_cast<unsigned char>(c)) == 0)
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  while (!word.empty() && std::isdigit(static_cast<unsigned char>(word.back())) != 0)
    word.pop_back();
  while (!word.empty() && (word.back() == '_' || word.back() == '-')) word.pop_back();
  constexpr std::array<std::string_view, 11> kWords = {
      "", "?", "*", "none", "null", "nil", "nan", "unk", "unknown", "dyn", "dynamic"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

Expr Symbols::extent(const std::string& input, size_t axis, const std::string& name) {
  const bool own = is_anonymous(name);
  const std::string known_as = own ? cat(input, ".d", axis) : name;
  if (const auto fixed = fixed_.find(own && fixed_.contains(name) ? name : known_as);
      fixed != fixed_.end())
    return c_.i64(fixed->second);
  if (own) {
    all_.emplace_back(known_as, c_.var(known_as));
    vars_.insert(all_.back().second);
    return all_.back().second;
  }
  Group& group = groups_[name];
  const size_t k = group.vars.size();
  if (k == group.leader.size()) group.leader.push_back(join_all_ ? 0 : k);
  const size_t leader = join_all_ ? 0 : group.leader[k];
  if (leader < k) {
    group.vars.push_back(group.vars[leader]);
  } else {
    group.vars.push_back(c_.var(name));
    all_.emplace_back(name, group.vars[k]);
    vars_.insert(group.vars[k]);
    if (k > 0) hints_[group.vars[k]] = group.vars[0];
  }
  return group.vars[k];
}

bool Symbols::join(const std::vector<Expr>& conditions) {
  bool joined = false;
  for (Expr condition : conditions) {
    std::unordered_set<Expr> vars;
    for (Expr e : ir::post_order(std::span(&condition, 1)))
      if (e->op == ir::Op::var) vars.insert(e);
    for (auto& [name, group] : groups_) {
      size_t first = group.vars.size();
      for (size_t k = 0; k < group.vars.size(); ++k) {
        if (!vars.contains(group.vars[k])) continue;
        if (first == group.vars.size()) first = group.leader[k];
        const size_t other = group.leader[k];
        if (other == first) continue;
        joined = true;
        const size_t least = std::min(first, other);
        for (size_t& leader : group.leader)
          if (leader == first || leader == other) leader = least;
        first = least;
      }
    }
  }
  return joined;
}

void Symbols::restart() {
  for (auto& [name, group] : groups_) group.vars.clear();
  all_.clear();
  hints_.clear();
}

}  // namespace tenon::onnx_import
