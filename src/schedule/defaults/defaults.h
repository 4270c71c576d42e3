// The default schedules, one a kind of anchor, and the moves that they share. Each takes a schedule
// in definition form and either finishes it or returns the error of the primitive that refused; the
// caller then falls back to a plainer one.
#pragma once

#include <functional>

#include "machine/cost.h"
#include "schedule/defaults/analysis.h"

namespace tenon::schedule::defaults {

/// What a generator works for, and who decides what it leaves open. The names of decisions begin
/// with that of a block; asked again in the same schedule, a decision stays as it is.
struct Target {
  const machine::Machine& machine;
  const machine::Cost& cost;
  const Sampler& sampler;
  std::vector<Refusal>& refusals;  // of attempts so far

  /// Elements of one vector register for the widest type that the block touches.
  [[nodiscard]] int lanes(const BlockInfo& block) const {
    return machine.vector_bytes / std::max(widest(block), 1);
  }
  /// A number from 1 to 2^31. Refuses what is given and no such number.
  [[nodiscard]] Result<Number> number(Schedule& s, const std::string& name,
                                      std::vector<int64_t> candidates, int64_t preferred) const;
  /// One of the candidates. Refuses what is given and none.
  [[nodiscard]] Result<Term> word(Schedule& s, const std::string& name,
                                  const std::vector<std::string>& candidates,
                                  const std::string& preferred) const;
  [[nodiscard]] Result<bool> yes(Schedule& s, const std::string& name, bool preferred) const;
};

/// Powers of two from `least` to `most`, both included.
[[nodiscard]] std::vector<int64_t> powers(int64_t least, int64_t most);

/// A schedule that may be refused.
struct Attempt {
  std::string name, block;
  std::string word;  // as a decision's value
  std::function<Status(Schedule&)> run;
};
/// The schedule after the attempt, or as it was: then the refusal is noted.
Status try_one(Schedule& s, const Target& t, const Attempt& attempt);
/// The first attempt that goes through, or the one that is decided: a decision of that name.
[[nodiscard]] Result<const Attempt*> first_of(Schedule& s, const Target& t,
                                              const std::string& decision,
                                              const std::vector<Attempt>& attempts);

// ---- anchors
[[nodiscard]] Status schedule_contraction(Schedule& s, const Target& t, const std::string& anchor);
/// Two products with rows between them: what is_attention finds.
[[nodiscard]] bool is_attention(const Schedule& s);
[[nodiscard]] Status schedule_attention(Schedule& s, const Target& t);
[[nodiscard]] Status schedule_row_product(Schedule& s, const Target& t, const std::string& anchor);
[[nodiscard]] Status schedule_window(Schedule& s, const Target& t, const std::string& anchor);
[[nodiscard]] Status schedule_rows(Schedule& s, const Target& t);
[[nodiscard]] Status schedule_reduction(Schedule& s, const Target& t, const std::string& anchor);
/// Every block as a nest of its own: what always works.
[[nodiscard]] Status schedule_plain(Schedule& s, const Target& t);

// ---- shared moves
/// Inlines elementwise and injective blocks that write internal buffers into their readers, but for
/// `keep`; a heavy value with several readers stays.
void inline_producers(Schedule& s, const std::vector<std::string>& keep = {});
/// Fuses neighbouring loops from the outside in: one loop.
[[nodiscard]] Result<std::string> fuse_all(Schedule& s, const std::vector<std::string>& loops);
/// Vectorizes the loop: whole when it is short, else split with the block's width; the loops it
/// became.
[[nodiscard]] Result<Handles> vectorize_axis(Schedule& s, const Target& t, const std::string& block,
                                             const std::string& loop);
/// A map block below the given number of outer loops (which stay): inner axes merged and
/// vectorized, outer ones fused. Returns the outermost loop that it made or kept below them, ""
/// when there is none.
[[nodiscard]] Status schedule_map(Schedule& s, const Target& t, const std::string& block,
                                  size_t outer, bool parallel);
/// A reduction by itself, in definition form.
[[nodiscard]] Status schedule_reduce(Schedule& s, const Target& t, const std::string& block);
/// Vector accumulators along a contiguous reduction axis of a block in definition form: the block
/// that fills them, or "" where the axis is short or not contiguous.
[[nodiscard]] Result<std::string> make_partial(Schedule& s, const Target& t,
                                               const std::string& block);
/// Its loops below `outer` ones: lanes in vectors, in registers; then finish_reduction.
[[nodiscard]] Status finish_partial(Schedule& s, const std::string& partial,
                                    const std::string& block, size_t outer);
/// A short innermost reduction loop becomes one horizontal step.
[[nodiscard]] Status finish_reduction(Schedule& s, const std::string& block);
/// Vector width in elements for an axis of that extent: a multiple of the lanes. Decided.
[[nodiscard]] Result<Number> vector_width(Schedule& s, const Target& t, const BlockInfo& block,
                                          std::optional<int64_t> extent);
/// True if every read that depends on the loop moves by one element with it, and one does.
[[nodiscard]] bool contiguous_in_reads(ir::Context& c, const BlockInfo& info, const LoopInfo& loop);
/// Names of loops.
[[nodiscard]] std::vector<std::string> names(const std::vector<LoopInfo>& loops);

}  // namespace tenon::schedule::defaults
