// Tokens, names, types and scalar expressions.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/parser.h"
#include "ir/vector.h"
#include "support/text.h"

namespace tenon::ir {
namespace {

constexpr int kMaxDepth = 256;

struct Infix {
  std::string_view symbol;
  Op op;
  int level;
};
constexpr Infix kInfix[] = {{"||", Op::or_, 1},      {"&&", Op::and_, 2}, {"==", Op::eq, 3},
                            {"!=", Op::ne, 3},       {"<", Op::lt, 3},    {"<=", Op::le, 3},
                            {">", Op::gt, 3},        {">=", Op::ge, 3},   {"+", Op::add, 4},
                            {"-", Op::sub, 4},       {"*", Op::mul, 5},   {"/", Op::div, 5},
                            {"//", Op::floordiv, 5}, {"%", Op::mod, 5}};

const Infix* infix(const Token& t) {
  if (t.kind != TokenKind::symbol) return nullptr;
  for (const Infix& i : kInfix)
    if (i.symbol == t.spelling) return &i;
  return nullptr;
}

std::string found(const Token& t) {
  if (t.kind == TokenKind::end) return "the end of the text";
  return quote(t.spelling.substr(0, 40), '\'');
}

}  // namespace

// ---- tokens

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}
bool Parser::at(std::string_view word, size_t ahead) const {
  const Token& t = peek(ahead);
  return !t.quoted && (t.kind == TokenKind::symbol || t.kind == TokenKind::name) &&
         t.spelling == word;
}
bool Parser::accept(std::string_view word) {
  if (!at(word)) return false;
  ++at_;
  return true;
}
bool Parser::expect(std::string_view word) {
  return accept(word) || error(cat("expected '", word, "', found ", found(peek())));
}
bool Parser::error(std::string_view what, std::string_view code) {
  return error_at(peek(), what, code);
}
bool Parser::error_at(const Token& t, std::string_view what, std::string_view code) {
  if (error_.diagnostics.empty())
    error_.diagnostics.push_back(
        {std::string(code), cat(file_, ":", t.line, ":", t.column, ": ", what)});
  return false;
}

bool Parser::name(std::string& out, std::string_view what) {
  const Token& t = peek();
  if (t.kind != TokenKind::name) return error(cat("expected ", what, ", found ", found(t)));
  out = t.quoted ? unquote(t.spelling) : std::string(t.spelling);
  ++at_;
  return true;
}
bool Parser::global_name(std::string& out) { return expect("@") && name(out, "a name behind '@'"); }
bool Parser::text(std::string& out, std::string_view what) {
  const Token& t = peek();
  if (t.kind != TokenKind::text)
    return error(cat("expected ", what, " in quotes, found ", found(t)));
  out = unquote(t.spelling);
  ++at_;
  return true;
}
bool Parser::integer(int64_t& out) {
  const bool negative = accept("-");
  const Token& t = peek();
  if (t.kind != TokenKind::integer) return error(cat("expected an integer, found ", found(t)));
  const std::string digits = (negative ? "-" : "") + std::string(t.spelling);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), out).ec != std::errc{})
    return error(cat("integer ", digits, " does not fit 64 bits"));
  ++at_;
  return true;
}
bool Parser::integers(std::vector<int64_t>& out, char close) {
  const std::string end(1, close);
  while (!at(end)) {
    int64_t v = 0;
    if (!integer(v)) return false;
    out.push_back(v);
    if (!accept(",")) break;
  }
  return expect(end);
}
bool Parser::enter() {
  return ++depth_ <= kMaxDepth ||
         error(cat("nested more than ", kMaxDepth,
                   " deep; give parts of it a line of their own with ':='"),
               "text.depth");
}

// ---- names

bool Parser::declare(const Token& token, const std::string& name, Expr node) {
  if (names_.emplace(name, Meaning{node, true}).second) return true;
  return error_at(token, cat("name '", name, "' is taken"), "text.name");
}

Expr Parser::lookup(const Token& token, const std::string& name) {
  const auto found = names_.find(name);
  if (found != names_.end() && found->second.active) return found->second.node;
  if (found == names_.end() && new_symbols_ != nullptr) {
    const Expr symbol = c_->var(name);
    new_symbols_->emplace_back(name, symbol);
    names_[name] = {symbol, true};
    return symbol;
  }
  if (found != names_.end()) {
    error_at(token, cat("variable '", name, "' is used outside of the statement that binds it"),
             "text.name");
    return nullptr;
  }
  std::vector<std::string> known;
  for (const auto& [other, meaning] : names_)
    if (meaning.active) known.push_back(other);
  std::sort(known.begin(), known.end());
  const std::string_view near = closest_name(name, known);
  error_at(
      token,
      cat("unknown name '", name, "'", near.empty() ? "" : cat("; did you mean '", near, "'?")),
      "text.name");
  return nullptr;
}

/// The variable that a statement binds: the same node when the name was bound elsewhere before.
Expr Parser::bind(const Token& token, const std::string& name, Type type) {
  const auto [at, fresh] = names_.try_emplace(name);
  if (fresh) {
    at->second.node = c_->var(name, type);
  } else if (at->second.active || at->second.node->op != Op::var || at->second.node->type != type) {
    error_at(token, cat("name '", name, "' is taken"), "text.name");
    return nullptr;
  }
  at->second.active = true;
  return at->second.node;
}

// ---- types

Type Parser::type() {
  if (accept("(")) {
    std::vector<Type> fields;
    while (!at(")")) {
      const Type field = type();
      if (field == nullptr) return nullptr;
      fields.push_back(field);
      if (!accept(",")) break;
    }
    return expect(")") ? c_->tuple(fields) : nullptr;
  }
  const Token& t = peek();
  if (t.kind == TokenKind::name && t.spelling == "void") {
    ++at_;
    return c_->void_type();
  }
  const std::optional<DType> dtype =
      t.kind == TokenKind::name ? parse_dtype(t.spelling) : std::nullopt;
  if (!dtype) {
    if (const Type vector = lanes_type(t); vector != nullptr) return vector;
    error(cat("expected a type, found ", found(t)));
    return nullptr;
  }
  ++at_;
  std::vector<Expr> shape;
  if (accept("[")) {
    const Token& open = peek();
    if (!exprs(shape, "]")) return nullptr;
    for (Expr e : shape) {
      if (e->type == c_->index()) continue;
      error_at(open, "an extent must be an i64 expression", "text.type");
      return nullptr;
    }
  }
  Scope scope = Scope::global;
  if (accept("scratch")) scope = Scope::scratch;
  if (accept("reg")) scope = Scope::reg;
  if (accept("tile")) scope = Scope::tile;
  return c_->tensor(*dtype, shape, scope);
}

// ---- expressions

bool Parser::exprs(std::vector<Expr>& out, std::string_view close) {
  while (!at(close)) {
    const Expr e = expr();
    if (e == nullptr) return false;
    out.push_back(e);
    if (!accept(",")) break;
  }
  return expect(close);
}

Expr Parser::expr(int level) {
  if (!enter()) return nullptr;
  Expr left = unary();
  while (left != nullptr) {
    const Token& token = peek();
    const Infix* op = infix(token);
    if (op == nullptr || op->level < level) break;
    ++at_;
    const Expr right = expr(op->level + 1);
    if (right == nullptr) return nullptr;
    const Expr operands[] = {left, right};
    left = scalar_node(token, op->op, operands);
    const Infix* next = infix(peek());
    if (op->level == 3 && next != nullptr && next->level == 3) {
      error("comparisons do not chain; use parentheses");
      return nullptr;
    }
  }
  leave();
  return left;
}

Expr Parser::unary() {
  const Token& t = peek();
  if (accept("!")) {
    if (!enter()) return nullptr;
    const Expr operand = unary();
    leave();
    if (operand == nullptr) return nullptr;
    const Expr operands[] = {operand};
    return scalar_node(t, Op::not_, operands);
  }
  if (accept("(")) {
    const Expr inner = expr();
    return inner != nullptr && expect(")") ? inner : nullptr;
  }
  if (t.kind == TokenKind::integer || at("-")) {
    int64_t v = 0;
    return integer(v) ? c_->i64(v) : nullptr;
  }
  if (t.kind == TokenKind::real) {
    error("a real literal needs its type, as in f32(0.5)");
    return nullptr;
  }
  if (t.kind == TokenKind::name) return named();
  error(cat("expected an expression, found ", found(t)));
  return nullptr;
}

Expr Parser::named() {
  const Token& t = peek();
  if (accept("true")) return c_->bool_imm(true);
  if (accept("false")) return c_->bool_imm(false);
  if (at("cast")) return cast();
  if (at("(", 1) && !t.quoted) {
    ++at_;
    if (const auto dtype = parse_dtype(t.spelling)) return typed_literal(t, *dtype);
    const Op* op = parse_op(t.spelling);
    if (op != nullptr && is_elementwise(*op)) return call(t, *op);
    if (op != nullptr && info(*op).op_class == OpClass::lanes) return lanes(t, *op);
    error_at(t, cat("unknown function '", t.spelling, "'"), "text.name");
    return nullptr;
  }
  std::string spelled;
  if (!name(spelled, "a name")) return nullptr;
  const Expr node = lookup(t, spelled);
  if (node == nullptr || !at("[")) return node;
  return load(t, node);
}

Expr Parser::load(const Token& token, Expr buffer) {
  if (buffer->op != Op::buffer) {
    error_at(token, "only a buffer can be indexed", "text.type");
    return nullptr;
  }
  std::vector<Expr> indices;
  Expr mask = nullptr;
  if (!places(token, buffer, indices, mask)) return nullptr;
  return load_lanes(*c_, buffer, mask, indices);
}

Expr Parser::call(const Token& token, Op op) {
  std::vector<Expr> operands;
  if (!expect("(") || !exprs(operands, ")")) return nullptr;
  const OpInfo& row = info(op);
  if (static_cast<int>(operands.size()) != row.min_operands) {
    error_at(token,
             cat("'", row.name, "' takes ", row.min_operands, " operands, not ", operands.size()),
             "text.type");
    return nullptr;
  }
  return scalar_node(token, op, operands);
}

/// A node of an elementwise operator whose type follows from its operands.
Expr Parser::scalar_node(const Token& token, Op op, std::span<const Expr> operands) {
  const size_t first = op == Op::select ? 1 : 0;
  for (Expr e : operands) {
    if (e->type->is_scalar() && e->op != Op::buffer) continue;
    error_at(token,
             cat("'", info(op).name, "' in an expression takes scalars, not ", print(e->type)),
             "text.type");
    return nullptr;
  }
  for (size_t i = first + 1; i < operands.size(); ++i) {
    if (operands[i]->type == operands[first]->type) continue;
    error_at(token,
             cat("operands of '", info(op).name, "' differ in type: ", print(operands[first]->type),
                 " and ", print(operands[i]->type)),
             "text.type");
    return nullptr;
  }
  if (op == Op::select && operands[0]->dtype() != DType::boolean) {
    error_at(token, "the condition of 'select' must be bool", "text.type");
    return nullptr;
  }
  const int lanes = operands[first]->type->lanes;
  if (op == Op::select && operands[0]->type->is_vector() && operands[0]->type->lanes != lanes) {
    error_at(token, "the condition of 'select' has another number of lanes than its arms",
             "text.type");
    return nullptr;
  }
  return c_->make(op, is_predicate(op) ? c_->scalar(DType::boolean, lanes) : operands[first]->type,
                  operands);
}

Expr Parser::cast() {
  std::vector<Attr> attrs;
  if (!expect("cast") || !expect("<")) return nullptr;
  const Type to = type();
  if (to == nullptr) return nullptr;
  if (accept(",")) {
    int64_t saturate = 0;
    if (!expect("saturate") || !expect("=") || !integer(saturate)) return nullptr;
    attrs.push_back({Key::saturate, saturate});
  }
  if (!expect(">") || !expect("(")) return nullptr;
  const Expr value = expr();
  if (value == nullptr || !expect(")")) return nullptr;
  if (to->lanes != value->type->lanes) {
    error(cat("a cast keeps the number of lanes: ", print(value->type), " to ", print(to)),
          "text.type");
    return nullptr;
  }
  return c_->make(Op::cast, to, {value}, std::move(attrs));
}

bool Parser::real(DType t, double& out) {
  const Token& token = peek();
  const bool negative = accept("-");
  const Token& number = peek();
  if (accept("nan")) {
    out = std::numeric_limits<double>::quiet_NaN();
    if (peek().kind == TokenKind::hash) {
      uint64_t bits = 0;
      const std::string_view digits = peek().spelling.substr(1);
      std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
      std::memcpy(&out, &bits, sizeof out);
      ++at_;
    }
  } else if (accept("inf")) {
    out = std::numeric_limits<double>::infinity();
  } else if (number.kind == TokenKind::real || number.kind == TokenKind::integer) {
    std::from_chars(number.spelling.data(), number.spelling.data() + number.spelling.size(), out);
    ++at_;
  } else {
    return error_at(token, cat("expected a number, found ", found(number)));
  }
  if (negative) out = -out;
  if (!std::isnan(out)) out = round_to(t, out);
  return true;
}

Expr Parser::typed_literal(const Token&, DType t) {
  if (!expect("(")) return nullptr;
  const Type scalar = c_->scalar(t);
  Expr out = nullptr;
  if (is_float(t)) {
    double v = 0;
    if (!real(t, v)) return nullptr;
    out = c_->make(Op::imm, scalar, {}, {{Key::value, v}});
  } else {
    int64_t v = 0;
    if (!integer(v)) return nullptr;
    if (wrap_to(t, v) != v) {
      error(cat(v, " does not fit ", info(t).name), "text.type");
      return nullptr;
    }
    out = c_->imm(scalar, v);
  }
  return expect(")") ? out : nullptr;
}

/// NAME := expression
bool Parser::definition() {
  const Token& token = peek();
  std::string own;
  if (!name(own, "a name") || !expect(":=")) return false;
  const Expr value = expr();
  return value != nullptr && declare(token, own, value);
}

bool Parser::with_clause() {
  if (!accept("with")) return true;
  do {
    if (!definition()) return false;
  } while (accept(","));
  return true;
}

}  // namespace tenon::ir
