// Graph functions, constants, attributes, and the file as a whole.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/keys.h"
#include "ir/packed.h"
#include "ir/param_role.h"
#include "ir/parser.h"
#include "support/text.h"

namespace tenon::ir {
namespace {

bool has_key(const OpInfo& row, Key key) {
  return std::find(row.keys.begin(), row.keys.end(), key) != row.keys.end();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

bool Parser::attribute(Key key, AttrValue& out) {
  switch (alternative_of(key)) {
    case 0:
      return integer(out.emplace<int64_t>());
    case 2:
      return text(out.emplace<std::string>(), "a text");
    case 3:
      return expect("[") && integers(out.emplace<std::vector<int64_t>>(), ']');
    case 4:
      return expect("[") && exprs(out.emplace<std::vector<Expr>>(), "]");
    case 6:
    case 7:
      return reference(alternative_of(key) == 6, out);
    default:
      return error("this attribute has no text form");
  }
}

/// @name of a function or kernel that stands above.
bool Parser::reference(bool is_function, AttrValue& out) {
  const Token& token = peek(1);
  std::string global;
  if (!global_name(global)) return false;
  if (const auto f = functions_.find(global); f != functions_.end() && is_function) {
    out = f->second;
    return true;
  }
  if (const auto k = kernels_.find(global); k != kernels_.end() && !is_function) {
    out = c_->add(std::shared_ptr<const Kernel>(k->second));
    return true;
  }
  return error_at(token, cat("'@", global, "' is not defined above"), "text.name");
}

bool Parser::attributes(Op op, std::vector<Attr>& out) {
  if (!accept("{")) return true;
  const OpInfo& row = info(op);
  do {
    const Token& token = peek();
    std::string word;
    if (!name(word, "an attribute")) return false;
    int k = 0;
    while (k < kKeyCount && key_name(static_cast<Key>(k)) != word) ++k;
    if (k == kKeyCount || !has_key(row, static_cast<Key>(k))) {
      std::string known;
      for (Key key : row.keys) known += (known.empty() ? "" : ", ") + std::string(key_name(key));
      return error_at(token,
                      cat("'", row.name, "' has no attribute '", word, "'; it has ",
                          known.empty() ? "none" : known),
                      "text.attribute");
    }
    const auto key = static_cast<Key>(k);
    for (const Attr& a : out)
      if (a.key == key)
        return error_at(token, cat("attribute '", word, "' stands twice"), "text.attribute");
    Attr a{key, int64_t{0}};
    if (!expect("=") || !attribute(key, a.value)) return false;
    out.push_back(std::move(a));
  } while (accept(","));
  return expect("}");
}

/// constant [1, 2] "name" : type, constant hex "00ff" "name" : type
Expr Parser::constant() {
  const Token& token = peek();
  std::string hex;
  const bool is_hex = accept("hex");
  if (peek().kind == TokenKind::hash) {
    error(
        "the bytes of this constant are not in the text; print it with its bytes to be able to "
        "read "
        "it back",
        "text.constant");
    return nullptr;
  }
  if (is_hex) {
    if (!text(hex, "hexadecimal digits")) return nullptr;
  } else {
    // The elements are read once their type is known.
    if (!expect("[")) return nullptr;
    while (!at("]") && peek().kind != TokenKind::end) ++at_;
    if (!expect("]")) return nullptr;
  }
  std::string constant_name;
  if (peek().kind == TokenKind::text && !text(constant_name, "a name")) return nullptr;
  if (!expect(":")) return nullptr;
  const Type t = type();
  if (t == nullptr) return nullptr;
  const size_t resume = at_;
  const Expr out = constant_of(token, t, is_hex ? &hex : nullptr, constant_name);
  at_ = resume;
  return out;
}

Expr Parser::constant_of(const Token& token, Type t, const std::string* hex,
                         const std::string& constant_name) {
  uint64_t count = 1;
  bool fits = t->is_tensor();
  for (Expr e : t->shape) {
    const auto n = as_int(e);
    fits =
        fits && n && *n >= 0 && !__builtin_mul_overflow(count, static_cast<uint64_t>(*n), &count);
  }
  if (!fits || count > (uint64_t{1} << 40)) {
    error_at(token, "a constant's type must be a tensor of literal extents", "text.type");
    return nullptr;
  }
  std::vector<std::byte> bytes;
  if (hex != nullptr) {
    if (!hex_bytes(token, *hex, bytes)) return nullptr;
  } else {
    at_ = static_cast<size_t>(&token - tokens_.data()) + 1;
    if (!elements(t->dtype, bytes)) return nullptr;
  }
  const uint64_t wanted = count * info(t->dtype).element_bytes;
  if (bytes.size() != wanted) {
    error_at(token,
             cat("the type takes ", count, " elements (", wanted, " bytes), the constant has ",
                 bytes.size(), " bytes"),
             "text.constant");
    return nullptr;
  }
  if (is_sub_byte(t->dtype)) bytes = pack_bits(t->dtype, bytes);
  return c_->constant(t, bytes.data(), bytes.size(), constant_name);
}

bool Parser::hex_bytes(const Token& token, const std::string& digits, std::vector<std::byte>& out) {
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int hi = hex_value(digits[i]);
    const int lo = hex_value(digits[i + 1]);
    if (hi < 0 || lo < 0)
      return error_at(token, "a constant's bytes must be lower-case hexadecimal digits");
    out.push_back(static_cast<std::byte>(hi * 16 + lo));
  }
  return true;
}

/// The elements of a constant behind '[', in storage order.
bool Parser::elements(DType t, std::vector<std::byte>& out) {
  while (!at("]")) {
    uint64_t bits = 0;
    if (is_float(t)) {
      double v = 0;
      if (!real(t, v)) return false;
      bits = encode_float(t, v);
    } else if (t == DType::u64 && peek().kind == TokenKind::integer) {
      const std::string_view digits = peek().spelling;
      std::from_chars(digits.data(), digits.data() + digits.size(), bits);
      ++at_;
    } else {
      int64_t v = 0;
      if (!integer(v)) return false;
      bits = static_cast<uint64_t>(v);
    }
    for (size_t i = 0; i < info(t).element_bytes; ++i)
      out.push_back(static_cast<std::byte>(bits >> (8 * i)));
    if (!accept(",")) break;
  }
  return at("]") || error("expected ',' or ']' in a constant");
}

/// t3 = dot(x, w) {attributes} : f32[2, 3] at "location"
bool Parser::node_line() {
  const Token& token = peek();
  std::string own;
  if (!name(own, "a name, bind or return") || !expect("=")) return false;
  const Token& op_token = peek();
  Expr node = nullptr;
  if (accept("constant")) {
    node = constant();
    if (node == nullptr) return false;
  } else {
    std::string word;
    if (!name(word, "an operator")) return false;
    const Op* op = parse_op(word);
    if (op == nullptr || info(*op).stages.find('G') == std::string_view::npos || *op == Op::param ||
        *op == Op::var || *op == Op::imm || *op == Op::constant)
      return error_at(op_token, cat("'", word, "' is not an operator of graphs"), "text.name");
    std::vector<Expr> operands;
    std::vector<Attr> attrs;
    if (!expect("(") || !exprs(operands, ")") || !attributes(*op, attrs) || !expect(":"))
      return false;
    const Type t = type();
    if (t == nullptr) return false;
    node = c_->make(*op, t, operands, std::move(attrs));
  }
  if (accept("at")) {
    std::string location;
    if (!text(location, "a location")) return false;
    c_->set_location(node, location);
  }
  return declare(token, own, node);
}

/// double, or reserve COUNT.
bool Parser::growth(Growth& out) {
  if (accept("double")) return true;
  const Token& token = peek();
  if (!accept("reserve")) return error("expected how the state grows: double, or reserve COUNT");
  if (!integer(out.reserved)) return false;
  return out.reserved > 0 || error_at(token, "a state reserves at least 1", "text.role");
}

/// What stands behind a parameter's name and colon: role, type, growth of a state, default.
bool Parser::param_of(const std::string& name, Expr& out) {
  const Token& token = peek();
  ParamRole kind = ParamRole::in;
  (void)role(kind);
  if (kind == ParamRole::out)
    return error_at(token, "a function's results are its out parameters: write -> (NAME)",
                    "text.role");
  const Type t = type();
  if (t == nullptr) return false;
  Growth grows;
  if (kind == ParamRole::state && !growth(grows)) return false;
  const ConstantData* initial = nullptr;
  if (accept("=")) {
    if (!expect("constant")) return false;
    const Expr value = constant();
    if (value == nullptr) return false;
    if (value->type != t)
      return error_at(token, "a default must be of its parameter's type", "text.type");
    initial = value->constant_attr();
  }
  out = param_with_role(*c_, name, t, kind, grows, initial);
  return true;
}

bool Parser::function_header(Function& f) {
  if (!global_name(f.name) || !expect("[")) return false;
  while (!at("]")) {
    const Token& token = peek();
    std::string symbol;
    if (!name(symbol, "a symbolic variable")) return false;
    Expr& var = symbols_[symbol];
    if (var == nullptr) var = c_->var(symbol);
    if (!declare(token, symbol, var)) return false;
    if (!accept(",")) break;
  }
  if (!expect("]") || !with_clause() || !expect("(")) return false;
  while (!at(")")) {
    const Token& token = peek();
    std::string param;
    if (!name(param, "a parameter") || !expect(":") || !param_of(param, f.params.emplace_back()) ||
        !declare(token, param, f.params.back()))
      return false;
    if (!accept(",")) break;
  }
  if (!expect(")")) return false;
  if (accept("->")) {
    if (!expect("(")) return false;
    while (!at(")")) {
      if (!name(f.result_names.emplace_back(), "the name of a result")) return false;
      if (!accept(",")) break;
    }
    if (!expect(")")) return false;
  }
  return expect("{");
}

/// NAME = TENSOR[INDEX], behind bind
bool Parser::binding(Function& f) {
  Binding b{};
  const Token& token = peek();
  std::string symbol;
  if (!name(symbol, "a symbolic variable") || (b.var = lookup(token, symbol)) == nullptr ||
      !expect("="))
    return false;
  const Token& source = peek();
  std::string tensor;
  if (!name(tensor, "a tensor") || (b.tensor = lookup(source, tensor)) == nullptr || !expect("[") ||
      !integer(b.index) || !expect("]"))
    return false;
  if (b.var->op != Op::var)
    return error_at(token, "only a symbolic variable can be bound", "text.type");
  f.bindings.push_back(b);
  return true;
}

/// CONDITION, MESSAGE, behind guard
bool Parser::guard(Function& f) {
  const Token& token = peek();
  Guard g;
  if ((g.condition = expr()) == nullptr || !expect(",") || !text(g.message, "a message"))
    return false;
  if (g.condition->type->rank() != 0 || g.condition->dtype() != DType::boolean)
    return error_at(token, "the condition of a guard must be a bool", "text.type");
  f.guards.push_back(std::move(g));
  return true;
}

bool Parser::function() {
  auto f = std::make_unique<Function>();
  c_ = module_.context.get();
  names_.clear();
  const Token& start = peek();
  if (!function_header(*f)) return false;
  while (!at("return")) {
    if (accept("bind")) {
      if (!binding(*f)) return false;
    } else if (accept("guard")) {
      if (!guard(*f)) return false;
    } else if (!node_line()) {
      return false;
    }
  }
  if (!expect("return")) return false;
  while (!at("}")) {
    const Expr result = expr();
    if (result == nullptr) return false;
    f->results.push_back(result);
    if (!accept(",")) break;
  }
  if (!expect("}")) return false;
  if (!f->result_names.empty() && f->result_names.size() != f->results.size())
    return error_at(
        start, cat(f->result_names.size(), " results are named, ", f->results.size(), " returned"),
        "text.result");
  if (functions_.contains(f->name) || kernels_.contains(f->name))
    return error_at(start, cat("name '@", f->name, "' is taken"), "text.name");
  const std::string own = f->name;
  const Function* added = c_->add(std::move(f));
  functions_.emplace(own, added);
  module_.functions.push_back(added);
  return true;
}

Result<Module> Parser::module(std::shared_ptr<Context> context) {
  module_.context = context != nullptr ? std::move(context) : std::make_shared<Context>();
  bool ok = true;
  while (ok && peek().kind != TokenKind::end) {
    if (accept("kernel")) {
      ok = kernel();
    } else if (accept("model") || accept("function")) {
      ok = function();
    } else {
      ok = error(cat("expected model, function or kernel, found '", peek().spelling, "'"));
    }
  }
  if (!ok) return tl::make_unexpected(std::move(error_));
  return std::move(module_);
}

// ---- pieces of a function

void Parser::know(const Symbols& symbols) {
  for (const auto& [name, symbol] : symbols) names_[name] = {symbol, true};
}

Result<Expr> Parser::param(Context& c, const std::string& name, Symbols& symbols) {
  c_ = &c;
  know(symbols);
  Symbols more = symbols;
  new_symbols_ = &more;
  Expr out = nullptr;
  if (param_of(name, out) && peek().kind != TokenKind::end)
    error(cat("expected the end of the type, found '", peek().spelling, "'"));
  if (error_.diagnostics.empty() &&
      !(out->type->is_tensor() && out->type->lanes == 1 && out->type->scope == Scope::global))
    error("an input is a tensor", "text.type");
  if (!error_.diagnostics.empty()) return tl::make_unexpected(std::move(error_));
  symbols = std::move(more);
  return out;
}

Result<std::vector<Expr>> Parser::extents(Context& c, const Symbols& symbols) {
  c_ = &c;
  know(symbols);
  std::vector<Expr> out;
  while (peek().kind != TokenKind::end) {
    const Token& token = peek();
    const Expr e = expr();
    if (e == nullptr) break;
    out.push_back(e);
    if (e->type != c.index()) error_at(token, "an extent must be an i64 expression", "text.type");
    if (!accept(",")) break;
  }
  if (error_.diagnostics.empty() && peek().kind != TokenKind::end)
    error(cat("expected ',' or the end, found '", peek().spelling, "'"));
  if (!error_.diagnostics.empty()) return tl::make_unexpected(std::move(error_));
  return out;
}

Result<Expr> parse_param(Context& c, const std::string& name, std::string_view text,
                         Symbols& symbols) {
  TENON_TRY(std::vector<Token> tokens, tokenize(text, name));
  return Parser(std::move(tokens), name).param(c, name, symbols);
}

Result<std::vector<Expr>> parse_extents(Context& c, std::string_view text, const Symbols& symbols,
                                        std::string_view what) {
  TENON_TRY(std::vector<Token> tokens, tokenize(text, what));
  return Parser(std::move(tokens), what).extents(c, symbols);
}

Result<Module> parse(std::string_view text, std::string_view file,
                     std::shared_ptr<Context> context) {
  TENON_TRY(std::vector<Token> tokens, tokenize(text, file));
  return Parser(std::move(tokens), file).module(std::move(context));
}

}  // namespace tenon::ir
