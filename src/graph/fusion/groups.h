// What the parts of fusion share: the values of a function, and the groups that they are in so far.
// Each part is a file: values.cc, facts.cc (what schedules are told of a node), free_nodes.cc,
// cycles.cc, placement.cc (which group a node joins), streams.cc (sums of sums), collection.cc
// (groups in an order to run).
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/fuse.h"
#include "ir/node_map.h"
#include "schedule/attach.h"

namespace tenon::graph::fusion {

using ir::Expr;

constexpr int kNone = -1;

/// The values of a function, nested bodies aside.
struct Values {
  explicit Values(const ir::Function& f);

  std::vector<Expr> order;  // what binds a variable comes before what reads it
  ir::NodeMap<size_t> index;
  ir::NodeMap<std::vector<Expr>> users;
  std::unordered_set<Expr> needed;       // results, and what binds variables
  std::unordered_map<Expr, Expr> bound;  // a variable to the tensor that gives its value
  std::unordered_set<Expr> stored_free;  // free nodes whose value has to be in memory

  /// Values that have to be there before `n`: its operands, and for extents as values the tensors
  /// that bind their variables.
  [[nodiscard]] std::vector<Expr> inputs(Expr n) const;
};

struct State {
  schedule::Anchor facts;
  std::vector<Expr> nodes;              // in the order of Values
  std::vector<schedule::Place> places;  // of the nodes
  bool dead = false;                    // merged into another
  size_t first = 0;                     // smallest index of a node
  size_t last = 0;                      // largest
};

class Groups {
 public:
  explicit Groups(const Values& values) : values(values) {}

  const Values& values;
  std::vector<State> states;

  [[nodiscard]] int of(Expr n) const {
    const int* found = of_.find(n);
    return found == nullptr ? kNone : *found;
  }
  [[nodiscard]] State& at(int g) { return states[static_cast<size_t>(g)]; }
  [[nodiscard]] const State& at(int g) const { return states[static_cast<size_t>(g)]; }
  void put(Expr n, int g) { of_.put(n, g); }

  // ---- cycles.cc
  /// Groups that must run before the value of `n` is there, looking through free and structural
  /// nodes; kNone among them: the search was given up.
  void producers(Expr n, std::vector<int>& out) const;
  [[nodiscard]] std::vector<int> producers(const State& g) const;
  /// May `from` depend on `target`, directly or not? Errs on the side of yes.
  [[nodiscard]] bool reaches(int from, int target) const;
  /// Does any of `others` need `target` to run first?
  [[nodiscard]] bool would_cycle(std::span<const int> others, int target,
                                 int except = kNone - 1) const;
  /// Does the node need a value of the group in memory: read by way of structure (a reshape), or
  /// of a broadcast that has a group of its own? Then the two cannot share a kernel.
  [[nodiscard]] bool reads_from_memory(Expr n, int g) const;
  /// Would the anchor of `s` need group `from`, directly or not?
  [[nodiscard]] bool feeds_anchor(int from, const State& s) const;

  // ---- free_nodes.cc
  /// True if all that computes with the value, looking through free nodes, is in `g` or is `extra`.
  [[nodiscard]] bool used_only_in(Expr v, int g, Expr extra) const;
  /// Is the user (or, through free nodes, one of their users) outside group `id`?
  [[nodiscard]] bool read_outside(Expr user, int id) const;
  /// The nodes of the group and the free nodes that they read, operands in front of their users.
  [[nodiscard]] std::vector<Expr> with_free(const State& s) const;

  // ---- facts.cc
  /// The node as schedules see it beside the values of group `g`.
  [[nodiscard]] schedule::Candidate candidate(Expr n, int g) const;

 private:
  [[nodiscard]] bool reads_through_structure(Expr n, int g) const;
  [[nodiscard]] bool reads_stored_broadcast(Expr n, int g) const;

  ir::NodeMap<int> of_;
};

// ---- facts.cc
[[nodiscard]] schedule::Form form(Expr n);
/// A group of that node alone.
[[nodiscard]] schedule::Anchor anchor(Expr n);
/// May it join a group at all?
[[nodiscard]] bool can_join(Expr n);

// ---- free_nodes.cc
/// Broadcast and iota cost nothing inside a kernel: each group that reads one holds its own copy.
[[nodiscard]] bool is_free(Expr n);
/// Free nodes whose value is needed in memory (a result, an operand of structure, of an opaque
/// operator or a contraction): they get a group; the others are copied into the groups that read
/// them.
[[nodiscard]] std::unordered_set<Expr> stored_free(const Values& values);

// ---- streams.cc
/// Groups whose sum alone reads rows made of another sum's result take both in, where
/// options.streams has nothing against it.
void stream_all(Groups& groups, const FusionOptions& options);

// ---- placement.cc, collection.cc
/// The group as it is lowered.
[[nodiscard]] Group finish(const Groups& groups, int id);
void place_all(Groups& groups, const FusionOptions& options);
[[nodiscard]] std::vector<Group> collect(const Groups& groups);

}  // namespace tenon::graph::fusion
