// The scalar meaning of operators (ops/scalar.h) under the interpreter's names.
#pragma once

#include "ops/scalar.h"

namespace tenon::interp {

using ops::apply;
using ops::cast;
using ops::combine;
using ops::fused_multiply_add;
using ops::Scalar;

}  // namespace tenon::interp
