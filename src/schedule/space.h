// The space of default schedules of a program: what its generators decide, each decision with its
// candidates. A tuner asks for the preferred schedule (`realize` with an empty assignment), changes
// values of `Choice::decisions`, and realizes again; which decisions there are depends on those
// before (a sketch, an instruction), so the choice lists those that were made.
#pragma once

#include "schedule/decision.h"
#include "schedule/schedule.h"

namespace tenon::schedule {

/// What the cost model prefers.
[[nodiscard]] Sampler prefer();
/// A candidate of each decision, drawn by its name: the same for the same seed.
[[nodiscard]] Sampler sample(uint64_t seed);
/// These values, for others what is preferred.
[[nodiscard]] Sampler given(Assignment values);
/// Of each decision the candidate next to its value, for a program of other extents: numbers by
/// difference; words that are no candidate, and decisions without a value, are as preferred.
[[nodiscard]] Sampler nearest(Assignment values);

/// The default schedule under the decisions of a sampler. Deterministic. A sampler that decides
/// `sketch` gets that one or its refusal; else what a sketch refuses is left to the next one.
[[nodiscard]] Result<Choice> realize(const Program& program, const machine::Machine& machine,
                                     const Sampler& sampler);
/// The same under these values and otherwise preferred ones. Refuses a name that the schedule does
/// not decide, a word that is no candidate, and what primitives refuse. Numbers need not be
/// candidates.
[[nodiscard]] Result<Choice> realize(const Program& program, const machine::Machine& machine,
                                     const Assignment& values);
/// The decisions of that schedule, in order.
[[nodiscard]] Result<std::vector<Decision>> space(const Program& program,
                                                  const machine::Machine& machine,
                                                  const Assignment& values = {});

[[nodiscard]] Assignment assignment(const std::vector<Decision>& decisions);

}  // namespace tenon::schedule
