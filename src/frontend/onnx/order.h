// Which names nodes read, and an order in which every node comes behind those that it reads.
#pragma once

#include <onnx-ml.pb.h>

#include <string>
#include <unordered_set>
#include <vector>

namespace tenon::onnx_import {

using Names = std::unordered_set<std::string>;
using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using NodePointers = std::vector<const onnx::NodeProto*>;

/// Adds the names that a node reads: its inputs, and what its graphs take from outside.
void collect_reads(const onnx::NodeProto& node, Names& names);

/// The nodes with each behind those that give what it reads; else in the order of the list, which
/// the standard promises to be such an order already. Nodes on a cycle come last.
[[nodiscard]] NodePointers in_order(const NodeList& list);

/// Those of `nodes` that read one of `names`, directly or through each other, in order; `names`
/// grows by what they give.
[[nodiscard]] NodePointers readers_of(const NodePointers& nodes, Names& names);

}  // namespace tenon::onnx_import
