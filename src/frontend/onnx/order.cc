#include "frontend/onnx/order.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace tenon::onnx_import {
namespace {

/// Names that a graph takes from outside: what its nodes and outputs read and it does not define.
/// Recursion follows the nesting of graphs, which the parser bounds.
void collect_free(const onnx::GraphProto& graph, Names& names) {
  Names reads;
  for (const auto& node : graph.node()) collect_reads(node, reads);
  for (const auto& output : graph.output()) reads.insert(output.name());
  for (const auto& node : graph.node())
    for (const std::string& name : node.output()) reads.erase(name);
  for (const auto& input : graph.input()) reads.erase(input.name());
  for (const auto& tensor : graph.initializer()) reads.erase(tensor.name());
  names.merge(reads);
}

}  // namespace

void collect_reads(const onnx::NodeProto& node, Names& names) {
  for (const std::string& name : node.input())
    if (!name.empty()) names.insert(name);
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_free(attribute.g(), names);
    for (const auto& graph : attribute.graphs()) collect_free(graph, names);
  }
}

NodePointers in_order(const NodeList& list) {
  const auto count = static_cast<size_t>(list.size());
  std::unordered_map<std::string, size_t> giver;
  for (size_t i = 0; i < count; ++i)
    for (const std::string& name : list[static_cast<int>(i)].output())
      if (!name.empty()) giver.emplace(name, i);
  std::vector<std::vector<size_t>> readers(count);
  std::vector<size_t> waits(count, 0);
  bool sorted = true;
  for (size_t i = 0; i < count; ++i) {
    Names reads;
    collect_reads(list[static_cast<int>(i)], reads);
    for (const std::string& name : reads) {
      const auto found = giver.find(name);
      if (found == giver.end()) continue;
      readers[found->second].push_back(i);
      ++waits[i];
      sorted = sorted && found->second < i;
    }
  }
  NodePointers order;
  if (sorted) {
    for (const auto& node : list) order.push_back(&node);
    return order;
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i)
    if (waits[i] == 0) ready.push(i);
  std::vector<bool> placed(count, false);
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    placed[i] = true;
    order.push_back(&list[static_cast<int>(i)]);
    for (const size_t reader : readers[i])
      if (--waits[reader] == 0) ready.push(reader);
  }
  for (size_t i = 0; i < count; ++i)
    if (!placed[i]) order.push_back(&list[static_cast<int>(i)]);
  return order;
}

NodePointers readers_of(const NodePointers& nodes, Names& names) {
  NodePointers found;
  for (const onnx::NodeProto* node : nodes) {
    Names reads;
    collect_reads(*node, reads);
    if (std::none_of(reads.begin(), reads.end(),
                     [&](const std::string& name) { return names.contains(name); }))
      continue;
    found.push_back(node);
    for (const std::string& name : node->output())
      if (!name.empty()) names.insert(name);
  }
  return found;
}

}  // namespace tenon::onnx_import
