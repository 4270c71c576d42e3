// What the verifiers of graphs and of kernels share: collecting errors, and checks of one node
// against its row of the operator table.
#pragma once

#include <string>
#include <string_view>

#include "ir/node.h"
#include "support/result.h"

namespace tenon::ir {

class Findings {
 public:
  /// Adds an error about `e`, shown in text form (cut when long). At most a few are kept.
  void add(std::string_view code, std::string_view what, Expr e = nullptr);
  [[nodiscard]] size_t count() const { return error_.diagnostics.size(); }
  [[nodiscard]] bool full() const { return error_.diagnostics.size() >= 5; }
  [[nodiscard]] Status status(std::string_view where);

 private:
  Error error_;
};

/// Stage letter, number of operands, attributes known and of the right kind. False when a further
/// look at the node would trip over what is missing.
bool check_row(Expr e, char stage, Findings& out);
/// Operand and result types of an elementwise scalar node.
void check_scalar(Expr e, Findings& out);
/// The same of an operator of class `lanes`.
void check_lanes(Expr e, Findings& out);
/// Mask and indices of a load or store, and the lanes of what is loaded or stored.
void check_access(Expr e, Findings& out);

}  // namespace tenon::ir
