#include "ir/combiner.h"

#include <limits>

#include "support/check.h"

namespace tenon::ir {
namespace {

struct Combiner {
  std::string_view name;
  Op op;
};
constexpr Combiner kCombiners[] = {{"sum", Op::add}, {"prod", Op::mul}, {"max", Op::max},
                                   {"min", Op::min}, {"and", Op::and_}, {"or", Op::or_},
                                   {"xor", Op::xor_}};

}  // namespace

Op combiner(std::string_view name) {
  for (const Combiner& row : kCombiners)
    if (row.name == name) return row.op;
  TENON_UNREACHABLE("no combiner of that name");
}

std::string_view combiner_name(Op op) {
  for (const Combiner& row : kCombiners)
    if (row.op == op) return row.name;
  return "";
}

double identity_f(std::string_view combine) {
  if (combine == "prod") return 1;
  if (combine == "max") return -std::numeric_limits<double>::infinity();
  if (combine == "min") return std::numeric_limits<double>::infinity();
  return 0;
}

int64_t identity_i(std::string_view combine, DType type) {
  if (combine == "prod") return 1;
  if (combine == "and")
    return type == DType::boolean
               ? 1
               : (is_signed(type) ? -1
                                  : static_cast<int64_t>(~uint64_t{0} >> (64 - info(type).bits)));
  const int bits = info(type).bits;
  if (is_signed(type)) {
    if (combine == "max") return std::numeric_limits<int64_t>::min() >> (64 - bits);
    if (combine == "min") return std::numeric_limits<int64_t>::max() >> (64 - bits);
  } else if (combine == "min") {
    return static_cast<int64_t>(~uint64_t{0} >> (64 - bits));
  }
  return 0;
}

Expr identity(Context& c, std::string_view combine, DType type) {
  const Type scalar = c.scalar(type);
  return is_float(type) ? c.imm_f(scalar, identity_f(combine))
                        : c.imm(scalar, identity_i(combine, type));
}

}  // namespace tenon::ir
