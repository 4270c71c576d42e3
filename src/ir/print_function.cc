// Graph functions of the text form: one line a node, in the order of post_order.
#include <algorithm>
#include <charconv>
#include <span>

#include "ir/default_value.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/lexer.h"
#include "ir/packed.h"
#include "ir/param_role.h"
#include "ir/printer.h"
#include "ir/rewrite.h"

namespace tenon::ir {
namespace {

constexpr uint64_t kInlineBytes = 64;  // constants up to here are always printed in full
constexpr int64_t kInlineSize = 24;    // nodes of a symbolic expression printed in place

bool is_symbolic_op(Op op) { return is_elementwise(op) && op != Op::cast; }

std::vector<Expr> roots_of(const Function& f) {
  std::vector<Expr> roots(f.params.begin(), f.params.end());
  roots.insert(roots.end(), f.results.begin(), f.results.end());
  for (const Binding& b : f.bindings) roots.push_back(b.tensor);
  for (const Binding& b : f.bindings) roots.push_back(b.var);
  for (const Guard& g : f.guards) roots.push_back(g.condition);
  return roots;
}

std::string pick_global(std::unordered_set<std::string>& taken, std::string_view wanted) {
  const std::string base = wanted.empty() ? "f" : std::string(wanted);
  std::string name = base;
  for (int i = 1; !taken.insert(name).second; ++i) name = base + "_" + std::to_string(i);
  return is_plain_name(name) ? name : quote(name, '`');
}

uint64_t load_bits(const std::byte* bytes, size_t size) {
  uint64_t bits = 0;
  for (size_t i = 0; i < size; ++i) bits |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return bits;
}

/// Elements of a type of literal extents; 0 for others, which hold no constant.
uint64_t element_count(Type type) {
  uint64_t count = 1;
  for (Expr e : type->shape)
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(as_int(e).value_or(0)), &count))
      return 0;
  return count;
}

}  // namespace

const std::string& Printer::function_name(const Function* f) {
  auto [at, fresh] = functions_.try_emplace(f);
  if (fresh) at->second = pick_global(taken_globals_, f->name);
  return at->second;
}

const std::string& Printer::kernel_name(const Kernel* k) {
  auto [at, fresh] = kernels_.try_emplace(k);
  if (fresh) at->second = pick_global(taken_globals_, k->name);
  return at->second;
}

/// Symbolic scalars (variables, literals and arithmetic on them) stand where they are used.
bool Printer::is_inline(Expr root) {
  if (root->op == Op::param || root->op == Op::var || root->op == Op::imm) return true;
  if (!root->type->is_scalar() || !is_symbolic_op(root->op)) return false;
  const auto size_of = [&](Expr e) -> int64_t {
    if (e->op == Op::var || e->op == Op::imm) return 1;
    if (!is_symbolic_op(e->op) || !e->type->is_scalar()) return 0;
    int64_t size = 1;
    for (Expr x : e->operands) {
      const int64_t operand = *sizes_.find(x);
      if (operand == 0 || operand > kInlineSize) return 0;
      size += operand;
    }
    return size > kInlineSize ? 0 : size;
  };
  if (!sizes_.contains(root)) {
    const Expr roots[] = {root};
    for (Expr e : post_order(roots))
      if (!sizes_.contains(e)) sizes_.insert(e, size_of(e));
  }
  return *sizes_.find(root) != 0;
}

void Printer::references(const Context& c, const Function& f) {
  for (Expr e : post_order(roots_of(f), true)) {
    for (const Attr& a : e->attrs) {
      if (const auto* body = std::get_if<const Function*>(&a.value)) {
        if (!functions_.contains(*body)) function(c, **body, "function");
      } else if (const auto* k = std::get_if<const Kernel*>(&a.value)) {
        if (!kernels_.contains(*k)) {
          kernel(**k);
          out_ += '\n';
        }
      }
    }
  }
}

void Printer::function(const Context& c, const Function& f, std::string_view word) {
  references(c, f);
  names_ = {};
  lines_ = {};
  sizes_ = {};
  taken_.clear();
  for (const std::string& symbol : symbol_names_) taken_.emplace(symbol, 1);
  temporaries_ = 0;
  in_function_ = true;
  out_ += word;
  out_ += " @" + function_name(&f);
  out_ += '[';
  bool first = true;
  for (Expr e : post_order(roots_of(f), true)) {
    if (e->op != Op::var) continue;
    out_ += first ? "" : ", ";
    first = false;
    out_ += name(e);
  }
  out_ += ']';
  std::vector<Expr> extents;
  for (Expr p : f.params)
    if (p->type->is_tensor()) extents.insert(extents.end(), p->shape().begin(), p->shape().end());
  with_clause(extents);
  out_ += '(';
  for (size_t i = 0; i < f.params.size(); ++i) {
    if (i != 0) out_ += ", ";
    out_ += name(f.params[i]) + ": ";
    const ParamRole role = role_of(f.params[i]);
    if (role != ParamRole::in) out_ += std::string(role_name(role)) + ' ';
    type(f.params[i]->type);
    if (role == ParamRole::state) out_ += ' ' + growth_text(growth_of(f.params[i]));
    if (default_of(f.params[i]) == nullptr) continue;
    out_ += " = ";
    constant(f.params[i]);
    out_ += " : ";
    type(f.params[i]->type);
  }
  out_ += ')';
  if (!f.result_names.empty()) {
    out_ += " -> (";
    for (size_t i = 0; i < f.result_names.size(); ++i) {
      if (i != 0) out_ += ", ";
      // A parameter's new value has the parameter's name, which here may differ from the model's.
      if (const auto p = updated_param(f, i)) {
        out_ += name(f.params[*p]);
      } else {
        free_text(f.result_names[i]);
      }
    }
    out_ += ')';
  }
  out_ += " {";
  function_lines(c, f);
  out_ += "\n}\n\n";
  in_function_ = false;
}

void Printer::function_lines(const Context& c, const Function& f) {
  ++indent_;
  for (Expr e : post_order(roots_of(f), true)) {
    if (!is_inline(e) && !lines_.contains(e)) node_line(c, e);
  }
  for (const Binding& b : f.bindings) {
    line_start();
    out_ += "bind " + name(b.var) + " = ";
    expr(b.tensor, 6);
    out_ += '[';
    number(b.index);
    out_ += ']';
  }
  for (const Guard& g : f.guards) {
    line_start();
    out_ += "guard ";
    expr(g.condition, 0);
    out_ += ", " + quote(g.message, '"');
  }
  line_start();
  out_ += "return";
  for (size_t i = 0; i < f.results.size(); ++i) {
    out_ += i == 0 ? " " : ", ";
    expr(f.results[i], 0);
  }
  --indent_;
}

void Printer::node_line(const Context& c, Expr e) {
  const std::string own = fresh_temporary();
  line_start();
  out_ += own + " = ";
  if (e->op == Op::constant) {
    constant(e);
  } else {
    out_ += info(e->op).name;
    out_ += '(';
    list(e->operands);
    out_ += ')';
    attributes(e);
  }
  out_ += " : ";
  type(e->type);
  if (options_.locations)
    if (const std::string_view at = c.location(e); !at.empty()) out_ += " at " + quote(at, '"');
  lines_.insert(e, own);
}

void Printer::attributes(Expr e) {
  bool first = true;
  for (Key key : info(e->op).keys) {
    const AttrValue* value = e->find(key);
    if (value == nullptr) continue;
    out_ += first ? " {" : ", ";
    first = false;
    out_ += key_name(key);
    out_ += " = ";
    attribute(*value);
  }
  if (!first) out_ += '}';
}

void Printer::attribute(const AttrValue& v) {
  if (const auto* whole = std::get_if<int64_t>(&v)) {
    number(*whole);
  } else if (const auto* s = std::get_if<std::string>(&v)) {
    out_ += quote(*s, '"');
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&v)) {
    out_ += '[';
    for (size_t i = 0; i < ints->size(); ++i) {
      if (i != 0) out_ += ", ";
      number((*ints)[i]);
    }
    out_ += ']';
  } else if (const auto* exprs = std::get_if<std::vector<Expr>>(&v)) {
    out_ += '[';
    list(*exprs);
    out_ += ']';
  } else if (const auto* f = std::get_if<const Function*>(&v)) {
    out_ += "@" + function_name(*f);
  } else if (const auto* k = std::get_if<const Kernel*>(&v)) {
    out_ += "@" + kernel_name(*k);
  } else if (const auto* d = std::get_if<double>(&v)) {
    real(DType::f64, *d);
  } else {
    out_ += '?';
  }
}

void Printer::element(DType t, const std::byte* bytes) {
  const uint64_t bits = load_bits(bytes, info(t).element_bytes);
  if (is_float(t)) {
    real(t, decode_float(t, bits));
  } else if (t == DType::u64) {
    char buffer[24];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, bits).ptr);
  } else {
    number(wrap_to(t, static_cast<int64_t>(bits)));
  }
}

/// constant [1, 2], constant hex "00ff.." or constant #hash, then the name. Elements that share
/// bytes are written one a byte.
void Printer::constant(Expr e) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const ConstantData& data = *e->constant_attr();
  const DType t = e->dtype();
  const size_t step = info(t).element_bytes;
  std::span<const std::byte> bytes(data.bytes, data.size);
  std::vector<std::byte> unpacked;
  const uint64_t count = is_sub_byte(t) ? element_count(e->type) : 0;
  const bool in_full = std::max(data.size, count) <= kInlineBytes || options_.constant_bytes;
  if (is_sub_byte(t) && in_full && byte_size(t, count) == data.size)
    bytes = unpacked = unpack_bits(t, data.bytes, count);
  bool exact = in_full && bytes.size() <= kInlineBytes && bytes.size() % step == 0;
  for (uint64_t i = 0; exact && i < bytes.size(); i += step) {
    const uint64_t bits = load_bits(bytes.data() + i, step);
    if (is_float(t)) {
      const double value = decode_float(t, bits);
      exact = value == value && encode_float(t, value) == bits;
    } else {
      const auto wrapped = static_cast<uint64_t>(wrap_to(t, static_cast<int64_t>(bits)));
      const uint64_t mask = step == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * step)) - 1;
      exact = (wrapped & mask) == bits;
    }
  }
  out_ += "constant ";
  if (exact) {
    out_ += '[';
    for (uint64_t i = 0; i < bytes.size(); i += step) {
      if (i != 0) out_ += ", ";
      element(t, bytes.data() + i);
    }
    out_ += ']';
  } else if (in_full) {
    out_ += "hex \"";
    for (const std::byte b : bytes) {
      const auto byte = static_cast<unsigned>(b);
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    }
    out_ += '"';
  } else {
    char buffer[20];
    char* end = std::to_chars(buffer, buffer + sizeof buffer, data.hash, 16).ptr;
    out_ += '#';
    out_.append(static_cast<size_t>(16 - (end - buffer)), '0');
    out_.append(buffer, end);
  }
  if (!data.name.empty()) out_ += ' ' + quote(data.name, '"');
}

// ---- entries

void Printer::any(Expr e) {
  if (e->type->kind == TypeKind::void_) {
    statement(e);
    return;
  }
  if (e->type->is_scalar() && (is_elementwise(e->op) || e->op == Op::load || e->operands.empty()) &&
      e->op != Op::constant && e->op != Op::iota && e->op != Op::from_scalars) {
    const Expr roots[] = {e};
    std::vector<Expr> lines = plan(roots);
    if (!lines.empty()) {
      hoist(roots);
      line_start();
    }
    expr(e, 0);
    return;
  }
  diagnostic_ = true;
  if (e->op == Op::param) {
    out_ += name(e);
  } else if (e->op == Op::constant) {
    constant(e);
  } else {
    out_ += info(e->op).name;
    out_ += '(';
    list(e->operands);
    out_ += ')';
    attributes(e);
  }
  out_ += " : ";
  type(e->type);
}

std::string print(Expr e) {
  Printer p;
  p.any(e);
  return p.take();
}

std::string print(Type type) {
  Printer p;
  p.set_diagnostic();
  p.type(type);
  return p.take();
}

std::string print(const Context& c, const Function& f, const PrintOptions& options) {
  Printer p(options);
  p.function(c, f, "model");
  std::string text = p.take();
  text.pop_back();  // the empty line behind the last function
  return text;
}

std::string print(const Kernel& kernel) {
  Printer p;
  p.kernel(kernel);
  return p.take();
}

std::string canonical_text(const Kernel& kernel) {
  Printer p({}, true);
  p.kernel(kernel);
  return p.take();
}

}  // namespace tenon::ir
