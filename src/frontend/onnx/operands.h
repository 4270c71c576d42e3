// What every converter may take for granted of its operands.
#pragma once

#include <vector>

#include "frontend/onnx/builder.h"
#include "frontend/onnx/schema.h"

namespace tenon::onnx_import {

/// Operands (nullptr: absent) whose element type or rank the operator does not take: one diagnostic
/// for each, `onnx.type` or `onnx.shape`.
[[nodiscard]] std::vector<Diagnostic> operand_problems(const Schema& schema, const Exprs& operands);

}  // namespace tenon::onnx_import
