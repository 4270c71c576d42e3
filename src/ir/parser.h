// The parser behind text.h: recursive descent over tokens, nesting capped. The first error stops
// it.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "ir/lexer.h"
#include "ir/param_role.h"
#include "ir/text.h"

namespace tenon::ir {

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::string_view file)
      : tokens_(std::move(tokens)), file_(file) {}
  [[nodiscard]] Result<Module> module(std::shared_ptr<Context> context);
  /// Pieces of a function under construction: text.h.
  [[nodiscard]] Result<Expr> param(Context& c, const std::string& name, Symbols& symbols);
  [[nodiscard]] Result<std::vector<Expr>> extents(Context& c, const Symbols& symbols);

 private:
  /// What a name means. Variables of loops, lets and blocks are known only inside them.
  struct Meaning {
    Expr node = nullptr;
    bool active = true;
  };

  // ---- tokens. Functions that return bool or a pointer report failure as false or nullptr after
  // error() has been called.
  [[nodiscard]] const Token& peek(size_t ahead = 0) const;
  [[nodiscard]] bool at(std::string_view symbol_or_word, size_t ahead = 0) const;
  bool accept(std::string_view symbol_or_word);
  bool expect(std::string_view symbol_or_word);
  bool error(std::string_view what, std::string_view code = "text.syntax");
  bool error_at(const Token& token, std::string_view what, std::string_view code = "text.syntax");
  bool name(std::string& out, std::string_view what);
  bool global_name(std::string& out);
  bool text(std::string& out, std::string_view what);
  bool integer(int64_t& out);
  bool integers(std::vector<int64_t>& out, char close);
  bool enter();
  void leave() { --depth_; }

  // ---- names
  bool declare(const Token& token, const std::string& name, Expr node);
  [[nodiscard]] Expr lookup(const Token& token, const std::string& name);
  [[nodiscard]] Expr bind(const Token& token, const std::string& name, Type type);
  void unbind(const std::string& name) { names_[name].active = false; }

  // ---- types and expressions
  [[nodiscard]] Type type();
  [[nodiscard]] Expr expr(int level = 1);
  [[nodiscard]] Expr unary();
  [[nodiscard]] Expr named();
  [[nodiscard]] Expr call(const Token& token, Op op);
  [[nodiscard]] Expr cast();
  [[nodiscard]] Expr load(const Token& token, Expr buffer);
  // parse_vector.cc
  [[nodiscard]] Type lanes_type(const Token& token);
  bool lane_count(int& out);
  bool places(const Token& token, Expr buffer, std::vector<Expr>& indices, Expr& mask);
  [[nodiscard]] Expr lanes(const Token& token, Op op);
  [[nodiscard]] Expr shuffle(const Token& token, std::span<const Expr> operands);
  [[nodiscard]] Expr typed_literal(const Token& token, DType t);
  [[nodiscard]] Expr scalar_node(const Token& token, Op op, std::span<const Expr> operands);
  bool real(DType t, double& out);
  bool exprs(std::vector<Expr>& out, std::string_view close);
  bool with_clause();
  bool definition();

  // ---- statements and kernels
  bool kernel();
  bool kernel_params(Kernel& k);
  bool packing(KernelParam& p);
  [[nodiscard]] Expr body();
  bool statements(std::vector<Expr>& out);
  [[nodiscard]] Expr statement();
  [[nodiscard]] Expr loop();
  [[nodiscard]] Expr branch();
  [[nodiscard]] Expr let_statement();
  [[nodiscard]] Expr block();
  [[nodiscard]] Expr instruction();
  [[nodiscard]] Expr write();
  bool note(std::string& out);

  // ---- graphs
  bool function();
  bool function_header(Function& f);
  bool param_of(const std::string& name, Expr& out);
  void know(const Symbols& symbols);
  bool node_line();
  [[nodiscard]] Expr constant();
  [[nodiscard]] Expr constant_of(const Token& token, Type type, const std::string* hex,
                                 const std::string& name);
  bool hex_bytes(const Token& token, const std::string& digits, std::vector<std::byte>& out);
  bool elements(DType t, std::vector<std::byte>& out);
  bool attributes(Op op, std::vector<Attr>& out);
  bool attribute(Key key, AttrValue& out);
  bool reference(bool is_function, AttrValue& out);
  bool role(ParamRole& out);
  bool growth(Growth& out);
  bool binding(Function& f);
  bool guard(Function& f);

  std::vector<Token> tokens_;
  std::string file_;
  size_t at_ = 0;
  int depth_ = 0;
  Error error_;
  Module module_;
  Context* c_ = nullptr;
  std::unordered_map<std::string, Meaning> names_;
  std::unordered_map<std::string, Expr> symbols_;
  Symbols* new_symbols_ = nullptr;  // takes names that mean nothing yet, as symbols
  std::unordered_map<std::string, const Function*> functions_;
  std::unordered_map<std::string, std::shared_ptr<Kernel>> kernels_;
};

}  // namespace tenon::ir
