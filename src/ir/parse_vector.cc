// Vectors: their types, operators, and places of several lanes.
#include <charconv>

#include "ir/expr.h"
#include "ir/parser.h"
#include "ir/vector.h"
#include "support/text.h"

namespace tenon::ir {

/// f32x16; nullptr where the token is no such type.
Type Parser::lanes_type(const Token& token) {
  const size_t x = token.kind == TokenKind::name ? token.spelling.rfind('x') : std::string::npos;
  if (x == std::string::npos) return nullptr;
  const std::optional<DType> dtype = parse_dtype(token.spelling.substr(0, x));
  const std::string_view digits = token.spelling.substr(x + 1);
  int lanes = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), lanes);
  if (!dtype || failed != std::errc{} || end != digits.data() + digits.size() || lanes < 2 ||
      lanes > kMostLanes)
    return nullptr;
  ++at_;
  return c_->scalar(*dtype, lanes);
}

bool Parser::lane_count(int& out) {
  const Token& token = peek();
  int64_t lanes = 0;
  if (!integer(lanes)) return false;
  if (lanes < 2 || lanes > kMostLanes)
    return error_at(token, cat("a vector has 2 to ", kMostLanes, " lanes, not ", lanes),
                    "text.type");
  out = static_cast<int>(lanes);
  return true;
}

/// [i, j], [ramp(i, 1, 8)] or [i, ramp(j, 1, 8) where mask]: the indices of a load or store.
bool Parser::places(const Token& token, Expr buffer, std::vector<Expr>& indices, Expr& mask) {
  if (!expect("[")) return false;
  while (!at("]") && !at("where")) {
    indices.push_back(expr());
    if (indices.back() == nullptr) return false;
    if (!accept(",")) break;
  }
  if (accept("where") && (mask = expr()) == nullptr) return false;
  if (!expect("]")) return false;
  int lanes = 1;
  for (Expr i : indices) {
    const bool index = i->type->is_scalar() && i->op != Op::buffer && i->dtype() == DType::i64;
    if (!index || (lanes > 1 && i->type->is_vector() && i->type->lanes != lanes))
      return error_at(token, "an index must be i64, and vectors among indices of equal lanes",
                      "text.type");
    lanes = std::max(lanes, i->type->lanes);
  }
  const bool offset = indices.size() == 1 && lanes > 1;
  if (static_cast<int>(indices.size()) != buffer->rank() && !offset)
    return error_at(token, cat("buffer of rank ", buffer->rank(), " takes that many i64 indices"),
                    "text.type");
  if (mask != nullptr && mask->type != c_->scalar(DType::boolean, lanes))
    return error_at(token,
                    cat("a mask of ", lanes, " lanes is needed here, not ", print(mask->type)),
                    "text.type");
  return true;
}

/// splat(x, 16), ramp(base, step, 16), shuffle(v, w, [1, 0]), lane(v, i), reduce_lanes(sum, v)
Expr Parser::lanes(const Token& token, Op op) {
  std::vector<Expr> operands;
  std::vector<Attr> attrs;
  int count = 1;
  if (!expect("(")) return nullptr;
  if (op == Op::reduce_lanes) {
    std::string kind;
    if (!name(kind, "a combiner") || !expect(",")) return nullptr;
    attrs.push_back({Key::kind, kind});
  }
  const size_t wanted = op == Op::ramp || op == Op::lane ? 2 : 1;
  do {
    if (op == Op::shuffle && at("[")) return shuffle(token, operands);
    operands.push_back(expr());
    if (operands.back() == nullptr) return nullptr;
    if (!operands.back()->type->is_scalar() || operands.back()->op == Op::buffer) {
      error_at(token, cat("'", info(op).name, "' takes scalars and vectors"), "text.type");
      return nullptr;
    }
  } while ((operands.size() < wanted || op == Op::shuffle) && expect(","));
  if ((op == Op::splat || op == Op::ramp) && (!expect(",") || !lane_count(count))) return nullptr;
  if (op == Op::shuffle || !expect(")")) return nullptr;
  return c_->make(op, c_->scalar(operands[0]->dtype(), count), operands, std::move(attrs));
}

Expr Parser::shuffle(const Token& token, std::span<const Expr> operands) {
  std::vector<int64_t> pattern;
  if (!expect("[") || !integers(pattern, ']') || !expect(")")) return nullptr;
  if (operands.empty() || operands.size() > 2 || pattern.size() < 2 ||
      pattern.size() > static_cast<size_t>(kMostLanes)) {
    error_at(token, cat("'shuffle' takes one or two vectors and 2 to ", kMostLanes, " lanes"),
             "text.type");
    return nullptr;
  }
  const Type type = c_->scalar(operands[0]->dtype(), static_cast<int>(pattern.size()));
  return c_->make(Op::shuffle, type, operands, {{Key::pattern, std::move(pattern)}});
}

}  // namespace tenon::ir
