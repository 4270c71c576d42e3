// Names, types and scalar expressions of the text form.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/lexer.h"
#include "ir/printer.h"
#include "ir/rewrite.h"
#include "ir/vector.h"
#include "support/check.h"

namespace tenon::ir {
namespace {

constexpr int kMaxDepth = 24;       // of a printed expression
constexpr int64_t kMaxSize = 160;   // nodes in one printed expression
constexpr int64_t kSharedSize = 6;  // of a part worth a line when it is used twice

struct Infix {
  std::string_view symbol;
  int level = 0;  // 0: the operator has no infix form
};

/// Levels: 1 ||, 2 &&, 3 comparisons, 4 + -, 5 * / // %.
Infix infix_of(Expr e) {
  switch (e->op) {
    case Op::or_:
      return e->dtype() == DType::boolean ? Infix{"||", 1} : Infix{};
    case Op::and_:
      return e->dtype() == DType::boolean ? Infix{"&&", 2} : Infix{};
    case Op::eq:
      return {"==", 3};
    case Op::ne:
      return {"!=", 3};
    case Op::lt:
      return {"<", 3};
    case Op::le:
      return {"<=", 3};
    case Op::gt:
      return {">", 3};
    case Op::ge:
      return {">=", 3};
    case Op::add:
      return {"+", 4};
    case Op::sub:
      return {"-", 4};
    case Op::mul:
      return {"*", 5};
    case Op::div:
      return {"/", 5};
    case Op::floordiv:
      return {"//", 5};
    case Op::mod:
      return {"%", 5};
    default:
      return {};
  }
}

std::string_view scope_word(Scope s) {
  constexpr std::array<std::string_view, 4> kWords{"", " scratch", " reg", " tile"};
  return kWords[static_cast<size_t>(s)];
}

bool is_leaf(Expr e) {
  return e->op == Op::imm || e->op == Op::var || e->op == Op::buffer || e->op == Op::param;
}

}  // namespace

// ---- names

std::string Printer::unique(std::string_view base) {
  std::string candidate(base);
  const auto [at, fresh] = taken_.try_emplace(candidate, 1);
  if (fresh) return candidate;
  int suffix = at->second;
  do {
    candidate = std::string(base) + "_" + std::to_string(suffix++);
  } while (taken_.contains(candidate));
  taken_[std::string(base)] = suffix;
  taken_.emplace(candidate, 1);
  return candidate;
}

std::string Printer::fresh_temporary() {
  std::string candidate;
  do {
    candidate = "t" + std::to_string(temporaries_++);
  } while (!canonical_ && !taken_.try_emplace(candidate, 1).second);
  return candidate;
}

const std::string& Printer::name(Expr nominal) {
  if (const std::string* found = names_.find(nominal)) return *found;
  if (const std::string* found = symbols_.find(nominal)) return *found;
  std::string chosen;
  if (canonical_) {
    const bool buffer = nominal->op == Op::buffer;
    chosen = (buffer ? "b" : "v") + std::to_string(buffer ? buffers_++ : variables_++);
  } else {
    const std::string& given = nominal->string_attr(Key::name);
    chosen = unique(given.empty() ? "x" : given);
    if (!is_plain_name(chosen)) chosen = quote(chosen, '`');
  }
  // Symbolic variables keep their name through all functions of a file.
  NodeMap<std::string>& names = in_function_ && nominal->op == Op::var ? symbols_ : names_;
  if (&names == &symbols_) symbol_names_.push_back(chosen);
  names.insert(nominal, std::move(chosen));
  return *names.find(nominal);
}

void Printer::free_text(std::string_view text) {
  out_ += is_plain_name(text) ? std::string(text) : quote(text, '`');
}

// ---- types

/// f32, or f32x16 for a vector.
void Printer::element_type(Type t) {
  out_ += info(t->dtype).name;
  if (t->is_vector()) out_ += "x" + std::to_string(t->lanes);
}

void Printer::type(Type t) {
  if (t->kind == TypeKind::void_) {
    out_ += "void";
    return;
  }
  if (t->kind == TypeKind::tuple) {
    out_ += '(';
    for (size_t i = 0; i < t->fields.size(); ++i) {
      if (i != 0) out_ += ", ";
      type(t->fields[i]);
    }
    out_ += ')';
    return;
  }
  element_type(t);
  if (!t->shape.empty()) {
    out_ += '[';
    list(t->shape);
    out_ += ']';
  }
  out_ += scope_word(t->scope);
}

// ---- literals

void Printer::number(int64_t v) {
  char buffer[24];
  out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

/// The shortest text that reads back as the value after rounding to the type; bits for odd NaNs.
void Printer::real(DType t, double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) {
    constexpr uint64_t kQuiet = 0x7ff8000000000000ULL;
    out_ += "nan";
    if (bits != kQuiet) {
      char buffer[20];
      out_ += "#";
      out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, bits, 16).ptr);
    }
    return;
  }
  if (std::isinf(value)) {
    out_ += value < 0 ? "-inf" : "inf";
    return;
  }
  char buffer[64];
  char* end = buffer;
  if (t != DType::f64) {
    end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr;
    double back = 0;
    std::from_chars(buffer, end, back);
    const double rounded = round_to(t, back);
    if (std::memcmp(&rounded, &value, sizeof value) != 0) end = buffer;
  }
  if (end == buffer) end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out_.append(buffer, end);
}

void Printer::literal(Expr e) {
  const AttrValue& v = *e->find(Key::value);
  if (const auto* i = std::get_if<int64_t>(&v)) {
    if (e->dtype() == DType::boolean) {
      out_ += *i != 0 ? "true" : "false";
    } else if (e->dtype() == DType::i64) {
      number(*i);
    } else {
      out_ += info(e->dtype()).name;
      out_ += '(';
      number(*i);
      out_ += ')';
    }
    return;
  }
  out_ += info(e->dtype()).name;
  out_ += '(';
  real(e->dtype(), e->float_attr(Key::value));
  out_ += ')';
}

// ---- expressions

void Printer::list(std::span<const Expr> items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out_ += ", ";
    expr(items[i], 0);
  }
}

void Printer::infix(Expr e, std::string_view symbol, int level, int outer) {
  // A comparison takes no comparison as operand without parentheses.
  const int left = level == 3 ? level + 1 : level;
  if (level < outer) out_ += '(';
  expr(e->operand(0), left);
  out_ += ' ';
  out_ += symbol;
  out_ += ' ';
  expr(e->operand(1), level + 1);
  if (level < outer) out_ += ')';
}

void Printer::expr(Expr e, int outer) {
  if (const std::string* line = lines_.find(e)) {
    out_ += *line;
    return;
  }
  if (diagnostic_ && !is_inline(e)) {
    out_ += "%" + std::to_string(e->id);
    return;
  }
  const Infix form = infix_of(e);
  if (form.level != 0 && e->operands.size() == 2) return infix(e, form.symbol, form.level, outer);
  atom(e);
}

void Printer::atom(Expr e) {
  switch (e->op) {
    case Op::imm:
      literal(e);
      return;
    case Op::param:
    case Op::var:
    case Op::buffer:
      out_ += name(e);
      return;
    case Op::load:
    case Op::masked_load:
      return place(e);
    case Op::splat:
    case Op::ramp:
    case Op::shuffle:
    case Op::lane:
    case Op::reduce_lanes:
      return lanes(e);
    case Op::cast:
      out_ += "cast<";
      element_type(e->type);
      if (e->find(Key::saturate) != nullptr) {
        out_ += ", saturate = ";
        number(e->int_attr(Key::saturate));
      }
      out_ += ">(";
      break;
    case Op::not_:
      if (e->dtype() == DType::boolean) {
        out_ += '!';
        expr(e->operand(0), 6);
        return;
      }
      [[fallthrough]];
    default:
      TENON_CHECK(is_elementwise(e->op), "a node that is no scalar expression has no line");
      out_ += info(e->op).name;
      out_ += '(';
  }
  list(e->operands);
  out_ += ')';
}

/// x[i, j] or x[i, j where mask], of a load or store.
void Printer::place(Expr e) {
  const AccessView access{e};
  expr(access.buffer(), 6);
  out_ += '[';
  list(access.indices());
  if (const Expr mask = access.mask(); mask != nullptr) {
    out_ += access.indices().empty() ? "where " : " where ";
    expr(mask, 0);
  }
  out_ += ']';
}

/// splat(x, 16), ramp(base, step, 16), shuffle(v, w, [1, 0]), lane(v, i), reduce_lanes(sum, v)
void Printer::lanes(Expr e) {
  out_ += info(e->op).name;
  out_ += '(';
  if (e->op == Op::reduce_lanes) {
    free_text(e->string_attr(Key::kind));
    out_ += ", ";
  }
  list(e->operands);
  if (e->op == Op::splat || e->op == Op::ramp) out_ += ", " + std::to_string(e->type->lanes);
  if (e->op == Op::shuffle) {
    out_ += ", [";
    const std::vector<int64_t>& pattern = e->ints_attr(Key::pattern);
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (i != 0) out_ += ", ";
      number(pattern[i]);
    }
    out_ += ']';
  }
  out_ += ')';
}

std::vector<Expr> Printer::plan(std::span<const Expr> roots) {
  struct Shape {
    int uses = 0;
    int depth = 1;
    int64_t size = 1;
    bool own_line = false;
  };
  std::vector<Expr> order;
  NodeMap<int> index;
  for (Expr e : post_order(roots)) {
    if (is_leaf(e) || lines_.contains(e)) continue;
    index.insert(e, static_cast<int>(order.size()));
    order.push_back(e);
  }
  std::vector<Shape> shapes(order.size());
  const auto shape = [&](Expr e) -> Shape* {
    const int* at = index.find(e);
    return at == nullptr ? nullptr : &shapes[static_cast<size_t>(*at)];
  };
  for (Expr e : order)
    for (Expr x : e->operands)
      if (Shape* s = shape(x)) ++s->uses;
  for (Expr e : roots)
    if (Shape* s = shape(e)) ++s->uses;
  std::vector<Expr> own;
  for (Expr e : order) {
    Shape& s = *shape(e);
    for (Expr x : e->operands) {
      const Shape* operand = shape(x);
      if (operand == nullptr || operand->own_line) {
        ++s.size;
        continue;
      }
      s.size += operand->size;
      s.depth = std::max(s.depth, operand->depth + 1);
    }
    s.own_line =
        s.depth >= kMaxDepth || s.size >= kMaxSize || (s.uses > 1 && s.size >= kSharedSize);
    if (s.own_line) own.push_back(e);
  }
  return own;
}

void Printer::hoist(std::span<const Expr> roots) {
  for (Expr e : plan(roots)) {
    const std::string own = fresh_temporary();
    line_start();
    out_ += own;
    out_ += " := ";
    expr(e, 0);
    lines_.insert(e, own);
  }
}

/// ` with t0 := ..., t1 := ...` in a header.
void Printer::with_clause(std::span<const Expr> roots) {
  bool first = true;
  for (Expr e : plan(roots)) {
    const std::string own = fresh_temporary();
    out_ += first ? " with " : ", ";
    first = false;
    out_ += own;
    out_ += " := ";
    expr(e, 0);
    lines_.insert(e, own);
  }
}

}  // namespace tenon::ir
