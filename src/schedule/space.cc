#include "schedule/space.h"

#include <algorithm>
#include <cstdlib>

namespace tenon::schedule {

Sampler prefer() {
  return [](const Decision&) { return std::nullopt; };
}

Sampler sample(uint64_t seed) {
  return [seed](const Decision& d) -> std::optional<Value> {
    // FNV over the name, mixed: draws do not depend on the order in which decisions are made.
    uint64_t hash = seed ^ 0xcbf29ce484222325U;
    for (const char ch : d.name) hash = (hash ^ static_cast<unsigned char>(ch)) * 0x100000001b3U;
    hash = (hash ^ (hash >> 31U)) * 0x9e3779b97f4a7c15U;
    return d.candidates.at((hash >> 32U) % d.candidates.size());
  };
}

Sampler given(Assignment values) {
  return [values = std::move(values)](const Decision& d) -> std::optional<Value> {
    const auto found = values.find(d.name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Sampler nearest(Assignment values) {
  return [values = std::move(values)](const Decision& d) -> std::optional<Value> {
    const auto found = values.find(d.name);
    if (found == values.end()) return std::nullopt;
    const auto* wanted = std::get_if<int64_t>(&found->second);
    const Value* best = nullptr;
    uint64_t least = 0;
    for (const Value& candidate : d.candidates) {
      if (candidate == found->second) return candidate;
      const auto* number = std::get_if<int64_t>(&candidate);
      if (wanted == nullptr || number == nullptr) continue;
      const uint64_t off = static_cast<uint64_t>(std::max(*wanted, *number)) -
                           static_cast<uint64_t>(std::min(*wanted, *number));
      if (best == nullptr || off < least) {
        best = &candidate;
        least = off;
      }
    }
    return best == nullptr ? std::nullopt : std::optional(*best);
  };
}

Assignment assignment(const std::vector<Decision>& decisions) {
  Assignment values;
  for (const Decision& d : decisions) values.emplace(d.name, d.value);
  return values;
}

Result<Choice> realize(const Program& program, const machine::Machine& machine,
                       const Assignment& values) {
  TENON_TRY(Choice choice, realize(program, machine, given(values)));
  const Assignment made = assignment(choice.decisions);
  for (const auto& [name, value] : values) {
    if (made.contains(name)) continue;
    std::string text =
        "the " + choice.name + " schedule does not decide '" + name + "'; it decides";
    for (const Decision& d : choice.decisions) text += " " + d.name;
    if (choice.decisions.empty()) text += " nothing";
    for (const Refusal& r : choice.refusals) text += "; not " + r.attempt + ": " + r.reason;
    return fail("schedule.decision", std::move(text));
  }
  return choice;
}

Result<std::vector<Decision>> space(const Program& program, const machine::Machine& machine,
                                    const Assignment& values) {
  return realize(program, machine, values).map([](const Choice& c) { return c.decisions; });
}

}  // namespace tenon::schedule
