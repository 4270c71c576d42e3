// Statements and kernels.
#include <algorithm>

#include "ir/expr.h"
#include "ir/parser.h"
#include "ir/vector.h"
#include "support/text.h"

namespace tenon::ir {

Expr Parser::body() {
  if (!expect("{")) return nullptr;
  std::vector<Expr> all;
  if (!statements(all)) return nullptr;
  return all.size() == 1 ? all[0] : c_->make(Op::seq, c_->void_type(), all);
}

/// Up to and including the closing brace.
bool Parser::statements(std::vector<Expr>& out) {
  if (!enter()) return false;
  while (!accept("}")) {
    if (peek().kind == TokenKind::name && at(":=", 1)) {
      if (!definition()) return false;
      continue;
    }
    const Expr s = statement();
    if (s == nullptr) return false;
    out.push_back(s);
  }
  leave();
  return true;
}

Expr Parser::statement() {
  if (accept("{")) {
    std::vector<Expr> all;
    return statements(all) ? c_->make(Op::seq, c_->void_type(), all) : nullptr;
  }
  if (at("for")) return loop();
  if (at("if")) return branch();
  if (at("let")) return let_statement();
  if (at("block")) return block();
  if (at("instr")) return instruction();
  if (accept("while")) {
    const Expr cond = expr();
    if (cond == nullptr) return nullptr;
    const Expr inner = body();
    return inner == nullptr ? nullptr : c_->make(Op::while_, c_->void_type(), {cond, inner});
  }
  if (accept("fail")) {
    if (!expect("(")) return nullptr;
    const Expr code = expr();
    if (code == nullptr || !expect(")")) return nullptr;
    return c_->make(Op::fail_, c_->void_type(), {code});
  }
  if (peek().kind == TokenKind::name) return write();
  error(cat("expected a statement or '}', found '", peek().spelling, "'"));
  return nullptr;
}

bool Parser::note(std::string& out) { return !accept("note") || text(out, "a note"); }

/// for i in parallel(n) note "..." { ... }
Expr Parser::loop() {
  std::string var_name;
  std::string kind;
  if (!expect("for")) return nullptr;
  const Token& token = peek();
  if (!name(var_name, "a loop variable") || !expect("in") || !name(kind, "a kind of loop") ||
      !expect("("))
    return nullptr;
  const Expr extent = expr();
  if (extent == nullptr || !expect(")")) return nullptr;
  std::vector<Attr> attrs{{Key::kind, kind}};
  if (accept("note")) {
    std::string words;
    if (!text(words, "a note")) return nullptr;
    attrs.push_back({Key::note, words});
  }
  const Expr var = bind(token, var_name, c_->index());
  if (var == nullptr) return nullptr;
  const Expr inner = body();
  unbind(var_name);
  if (inner == nullptr) return nullptr;
  return c_->make(Op::for_, c_->void_type(), {var, extent, inner}, std::move(attrs));
}

Expr Parser::branch() {
  if (!expect("if")) return nullptr;
  const Expr cond = expr();
  if (cond == nullptr) return nullptr;
  const Expr then = body();
  if (then == nullptr) return nullptr;
  if (!accept("else")) return c_->make(Op::cond, c_->void_type(), {cond, then});
  const Expr otherwise = body();
  if (otherwise == nullptr) return nullptr;
  return c_->make(Op::cond, c_->void_type(), {cond, then, otherwise});
}

/// let x: f32 = value { ... }
Expr Parser::let_statement() {
  if (!expect("let")) return nullptr;
  const Token& token = peek();
  std::string var_name;
  if (!name(var_name, "a variable") || !expect(":")) return nullptr;
  const Type t = type();
  if (t == nullptr || !expect("=")) return nullptr;
  const Expr value = expr();
  if (value == nullptr) return nullptr;
  const Expr var = bind(token, var_name, t);
  if (var == nullptr) return nullptr;
  const Expr inner = body();
  unbind(var_name);
  return inner == nullptr ? nullptr : c_->make(Op::let, c_->void_type(), {var, value, inner});
}

/// block dot(vi: s = i, vk: r = k) with t0 := ... where pred note "..." { ... }
Expr Parser::block() {
  std::string block_name;
  if (!expect("block") || !name(block_name, "a block's name") || !expect("(")) return nullptr;
  std::vector<Expr> operands{nullptr, nullptr};
  std::vector<std::string> bound;
  std::string kinds;
  while (!at(")")) {
    const Token& token = peek();
    std::string var_name;
    if (!name(var_name, "an iterator") || !expect(":")) return nullptr;
    if (!at("s") && !at("r")) {
      error("expected the kind of an iterator, s (spatial) or r (reduction)");
      return nullptr;
    }
    kinds += peek().spelling;
    ++at_;
    if (!expect("=")) return nullptr;
    const Expr binding = expr();
    if (binding == nullptr) return nullptr;
    const Expr var = bind(token, var_name, c_->index());
    if (var == nullptr) return nullptr;
    names_[var_name].active = false;  // bindings do not see iterators
    bound.push_back(var_name);
    operands.push_back(var);
    operands.push_back(binding);
    if (!accept(",")) break;
  }
  if (!expect(")")) return nullptr;
  for (const std::string& n : bound) names_[n].active = true;
  if (!with_clause()) return nullptr;
  operands[0] = accept("where") ? expr() : c_->bool_imm(true);
  if (operands[0] == nullptr) return nullptr;
  std::vector<Attr> attrs{{Key::name, block_name}, {Key::kinds, kinds}};
  if (accept("note")) {
    std::string words;
    if (!text(words, "a note")) return nullptr;
    attrs.push_back({Key::note, words});
  }
  operands[1] = body();
  for (const std::string& n : bound) unbind(n);
  if (operands[1] == nullptr) return nullptr;
  return c_->make(Op::block, c_->void_type(), operands, std::move(attrs));
}

/// instr tile<12, 32>(i: rows, j: 32, k: 768) { c[i, j] x[v + i, k] w[k, j] }
Expr Parser::instruction() {
  std::string instr_name;
  if (!expect("instr") || !name(instr_name, "an instruction")) return nullptr;
  std::vector<int64_t> params;
  if (accept("<") && !integers(params, '>')) return nullptr;
  if (!expect("(")) return nullptr;
  std::vector<InstrAxis> axes;
  std::vector<std::string> bound;
  while (!at(")")) {
    const Token& token = peek();
    std::string axis;
    if (!name(axis, "an axis") || !expect(":")) return nullptr;
    const Expr extent = expr();
    if (extent == nullptr) return nullptr;
    if (std::ranges::find(bound, axis) != bound.end()) {
      error_at(token, cat("axis '", axis, "' stands twice"), "text.name");
      return nullptr;
    }
    const Expr var = bind(token, axis, c_->index());
    if (var == nullptr) return nullptr;
    names_[axis].active = false;  // extents do not see axes
    bound.push_back(axis);
    axes.push_back({var, extent});
    if (!accept(",")) break;
  }
  if (!expect(")") || !expect("{")) return nullptr;
  for (const std::string& n : bound) names_[n].active = true;
  std::vector<Expr> operands;
  while (!accept("}")) {
    if (peek().kind == TokenKind::name && at(":=", 1)) {
      if (!definition()) return nullptr;
      continue;
    }
    const Token& token = peek();
    const Expr operand = expr();
    if (operand == nullptr) return nullptr;
    if (operand->op != Op::load) {
      error_at(token, "an operand of an instruction must be an element of a buffer");
      return nullptr;
    }
    operands.push_back(operand);
  }
  for (const std::string& n : bound) unbind(n);
  return instr(*c_, instr_name, params, axes, operands);
}

/// x[i] = value, or x[i] sum= value init value
Expr Parser::write() {
  const Token& token = peek();
  std::string buffer_name;
  if (!name(buffer_name, "a buffer")) return nullptr;
  const Expr buffer = lookup(token, buffer_name);
  if (buffer == nullptr) return nullptr;
  if (!at("[")) {
    error("expected '[' behind the buffer of a store");
    return nullptr;
  }
  const Expr place = load(token, buffer);
  if (place == nullptr) return nullptr;
  const AccessView access{place};
  std::vector<Expr> operands{buffer};
  std::vector<Attr> attrs;
  if (peek().kind == TokenKind::name && access.mask() == nullptr) {
    std::string combine;
    if (!name(combine, "a combiner") || !expect("=")) return nullptr;
    const Expr value = expr();
    if (value == nullptr || !expect("init")) return nullptr;
    const Expr init = expr();
    if (init == nullptr) return nullptr;
    operands.push_back(init);
    operands.push_back(value);
    attrs.push_back({Key::combine, combine});
  } else {
    if (!expect("=")) return nullptr;
    operands.push_back(expr());
    if (operands[1] == nullptr) return nullptr;
  }
  for (size_t i = 1; i < operands.size(); ++i) {
    if (operands[i]->type == place->type) continue;
    error_at(token,
             cat("a buffer of ", info(place->dtype()).name, " does not take a value of ",
                 print(operands[i]->type)),
             "text.type");
    return nullptr;
  }
  if (attrs.empty()) return store_lanes(*c_, buffer, operands[1], access.mask(), access.indices());
  operands.insert(operands.end(), place->operands.begin() + 1, place->operands.end());
  return c_->make(Op::update, c_->void_type(), operands, std::move(attrs));
}

// ---- kernels

bool Parser::packing(KernelParam& p) {
  if (accept("as") && (!expect("[") || !integers(p.logical, ']'))) return false;
  while (accept("packed")) {
    Packing packing;
    if (!expect("(") || !expect("[") || !integers(packing.factors, ']') || !expect(",") ||
        !expect("[") || !integers(packing.perm, ']') || !expect(")"))
      return false;
    p.packing.push_back(std::move(packing));
  }
  return true;
}

/// The name of a role, if one stands here.
bool Parser::role(ParamRole& out) {
  for (const ParamRole r :
       {ParamRole::in, ParamRole::out, ParamRole::constant, ParamRole::inout, ParamRole::state}) {
    if (!accept(role_name(r))) continue;
    out = r;
    return true;
  }
  return false;
}

bool Parser::kernel_params(Kernel& k) {
  if (!expect("(")) return false;
  while (!at(")")) {
    const Token& token = peek();
    std::string buffer_name;
    KernelParam p{};
    if (!name(buffer_name, "a parameter") || !expect(":")) return false;
    if (!role(p.role)) return error("expected in, out, const or inout");
    const Type t = type();
    if (t == nullptr) return false;
    p.buffer = c_->buffer(buffer_name, t);
    if (!declare(token, buffer_name, p.buffer) || !packing(p)) return false;
    k.params.push_back(std::move(p));
    if (!accept(",")) break;
  }
  return expect(")");
}

bool Parser::kernel() {
  auto k = std::make_shared<Kernel>();
  k->context = std::make_shared<Context>();
  c_ = k->context.get();
  names_.clear();
  const Token& start = peek();
  if (!global_name(k->name) || !expect("[")) return false;
  while (!at("]")) {
    const Token& token = peek();
    std::string size;
    if (!name(size, "the name of a size")) return false;
    k->sizes.push_back(c_->var(size));
    if (!declare(token, size, k->sizes.back())) return false;
    if (!accept(",")) break;
  }
  if (!expect("]") || !with_clause() || !kernel_params(*k)) return false;
  if (accept("extern") && !text(k->host_function, "the name of a host function")) return false;
  if (!expect("{")) return false;
  std::vector<std::string> places;
  while (accept("trace")) {
    places.push_back(cat(file_, ":", peek().line, ":", peek().column));
    if (!text(k->trace.emplace_back(), "a line of the trace")) return false;
  }
  while (accept("alloc")) {
    const Token& token = peek();
    std::string buffer_name;
    if (!name(buffer_name, "a buffer") || !expect(":")) return false;
    const Type t = type();
    if (t == nullptr) return false;
    k->buffers.push_back(c_->buffer(buffer_name, t));
    if (!declare(token, buffer_name, k->buffers.back())) return false;
  }
  std::vector<Expr> all;
  if (!statements(all)) return false;
  k->body = all.size() == 1 ? all[0] : c_->make(Op::seq, c_->void_type(), all);
  if (!kernels_.emplace(k->name, k).second || functions_.contains(k->name))
    return error_at(start, cat("name '@", k->name, "' is taken"), "text.name");
  module_.kernels.push_back(std::move(k));
  module_.trace_places.push_back(std::move(places));
  return true;
}

}  // namespace tenon::ir
