// The optimized graph as an ONNX model, for viewers and for onnx.reference. Each kernel is a
// function of the domain "tenon.kernel", whose body is the group of nodes that it was made of;
// composites are functions of "tenon.composite". Operators that ONNX has with the same meaning are
// its own; the others are nodes of the domain "tenon", with their attributes as text. Symbolic
// extents are dim params, and scalars that are computed from shapes where values depend on them.
//
// What ONNX cannot say: a state is an input, and its next value the output NAME_next; guards are
// metadata.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/compiler.h"
#include "support/result.h"

namespace tenon::onnx_export {

/// Facts of a call_kernel node as key and value, for the metadata of its node.
using Facts = std::vector<std::pair<std::string, std::string>>;
using FactsOfCalls = std::unordered_map<ir::Expr, Facts>;

/// Bytes of constants that go into the model's own file; with more, large ones go to `path`.data,
/// since such a file ends at 2 GB.
inline constexpr uint64_t kMostInFile = uint64_t{3} << 29;

/// Writes the model to `path`. Refuses what is larger than 2 GB without them ("export.size"), and a
/// file that cannot be written ("file.write").
[[nodiscard]] Status write_onnx(const compiler::Compilation& compilation, const FactsOfCalls& facts,
                                const std::string& path, uint64_t most_in_file = kMostInFile);

}  // namespace tenon::onnx_export
