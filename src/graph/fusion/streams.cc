// Sums of rows that were made of sums (attention): where a contraction alone reads a value whose
// rows come from another contraction, one kernel makes the rows, block by block, and uses them up;
// the value is never whole in memory.
#include <algorithm>

#include "graph/fusion/groups.h"
#include "ops/index_map.h"

namespace tenon::graph::fusion {

using schedule::Form;
using schedule::Place;

namespace {

class Streams {
 public:
  Streams(Groups& groups, const FusionOptions& options) : groups_(groups), options_(options) {}

  void run() {
    for (size_t g = 0; g < groups_.states.size(); ++g) {
      const int sum = static_cast<int>(g);
      const int rows = rows_for(sum);
      const int first = rows == kNone ? kNone : sum_for(rows);
      if (first != kNone) merge(first, rows, sum);
    }
  }

 private:
  /// The node for whose loops the group was made.
  [[nodiscard]] Expr own(const State& s) const {
    for (size_t i = 0; i < s.nodes.size(); ++i)
      if (s.places[i] == Place::own) return s.nodes[i];
    return nullptr;
  }

  /// A group that sums products of two values.
  [[nodiscard]] bool is_sum(const State& s) const {
    const Expr n = s.dead ? nullptr : own(s);
    return n != nullptr && s.facts.form == Form::anchor && n->operands.size() == 2 &&
           ops::read_axes(n, 0) && ops::read_axes(n, 1);
  }

  /// The group of rows that the sum's first operand is the only result of, and alone for it: sums
  /// along the rows, one sum for each column of the other operand.
  [[nodiscard]] int rows_for(int sum) const {
    const State& s = groups_.at(sum);
    if (!is_sum(s)) return kNone;
    const Expr n = own(s);
    const Expr value = n->operand(0);
    const int rows = groups_.of(value);
    if (rows == kNone || rows == sum || n->operand(1) == value) return kNone;
    const State& r = groups_.at(rows);
    if (r.facts.form != Form::rows || !only_result(r, rows, value, n)) return kNone;
    std::vector<int> axes = *ops::read_axes(n, 0);
    if (axes.empty() || axes.back() != n->rank()) return kNone;
    for (size_t i = 0; i + 1 < axes.size(); ++i)
      if (axes[i] != static_cast<int>(i)) return kNone;
    return static_cast<int>(r.facts.domain.size()) + 1 == value->rank() ? rows : kNone;
  }

  /// The one sum whose result those rows are made of, and nothing else is.
  [[nodiscard]] int sum_for(int rows) const {
    const State& r = groups_.at(rows);
    int first = kNone;
    Expr value = nullptr;
    for (Expr n : r.nodes)
      for (Expr operand : n->operands) {
        const int g = groups_.of(operand);
        if (g == kNone || g == rows || !is_sum(groups_.at(g)) || operand->shape() != n->shape() ||
            operand->rank() != static_cast<int>(r.facts.domain.size()) + 1)
          continue;
        if (first != kNone && (g != first || operand != value)) return kNone;
        first = g;
        value = operand;
      }
    if (first == kNone) return kNone;
    for (Expr user : *groups_.values.users.find(value))
      if (groups_.of(user) != rows) return kNone;
    return only_result(groups_.at(first), first, value, nullptr) ? first : kNone;
  }

  /// True if no other value of the group is read outside; of `value` by `reader` alone, if given.
  [[nodiscard]] bool only_result(const State& s, int id, Expr value, Expr reader) const {
    for (Expr n : s.nodes) {
      if (groups_.values.needed.contains(n)) return false;
      const auto* users = groups_.values.users.find(n);
      if (users == nullptr) continue;
      for (Expr u : *users) {
        if (n == value && (reader == nullptr || u == reader)) continue;
        if (u == reader || groups_.read_outside(u, id)) return false;
      }
    }
    return true;
  }

  /// What feeds the two runs no later than what they feed: no kernel waits for another anew.
  void merge(int first, int rows, int sum) {
    const State before[] = {groups_.at(first), groups_.at(rows), groups_.at(sum)};
    if (before[0].nodes.size() + before[1].nodes.size() + before[2].nodes.size() >
        options_.max_nodes)
      return;
    State all = before[2];
    for (const State* part : {&before[0], &before[1]})
      for (size_t i = 0; i < part->nodes.size(); ++i) {
        const Expr v = part->nodes[i];
        const auto at =
            std::lower_bound(all.nodes.begin(), all.nodes.end(), v, [&](Expr a, Expr b) {
              return *groups_.values.index.find(a) < *groups_.values.index.find(b);
            });
        const Place place = part->places[i];
        all.places.insert(all.places.begin() + (at - all.nodes.begin()), place);
        all.nodes.insert(at, v);
        groups_.put(v, sum);
      }
    all.first = std::min({before[0].first, before[1].first, before[2].first});
    groups_.at(sum) = all;
    if (options_.streams(finish(groups_, sum))) {
      for (const int g : {first, rows}) {
        groups_.at(g).nodes.clear();
        groups_.at(g).places.clear();
        groups_.at(g).dead = true;
      }
      return;
    }
    groups_.at(sum) = before[2];
    for (const auto& [g, state] : {std::pair{first, &before[0]}, {rows, &before[1]}})
      for (Expr v : state->nodes) groups_.put(v, g);
  }

  Groups& groups_;
  const FusionOptions& options_;
};

}  // namespace

void stream_all(Groups& groups, const FusionOptions& options) { Streams(groups, options).run(); }

}  // namespace tenon::graph::fusion
