// What questions about expressions may cost. The simplifier, its solvers and the searches inside
// share one budget, so that neither nesting nor repetition multiplies, and hard questions of one
// context share an allowance, so that many of them do not add up to minutes. Where it is spent, an
// answer is looser ("unknown", "not simpler"), never wrong, and the same on each run.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ir/node.h"

namespace tenon::ir {

class Budget {
 public:
  static constexpr int64_t kFree = 500;      // steps of any question
  static constexpr int64_t kLimit = 20'000;  // of one that draws on the context's allowance
  static constexpr int64_t kPart = 32;       // of what is left, one question takes no larger part
  static constexpr size_t kShortSum = 8;     // terms of a sum that costs nothing
  static constexpr int kDepth = 64;          // of questions inside questions: bounds the stack

  Budget() = default;
  explicit Budget(Context& c)
      : context_(&c),
        more_(std::clamp(c.proof_steps() / kPart, int64_t{0}, kLimit - kFree)),
        steps_(kFree + more_) {}
  ~Budget() {
    if (context_ != nullptr && steps_ < more_)
      context_->use_proof_steps(more_ - std::max(steps_, int64_t{0}));
  }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Takes `steps` for work that is about to be done; false when they are not there.
  bool spend(int64_t steps = 1) { return (steps_ -= steps) >= 0; }
  /// The same for a sum: a step for each term of a long one, none for an ordinary one.
  bool spend_on_sum(size_t terms) {
    return terms <= kShortSum || spend(static_cast<int64_t>(terms));
  }

  /// One level of a question inside a question; false in a condition when it has to be given up.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) { ++budget_.depth_; }
    ~Level() { --budget_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    explicit operator bool() const { return budget_.depth_ <= kDepth && budget_.steps_ > 0; }

   private:
    Budget& budget_;
  };

 private:
  Context* context_ = nullptr;
  int64_t more_ = 0;  // of the allowance
  int64_t steps_ = kFree;
  int depth_ = 0;
};

}  // namespace tenon::ir
