// The printer behind text.h. Scalar expressions are infix; parts that are used more than once, or
// nest too deeply, get a line of their own (`t0 := ...`), so that text grows linearly with the
// graph and neither printer nor parser recurses deeply.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/node_map.h"
#include "ir/text.h"

namespace tenon::ir {

class Printer {
 public:
  explicit Printer(const PrintOptions& options = {}, bool canonical = false)
      : options_(options), canonical_(canonical) {}

  void type(Type t);
  /// An expression or statement on its own, as diagnostics show it.
  void any(Expr e);
  void kernel(const Kernel& k);
  /// Bodies and kernels that the function refers to, then the function as `word`.
  void function(const Context& c, const Function& f, std::string_view word);
  /// From here on, operands that cannot stand in place print as %id.
  void set_diagnostic() { diagnostic_ = true; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  // ---- names
  [[nodiscard]] const std::string& name(Expr nominal);
  [[nodiscard]] std::string unique(std::string_view base);
  [[nodiscard]] std::string fresh_temporary();
  void free_text(std::string_view name);  // a name that need not be unique
  [[nodiscard]] const std::string& function_name(const Function* f);
  [[nodiscard]] const std::string& kernel_name(const Kernel* k);

  // ---- scalar expressions
  void expr(Expr e, int outer);
  void atom(Expr e);
  void infix(Expr e, std::string_view symbol, int level, int outer);
  void list(std::span<const Expr> items);
  void place(Expr access);
  void lanes(Expr e);
  void literal(Expr e);
  void element_type(Type t);
  void element(DType t, const std::byte* bytes);
  void real(DType t, double value);
  void number(int64_t v);
  /// Prints `t0 := ...` lines for what the expressions below the roots share.
  void hoist(std::span<const Expr> roots);
  /// The nodes to give lines, in order; their names are assigned.
  [[nodiscard]] std::vector<Expr> plan(std::span<const Expr> roots);
  void with_clause(std::span<const Expr> roots);

  // ---- statements and kernels
  void line_start();
  void body(Expr e);
  void statement(Expr e);
  void loop(Expr e);
  void binding(Expr e);
  void leaf(Expr e);
  void block(Expr e);
  void instruction(Expr e);
  void param(const KernelParam& p);
  void reserve_handles(const Kernel& k);

  // ---- graphs
  void function_lines(const Context& c, const Function& f);
  void node_line(const Context& c, Expr e);
  void attributes(Expr e);
  void attribute(const AttrValue& v);
  void constant(Expr e);
  void references(const Context& c, const Function& f);
  [[nodiscard]] bool is_inline(Expr e);

  PrintOptions options_;
  bool canonical_;
  std::string out_;
  int indent_ = 0;
  NodeMap<std::string> names_;    // of nominal nodes
  NodeMap<std::string> symbols_;  // of symbolic variables of functions
  std::vector<std::string> symbol_names_;
  bool in_function_ = false;
  NodeMap<std::string> lines_;  // of nodes that have a line of their own
  std::unordered_map<std::string, int> taken_;
  int temporaries_ = 0;
  int buffers_ = 0, variables_ = 0, blocks_ = 0;  // canonical numbering
  NodeMap<int64_t> sizes_;  // is_inline: size of symbolic expressions, 0 for others
  std::unordered_map<const Function*, std::string> functions_;
  std::unordered_map<const Kernel*, std::string> kernels_;
  std::unordered_set<std::string> taken_globals_;
  bool diagnostic_ = false;  // operands that cannot stand in place print as %id
};

}  // namespace tenon::ir
