// The table of composites, their options, and how one is applied, cached and inlined.
//
// Options carry ONNX's attribute names and values (words in any case; element types as the text
// form spells them: f32, u8). The head of a family's file lists its composites: operands (`?`: may
// be nullptr), options [default], and the results behind `->` where there is more than one. Tensors
// are channels-first as ONNX has them. `extents` are i64 expressions where a row asks for them.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "ir/rewrite.h"
#include "ir/text.h"
#include "ops/composite.h"
#include "ops/composite/composite_row.h"
#include "support/check.h"

namespace tenon::ops {
using namespace composite;  // NOLINT: the table's own helpers
namespace {

using ir::Key;
using ir::Op;

const std::map<std::string_view, const CompositeRow*>& rows() {
  static const std::map<std::string_view, const CompositeRow*> table = [] {
    std::map<std::string_view, const CompositeRow*> all;
    for (const auto family :
         {primitive_rows(), softmax_rows(), norm_rows(), activation_rows(), attention_rows(),
          recurrent_rows(), pooling_rows(), resize_rows(), sampling_rows(), rearrange_rows(),
          select_rows(), quantize_rows(), signal_rows(), einsum_rows()})
      for (const CompositeRow& row : family)
        TENON_CHECK(all.emplace(row.name, &row).second, std::string(row.name));
    return all;
  }();
  return table;
}

std::string options_text(const Options& options) {
  std::string text;
  for (const auto& [key, value] : options) text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Operands {
  std::vector<std::string> names;  // of each slot
  std::vector<Expr> given;         // of each slot, nullptr where absent
};

Result<Operands> match_operands(const CompositeRow& row, std::span<const Expr> operands) {
  Operands out;
  const auto bad = [&](const std::string& why) {
    return fail(std::string(row.name) + ".C1",
                std::string(row.name) + " takes (" + std::string(row.operands) + "): " + why);
  };
  if (row.operands.ends_with('*')) {
    for (size_t i = 0; i < operands.size(); ++i) out.names.push_back("x" + std::to_string(i));
    out.given.assign(operands.begin(), operands.end());
    if (std::find(out.given.begin(), out.given.end(), nullptr) != out.given.end())
      return bad("an operand is absent");
    return out;
  }
  const auto slots = split(row.operands, ',');
  for (size_t i = slots.size(); i < operands.size(); ++i)
    if (operands[i] != nullptr) return bad("got " + std::to_string(operands.size()) + " operands");
  for (size_t i = 0; i < slots.size(); ++i) {
    std::string_view name = slots[i];
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    Expr given = i < operands.size() ? operands[i] : nullptr;
    if (given == nullptr && !optional) return bad("operand '" + std::string(name) + "' is absent");
    out.names.emplace_back(name);
    out.given.push_back(given);
  }
  return out;
}

Status check_options(const CompositeRow& row, const Options& options) {
  const auto known = split(row.options, ',');
  for (const auto& [key, value] : options)
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(std::string(row.name) + ".C2",
                  std::string(row.name) + " has no option '" + key +
                      "'; it has: " + (row.options.empty() ? "none" : std::string(row.options)));
  return {};
}

/// The body of a row ends at its first refusal, so that no row has to look whether its operands are
/// still there.
class RowBody : public Body {
 public:
  using Body::Body;
  struct Refused {};

 protected:
  void on_refusal(Error error) override {
    Body::on_refusal(std::move(error));
    throw Refused{};
  }
};

Result<std::vector<Val>> run_row(const CompositeRow& row, RowBody& body, std::vector<Val> in,
                                 const Options& options, std::span<const Expr> extents) {
  Composite application{row.name, body, std::move(in), options, extents};
  std::vector<Val> results;
  try {
    results = row.build(application);
  } catch (const RowBody::Refused&) {
    return tl::make_unexpected(body.status().error());
  }
  TENON_TRY_VOID(body.status());
  TENON_CHECK(!results.empty() &&
                  std::all_of(results.begin(), results.end(), [](Val v) { return v.e != nullptr; }),
              "composite without results: " + std::string(row.name));
  return results;
}

Result<const ir::Function*> body_function(Context& c, const CompositeRow& row,
                                          const Operands& operands, const Options& options,
                                          std::span<const Expr> extents) {
  std::string key = "composite " + std::string(row.name) + "|" + options_text(options);
  for (Expr e : operands.given) key += e == nullptr ? "|" : "|t" + std::to_string(e->type->id);
  for (Expr e : extents) key += "|e" + std::to_string(e->id);
  if (const ir::Function* known = c.find_function(key)) return known;
  auto function = std::make_unique<ir::Function>();
  function->name = row.name;
  RowBody body(c);
  std::vector<Val> in;
  for (size_t i = 0; i < operands.given.size(); ++i) {
    if (operands.given[i] == nullptr) {
      in.push_back({&body, nullptr});
      continue;
    }
    function->params.push_back(c.param(operands.names[i], operands.given[i]->type));
    in.push_back(body.wrap(function->params.back()));
  }
  TENON_TRY(const std::vector<Val> results, run_row(row, body, std::move(in), options, extents));
  for (const Val& v : results) function->results.push_back(v.e);
  return c.add(std::move(function), std::move(key));
}

}  // namespace

namespace composite {

// ---- Composite: options

bool Composite::require(bool condition, int number, std::string message) const {
  if (!condition)
    b.fail(std::string(name) + ".C" + std::to_string(number), std::string(name) + ": " + message);
  return condition;
}

const std::string* Composite::find(std::string_view key) const {
  for (const auto& [have, value] : options)
    if (have == key) return &value;
  return nullptr;
}

int64_t Composite::integer(std::string_view key, int64_t otherwise) const {
  const std::string* text = find(key);
  if (text == nullptr) return otherwise;
  const auto value = parse_integer(*text);
  require(value.has_value(), 2,
          "option " + std::string(key) + " is not an integer: '" + *text + "'");
  return value.value_or(otherwise);
}

double Composite::real(std::string_view key, double otherwise) const {
  const std::string* text = find(key);
  if (text == nullptr) return otherwise;
  const auto value = parse_real(*text);
  require(value.has_value(), 2, "option " + std::string(key) + " is not a number: '" + *text + "'");
  return value.value_or(otherwise);
}

std::string Composite::word(std::string_view key, std::string_view otherwise) const {
  const std::string* text = find(key);
  std::string value = text == nullptr ? std::string(otherwise) : *text;
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char ch) { return std::tolower(ch); });
  return value;
}

Ints Composite::integers(std::string_view key, Ints otherwise) const {
  const std::string* text = find(key);
  if (text == nullptr) return otherwise;
  Ints values;
  for (std::string_view part : split(*text, ',')) {
    const auto value = parse_integer(part);
    if (!require(value.has_value(), 2,
                 "option " + std::string(key) + " is not a list of integers: '" + *text + "'"))
      return otherwise;
    values.push_back(*value);
  }
  return values;
}

std::vector<double> Composite::reals(std::string_view key, std::vector<double> otherwise) const {
  const std::string* text = find(key);
  if (text == nullptr) return otherwise;
  std::vector<double> values;
  for (std::string_view part : split(*text, ',')) {
    const auto value = parse_real(part);
    if (!require(value.has_value(), 2,
                 "option " + std::string(key) + " is not a list of numbers: '" + *text + "'"))
      return otherwise;
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> Composite::words(std::string_view key) const {
  const std::string all = word(key, "");
  std::vector<std::string> values;
  for (std::string_view part : split(all, ',')) values.emplace_back(part);
  return values;
}

ir::DType Composite::dtype(std::string_view key, ir::DType otherwise) const {
  const std::string* text = find(key);
  if (text == nullptr) return otherwise;
  const auto value = ir::parse_dtype(*text);
  require(value.has_value(), 2,
          "option " + std::string(key) + " is not an element type: '" + *text + "'");
  return value.value_or(otherwise);
}

int64_t Composite::axis(std::string_view key, int64_t otherwise, int rank) const {
  const int64_t value = integer(key, otherwise);
  const int64_t wrapped = wrap_axis(value, rank);
  const bool inside = require(wrapped >= 0 && wrapped < rank, 2,
                              std::string(key) + " " + std::to_string(value) +
                                  " is out of range for rank " + std::to_string(rank));
  return inside ? wrapped : 0;
}

Ints Composite::axes(std::string_view key, Ints otherwise, int rank) const {
  Ints wrapped;
  for (int64_t value : integers(key, std::move(otherwise))) {
    wrapped.push_back(wrap_axis(value, rank));
    if (!require(wrapped.back() >= 0 && wrapped.back() < rank, 2,
                 std::string(key) + " has " + std::to_string(value) + ", out of range for rank " +
                     std::to_string(rank)))
      return {};
  }
  return wrapped;
}

}  // namespace composite

namespace composite {

namespace {
std::optional<std::string> option(Expr call, std::string_view key) {
  for (auto& [known, value] : parse_options(call->string_attr(Key::options)))
    if (known == key) return std::move(value);
  return std::nullopt;
}
}  // namespace

bool has_option(Expr call, std::string_view key) { return option(call, key).has_value(); }

int64_t integer_option(Expr call, std::string_view key, int64_t otherwise) {
  const auto text = option(call, key);
  return text ? parse_integer(*text).value_or(otherwise) : otherwise;
}

double real_option(Expr call, std::string_view key, double otherwise) {
  const auto text = option(call, key);
  return text ? parse_real(*text).value_or(otherwise) : otherwise;
}

}  // namespace composite

// ---- the public face

const std::vector<CompositeInfo>& composites() {
  static const std::vector<CompositeInfo> all = [] {
    std::vector<CompositeInfo> list;
    for (const auto& [name, row] : rows())
      list.push_back({row->name, row->operands, row->options, row->extents});
    return list;
  }();
  return all;
}

const CompositeInfo* find_composite(std::string_view name) {
  const auto& all = composites();
  const auto at = std::lower_bound(
      all.begin(), all.end(), name,
      [](const CompositeInfo& row, std::string_view wanted) { return row.name < wanted; });
  return at == all.end() || at->name != name ? nullptr : &*at;
}

const OpRow* kernel_row(Expr node) {
  if (node->op != Op::call) return find_op(node->op);
  const auto found = rows().find(node->string_attr(Key::name));
  if (found == rows().end() || found->second->lowering == nullptr) return nullptr;
  const Lowering& lowering = *found->second->lowering;
  return lowering.accepts(node) ? &lowering.row : nullptr;
}

bool is_kept(Expr node) { return node->op == Op::call && kernel_row(node) != nullptr; }

bool has_own_body(Context& c, Expr call) {
  const auto found = rows().find(call->string_attr(Key::name));
  if (found == rows().end() || !is_kept(call)) return true;
  const CompositeRow& row = *found->second;
  const ir::Function& body = *call->function_attr(Key::body);
  Operands operands;
  for (std::string_view slot : split(row.operands, ',')) {
    if (slot.ends_with('?')) slot.remove_suffix(1);
    const auto given = std::find_if(body.params.begin(), body.params.end(), [&](Expr param) {
      return param->string_attr(Key::name) == slot;
    });
    operands.names.emplace_back(slot);
    operands.given.push_back(given == body.params.end() ? nullptr : *given);
  }
  const Options options = parse_options(call->string_attr(Key::options));
  if (operands.given[0] == nullptr || !check_options(row, options)) return false;
  const auto own = body_function(c, row, operands, options, {});
  return own && ir::print(c, **own) == ir::print(c, body);
}

std::string_view label(Expr node) {
  return node->op == Op::call ? std::string_view(node->string_attr(Key::name))
                              : ir::info(node->op).name;
}

Expr call_operand(Expr call, std::string_view name) {
  const ir::Function* body = call->function_attr(Key::body);
  for (size_t i = 0; i < body->params.size(); ++i)
    if (body->params[i]->string_attr(Key::name) == name) return call->operand(i);
  return nullptr;
}

Result<std::vector<Expr>> build_composite(Context& c, std::string_view name,
                                          std::span<const Expr> operands, const Options& options,
                                          std::span<const Expr> extents) {
  const auto found = rows().find(name);
  if (found == rows().end())
    return fail("composite.unknown", "there is no composite '" + std::string(name) + "'");
  const CompositeRow& row = *found->second;
  TENON_TRY(const Operands matched, match_operands(row, operands));
  TENON_TRY_VOID(check_options(row, options));
  if (row.direct) {
    RowBody body(c);
    std::vector<Val> in;
    for (Expr e : matched.given) in.push_back(body.wrap(e));
    TENON_TRY(const std::vector<Val> results, run_row(row, body, std::move(in), options, extents));
    std::vector<Expr> nodes;
    for (const Val& v : results) nodes.push_back(v.e);
    return nodes;
  }
  TENON_TRY(const ir::Function* body, body_function(c, row, matched, options, extents));
  std::vector<Expr> given;
  for (Expr e : matched.given)
    if (e != nullptr) given.push_back(e);
  std::vector<Type> types;
  for (Expr e : body->results) types.push_back(e->type);
  const Type type = types.size() == 1 ? types[0] : c.tuple(types);
  const Expr call = c.make(
      Op::call, type, given,
      {{Key::name, std::string(name)}, {Key::body, body}, {Key::options, options_text(options)}});
  if (types.size() == 1) return std::vector<Expr>{call};
  std::vector<Expr> results;
  for (size_t i = 0; i < types.size(); ++i)
    results.push_back(c.make(Op::get, types[i], {call}, {{Key::index, static_cast<int64_t>(i)}}));
  return results;
}

std::vector<Expr> inline_call(Context& c, Expr call) {
  TENON_CHECK(call->op == Op::call, "inline_call of another operator");
  const ir::Function* body = call->function_attr(Key::body);
  TENON_CHECK(body->params.size() == call->operands.size(), "call and body differ in operands");
  ir::Map map;
  for (size_t i = 0; i < body->params.size(); ++i) {
    const Expr param = body->params[i];
    const Expr operand = call->operand(i);
    map.emplace(param, operand);
    // A body keeps the extents with which it was built; the operands' are the current ones.
    for (int d = 0; d < param->rank(); ++d) {
      const Expr extent = param->shape()[static_cast<size_t>(d)];
      const Expr current = operand->shape()[static_cast<size_t>(d)];
      if (extent != current && extent->op == Op::var) map.emplace(extent, current);
    }
  }
  std::vector<Type> types;
  for (Expr e : body->results) types.push_back(e->type);
  // One walk for all results: they are gathered in a tuple.
  const Expr all = ir::substitute(c, c.make(Op::tuple, c.tuple(types), body->results), map);
  return {all->operands.begin(), all->operands.end()};
}

}  // namespace tenon::ops
