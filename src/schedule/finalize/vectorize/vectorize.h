// Inside of finalize/vectorize: the body of one vector loop, rewritten for the lanes of its chunks.
//
// A chunk is a run of iterations that one vector holds; where the body has loops or reductions, all
// chunks of the loop go through it together. Expressions that are the same in every lane stay
// scalars. What a chunk of one lane gives is scalar code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/simplify.h"
#include "schedule/finalize/vectorize/lanes.h"

namespace tenon::schedule::finalizing {

/// What a scan of a vector loop's body finds (scan.cc).
struct VectorPlan {
  bool possible = true;   // false: it stays a serial loop
  bool together = false;  // a loop or a reduction inside: chunks advance together
  int widest = 0;         // bytes of the widest element that is computed on; 0: none
};
[[nodiscard]] VectorPlan plan_vector_loop(ir::Expr loop);

/// buffer[indices] = op(buffer[indices], rest): a step of a reduction, or an `op` of
/// Op::store for what is none.
struct ReductionStep {
  ir::Op op = ir::Op::store;
  std::vector<ir::Expr> rest;  // the operand, or both factors of an fma
  [[nodiscard]] explicit operator bool() const { return op != ir::Op::store; }
};
[[nodiscard]] ReductionStep reduction_step(ir::Expr store);

/// What all vector loops of a kernel share.
struct VectorScope {
  ir::Context& c;
  ir::Assumptions known;  // of sizes and loop variables
  int mask_bytes = 1;     // smallest element of masked accesses; 0: none
  std::unordered_map<ir::Expr, ir::Expr> offsets = {};  // a row-major offset to its simplest form
  ir::NodeMap<bool> loads = {};
  /// True if evaluating the expression reads memory.
  [[nodiscard]] bool has_load(ir::Expr e);
};

class VectorBody {
 public:
  /// Of the loop over `var`, for these chunks of it, which go together.
  VectorBody(VectorScope& scope, ir::Expr var, std::vector<Chunk> chunks)
      : scope_(scope), c_(scope.c), var_(var), chunks_(std::move(chunks)), facts_(var) {}

  [[nodiscard]] ir::Expr statement(ir::Expr s);

 private:
  using Expr = ir::Expr;
  /// Lanes that are active, a vector of bool for each chunk. `nonempty`: control flow got here only
  /// with one among them.
  struct Mask {
    std::vector<Expr> parts;
    bool nonempty = false;
  };
  struct Condition {
    std::vector<Expr> parts;
    Expr all, any;  // scalars
  };
  /// Comparisons of which the active lanes are those below `bound` (prefix) or from it on.
  struct Range {
    bool prefix;
    Expr bound;  // lanes from the first chunk's first on
  };

  // ---- body.cc: statements and values
  [[nodiscard]] Expr let(Expr s);
  [[nodiscard]] Expr fail(Expr s);
  [[nodiscard]] Expr conditional(Expr s);
  [[nodiscard]] Expr branches(Expr conditional, const Condition& cond);
  [[nodiscard]] Expr masked(const std::vector<Expr>& mask, Expr body);
  /// The value in the lanes of a chunk; a scalar where it is the same in all of them.
  [[nodiscard]] Expr value(Expr e, size_t k);
  [[nodiscard]] Expr find_value(Expr e, size_t k);
  [[nodiscard]] Expr select(Expr e, size_t k);
  /// As value, in every lane.
  [[nodiscard]] Expr vector(Expr e, size_t k) { return spread(value(e, k), k); }
  [[nodiscard]] Expr spread(Expr e, size_t k);
  /// The value in the chunk's first lane, a scalar.
  [[nodiscard]] Expr first(Expr e, size_t k);
  [[nodiscard]] Expr find_first(Expr e, size_t k);

  // ---- conditions.cc
  [[nodiscard]] std::optional<Range> range(Expr e);
  [[nodiscard]] Expr part(const Range& range, size_t k);
  [[nodiscard]] Condition condition(Expr e);
  [[nodiscard]] Expr holds_everywhere(Expr condition);
  [[nodiscard]] std::vector<Expr> guards(Expr value);
  [[nodiscard]] Expr versions(Expr store);
  [[nodiscard]] bool masks_exist(Expr statement);
  [[nodiscard]] Expr lane_by_lane(const Range& range, Expr s);
  [[nodiscard]] int64_t span() const {
    return chunks_.back().offset - chunks_[0].offset + chunks_.back().width;
  }

  // ---- memory.cc
  /// Where the lanes of a chunk lie.
  struct Place {
    Expr buffer;
    std::vector<Expr> first;      // indices of the first lane
    std::vector<Expr> all;        // indices of all lanes
    bool row = true;              // all but the last index are the same in every lane
    std::optional<int64_t> step;  // elements from lane to lane
    std::vector<int64_t> near;    // not empty: elements from the first lane, within one vector
  };
  [[nodiscard]] Place place(Expr buffer, std::span<const Expr> indices, size_t k);
  [[nodiscard]] Expr even_offset(Expr buffer, std::span<const Expr> indices, const Chunk& chunk);
  /// Indices of as many neighbours as the chunk has lanes, from `delta` behind the first lane on.
  [[nodiscard]] std::vector<Expr> neighbours(const Place& p, int64_t delta, size_t k);
  [[nodiscard]] Expr load(Expr e, size_t k);
  [[nodiscard]] Expr load_scalar(Expr buffer, std::span<const Expr> indices, size_t k);
  [[nodiscard]] Expr store(Expr s);
  [[nodiscard]] Expr store_chunk(Expr s, size_t k);
  [[nodiscard]] Expr reduction(Expr s, const ReductionStep& step);
  [[nodiscard]] Expr active(size_t k) const { return mask_ ? mask_->parts[k] : nullptr; }
  /// A scalar condition under which a chunk has an active lane; nullptr: it has one.
  [[nodiscard]] Expr guard(size_t k);
  /// 0, 1, .. in lanes that are cheap to compare.
  [[nodiscard]] Expr counts(int width);
  [[nodiscard]] Expr count(Expr scalar, int width);

  /// Values of expressions in a chunk, `first` or all lanes. A value found outside of an arm of a
  /// select is evaluated there anyway, under a mask that lets more lanes through.
  struct MemoKey {
    Expr e;
    size_t chunk;
    bool first;
    bool operator==(const MemoKey&) const = default;
  };
  struct MemoHash {
    size_t operator()(const MemoKey& k) const {
      return (k.e->hash * 31 + k.chunk) * 2 + (k.first ? 1 : 0);
    }
  };
  using Memo = std::unordered_map<MemoKey, Expr, MemoHash>;
  [[nodiscard]] Expr remembered(const MemoKey& key) const;
  /// The value of one arm, under a mask for the chunk if one is given.
  [[nodiscard]] Expr arm(Expr e, size_t k, Expr mask);

  VectorScope& scope_;
  ir::Context& c_;
  Expr var_;
  std::vector<Chunk> chunks_;
  LaneFacts facts_;
  std::unordered_map<Expr, std::vector<Expr>> lets_;  // of varying variables, for each chunk
  std::optional<Mask> mask_;
  bool versioned_ = false;  // inside one of the copies that versions() makes
  std::vector<Memo> memo_;  // of one statement: an arm inside another behind it
};

}  // namespace tenon::schedule::finalizing
