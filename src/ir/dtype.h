// The element types of support/dtype.h by their names in the IR.
#pragma once

#include "support/dtype.h"

namespace tenon::ir {

using tenon::decode_float;
using tenon::DType;
using tenon::DTypeInfo;
using tenon::DTypeKind;
using tenon::encode_float;
using tenon::holds_all;
using tenon::info;
using tenon::is_float;
using tenon::is_integer;
using tenon::is_signed;
using tenon::kDTypeCount;
using tenon::parse_dtype;
using tenon::round_to;
using tenon::wrap_to;

}  // namespace tenon::ir
