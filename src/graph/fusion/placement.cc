// Which group a node joins: the one whose schedule can take it in, where no kernels would wait for
// each other.
#include <algorithm>

#include "graph/fusion/groups.h"
#include "graph/lower.h"

namespace tenon::graph::fusion {

using schedule::Attachment;
using schedule::Candidate;
using schedule::Form;
using schedule::Place;

namespace {

class Placement {
 public:
  Placement(Groups& groups, const FusionOptions& options) : groups_(groups), options_(options) {}

  void place(Expr n) {
    if (options_.enabled && can_join(n)) {
      std::vector<int> before;
      for (Expr operand : n->operands) groups_.producers(operand, before);
      const std::vector<int> candidates = read_groups(n);
      for (int g : candidates) {
        if (!join(n, g, before)) continue;
        for (int other : candidates)
          if (other != g) draw_in(n, other, g);
        return;
      }
    }
    start(n);
  }

  void start(Expr n) {
    const size_t index = *groups_.values.index.find(n);
    groups_.put(n, static_cast<int>(groups_.states.size()));
    groups_.states.push_back({anchor(n), {n}, {Place::own}, false, index, index});
  }

 private:
  /// Groups of the values that the node reads, those first whose loops are the hardest to share;
  /// of these the latest: of two convolutions added up, the one that runs last takes the sum.
  std::vector<int> read_groups(Expr n) const {
    std::vector<int> all;
    for (Expr operand : n->operands) {
      const Expr value =
          is_free(operand) && !operand->operands.empty() ? operand->operand(0) : operand;
      const int g = groups_.of(value);
      if (g != kNone && std::find(all.begin(), all.end(), g) == all.end()) all.push_back(g);
    }
    std::sort(all.begin(), all.end(), [&](int a, int b) {
      const State& x = groups_.at(a);
      const State& y = groups_.at(b);
      return std::pair(rank(x.facts.form), y.last) < std::pair(rank(y.facts.form), x.last);
    });
    return all;
  }

  static int rank(Form form) {
    switch (form) {
      case Form::anchor:
        return 0;
      case Form::rows:
        return 1;
      case Form::whole:
        return 3;
      default:
        return 2;
    }
  }

  bool join(Expr n, int g, std::span<const int> before) {
    State& s = groups_.at(g);
    if (s.nodes.size() >= options_.max_nodes) return false;
    Candidate candidate = groups_.candidate(n, g);
    std::vector<Candidate> members;
    if (s.facts.form < Form::rows) {
      if (candidate.form == Form::rows) {
        for (Expr v : s.nodes) members.push_back(groups_.candidate(v, g));
      } else {
        for (Expr v : s.nodes)
          if (v->shape() != n->shape() && !groups_.used_only_in(v, g, n))
            candidate.beside.emplace_back(v->shape());
      }
    }
    const Attachment attachment = schedule::can_attach(s.facts, candidate, members);
    if (!attachment || groups_.would_cycle(before, g) || groups_.reads_from_memory(n, g))
      return false;
    if (*attachment.place == Place::row) std::fill(s.places.begin(), s.places.end(), Place::row);
    schedule::attach(s.facts, candidate, *attachment.place);
    s.nodes.push_back(n);
    s.places.push_back(*attachment.place);
    s.last = *groups_.values.index.find(n);
    groups_.put(n, g);
    return true;
  }

  /// Draws another producer of `n` into the group that `n` joined, when its work fits there.
  void draw_in(Expr n, int from, int into) {
    State& q = groups_.at(from);
    State& s = groups_.at(into);
    if (q.dead || q.facts.form >= Form::rows ||
        q.nodes.size() + s.nodes.size() > options_.max_nodes)
      return;
    std::vector<std::pair<Candidate, Place>> fits;
    for (Expr v : q.nodes) {
      Candidate candidate = groups_.candidate(v, from);
      candidate.before = true;
      if (s.facts.form == Form::anchor && !groups_.used_only_in(v, from, n))
        candidate.beside.emplace_back(v->shape());
      const Attachment attachment = schedule::can_attach(s.facts, candidate);
      if (!attachment) return;
      fits.emplace_back(std::move(candidate), *attachment.place);
    }
    if (!may_merge(from, into)) return;
    for (size_t i = 0; i < fits.size(); ++i) {
      const Expr v = q.nodes[i];
      schedule::attach(s.facts, fits[i].first, fits[i].second);
      const auto at = std::lower_bound(s.nodes.begin(), s.nodes.end(), v, [&](Expr a, Expr b) {
        return *groups_.values.index.find(a) < *groups_.values.index.find(b);
      });
      s.places.insert(s.places.begin() + (at - s.nodes.begin()), fits[i].second);
      s.nodes.insert(at, v);
      groups_.put(v, into);
    }
    s.first = std::min(s.first, q.first);
    s.last = std::max(s.last, q.last);
    q.nodes.clear();
    q.places.clear();
    q.dead = true;
  }

  bool may_merge(int from, int into) const {
    const State& q = groups_.at(from);
    const State& s = groups_.at(into);
    if (groups_.would_cycle(groups_.producers(q), into, from) ||
        groups_.would_cycle(groups_.producers(s), from, into))
      return false;
    const auto needs = [&](const State& g, int other) {
      return std::any_of(g.nodes.begin(), g.nodes.end(),
                         [&](Expr v) { return groups_.reads_from_memory(v, other); });
    };
    if (needs(q, into) || needs(s, from)) return false;
    // An epilogue must not feed the anchor: it may not depend on the group at all, and the group
    // only through the epilogue.
    return s.facts.form != Form::anchor ||
           (!groups_.reaches(from, into) && !groups_.feeds_anchor(from, s));
  }

  Groups& groups_;
  FusionOptions options_;
};

}  // namespace

void place_all(Groups& groups, const FusionOptions& options) {
  Placement placement(groups, options);
  const Values& values = groups.values;
  for (Expr n : values.order)
    if (is_computed(n) && !is_free(n)) placement.place(n);
  for (Expr n : values.order)
    if (values.stored_free.contains(n)) placement.start(n);
}

}  // namespace tenon::graph::fusion
