// Fusion: which primitives share a kernel. What may run in whose loops is asked of schedules
// (schedule/attach.h), which see forms and index maps, never names; fusion keeps the kernels in an
// order that can run. Its parts stand in fusion/.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"
#include "schedule/attach.h"

namespace tenon::graph {

/// Nodes of one kernel in topological order, and those whose value is needed outside.
struct Group {
  std::vector<ir::Expr> nodes;
  std::vector<ir::Expr> outputs;
  ir::NodeMap<schedule::Place> places;  // of the nodes, free ones aside
};

struct FusionOptions {
  bool enabled = true;    // off: one primitive a kernel
  size_t max_nodes = 48;  // of one group: bounds compile time and register pressure
  /// May a group run whose sum reads rows that another sum made? Asked for each that would form
  /// (fusion/streams.cc); without it none does.
  std::function<bool(const Group&)> streams = {};
  /// Told of each kernel and what it was made of; `inputs` in the order of the params that it
  /// reads.
  std::function<void(const ir::Kernel* kernel, const Group& group, std::vector<ir::Expr> inputs)>
      made = {};
};

/// Partition of the computed nodes of a function body (nested bodies are functions of their own).
/// Groups come in an order in which they can run. Linear time.
[[nodiscard]] std::vector<Group> find_groups(const ir::Function& f,
                                             const FusionOptions& options = {});

/// Replaces every group by a call_kernel node on its definition-form kernel. Bodies of if and loop
/// stay as they are: the pass comes to them by itself.
[[nodiscard]] ir::Function fuse(ir::Context& c, const ir::Function& f,
                                const FusionOptions& options = {});

}  // namespace tenon::graph
