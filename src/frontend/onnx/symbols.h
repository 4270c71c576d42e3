// The variables behind a model's symbolic dimensions. A name that several axes of inputs share is a
// hint: the axes are one variable only where an operator needs them to be equal.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ir/node.h"
#include "ir/rewrite.h"

namespace tenon::onnx_import {

class Symbols {
 public:
  Symbols(ir::Context& c, const std::unordered_map<std::string, int64_t>& fixed)
      : c_(c), fixed_(fixed) {}

  /// The extent of an axis of an input that the model calls `name` ("": nothing).
  ir::Expr extent(const std::string& input, size_t axis, const std::string& name);
  /// Symbolic dimensions by name, in order of first appearance.
  [[nodiscard]] const std::vector<std::pair<std::string, ir::Expr>>& all() const { return all_; }
  [[nodiscard]] bool contains(ir::Expr var) const { return vars_.contains(var); }
  /// Variables of later axes of a name to that of its first.
  [[nodiscard]] const ir::Map& hints() const { return hints_; }

  /// Axes that share a name stay one variable from here on where a condition speaks of both. True
  /// if that makes a difference to the variables given so far.
  bool join(const std::vector<ir::Expr>& conditions);
  /// The same for all axes that share a name.
  void join_all() { join_all_ = true; }
  /// Forgets all variables, for another import.
  void restart();

 private:
  /// The axes of one name. leader[k] is the axis whose variable axis k takes.
  struct Group {
    std::vector<size_t> leader;
    std::vector<ir::Expr> vars;
  };
  ir::Context& c_;
  const std::unordered_map<std::string, int64_t>& fixed_;
  bool join_all_ = false;
  std::map<std::string, Group> groups_;
  std::vector<std::pair<std::string, ir::Expr>> all_;
  std::unordered_set<ir::Expr> vars_;
  ir::Map hints_;
};

/// True for names that exporters write where they know none: "", "?", "None", "unk__12" and the
/// like.
[[nodiscard]] bool is_anonymous(const std::string& name);

}  // namespace tenon::onnx_import
