// How generators decide: what a sampler says, checked, or what is preferred; and attempts, of which
// the first that goes through is a decision too.
#include <algorithm>

#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {
namespace {

constexpr int64_t kMost = int64_t{1}
                          << 31;  // of a number: products of a few of them do not overflow

std::string listed(const std::vector<Value>& candidates) {
  std::string text;
  for (const Value& each : candidates) text += (text.empty() ? "" : ", ") + text_of(each);
  return text;
}

tl::unexpected<Error> no_value(const Decision& d, const Value& value, const std::string& expected) {
  return fail("schedule.decision", "'" + d.name + "' is " + expected + ", not " + text_of(value));
}

}  // namespace

std::vector<int64_t> powers(int64_t least, int64_t most) {
  std::vector<int64_t> all;
  for (int64_t n = std::max<int64_t>(least, 1); n <= most && n <= kMost; n *= 2) all.push_back(n);
  return all;
}

Result<Number> Target::number(Schedule& s, const std::string& name, std::vector<int64_t> candidates,
                              int64_t preferred) const {
  preferred = std::clamp<int64_t>(preferred, 1, kMost);
  if (const auto before = s.decided(name)) return Number(std::get<int64_t>(*before), name);
  candidates.push_back(preferred);
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  Decision d{name, {candidates.begin(), candidates.end()}, preferred, preferred};
  d.value = sampler(d).value_or(preferred);
  const auto* value = std::get_if<int64_t>(&d.value);
  if (value == nullptr || *value < 1 || *value > kMost)
    return no_value(
        d, d.value,
        "a number from 1 to " + std::to_string(kMost) + ", such as " + listed(d.candidates));
  const int64_t number = *value;
  s.decide(std::move(d));
  return Number(number, name);
}

Result<Term> Target::word(Schedule& s, const std::string& name,
                          const std::vector<std::string>& candidates,
                          const std::string& preferred) const {
  if (const auto before = s.decided(name)) return Term(std::get<std::string>(*before), name);
  Decision d{name, {candidates.begin(), candidates.end()}, preferred, preferred};
  d.value = sampler(d).value_or(preferred);
  if (std::find(d.candidates.begin(), d.candidates.end(), d.value) == d.candidates.end())
    return no_value(d, d.value, "one of " + listed(d.candidates));
  const std::string word = std::get<std::string>(d.value);
  s.decide(std::move(d));
  return Term(word, name);
}

Result<bool> Target::yes(Schedule& s, const std::string& name, bool preferred) const {
  return word(s, name, {"yes", "no"}, preferred ? "yes" : "no").map([](const Term& w) {
    return w.value == "yes";
  });
}

Status try_one(Schedule& s, const Target& t, const Attempt& attempt) {
  Schedule copy = s;
  Status done = attempt.run(copy);
  if (done) {
    s = copy;
  } else {
    t.refusals.push_back({attempt.name, attempt.block, done.error().diagnostics[0].message});
  }
  return done;
}

Result<const Attempt*> first_of(Schedule& s, const Target& t, const std::string& decision,
                                const std::vector<Attempt>& attempts) {
  Decision d{decision, {}, attempts.front().word, attempts.front().word};
  for (const Attempt& attempt : attempts) d.candidates.emplace_back(attempt.word);
  const std::optional<Value> decided = t.sampler(d);
  if (decided &&
      std::find(d.candidates.begin(), d.candidates.end(), *decided) == d.candidates.end())
    return no_value(d, *decided, "one of " + listed(d.candidates));
  Status done;
  for (const Attempt& attempt : attempts) {
    if (decided && *decided != Value(attempt.word)) continue;
    d.value = attempt.word;
    if (!decided) d.preferred = d.value;
    done = try_one(s, t, {attempt.name, attempt.block, attempt.word, [&](Schedule& x) {
                            x.decide(d);
                            return attempt.run(x);
                          }});
    if (done) return &attempt;
  }
  return tl::make_unexpected(std::move(done).error());
}

}  // namespace tenon::schedule::defaults
