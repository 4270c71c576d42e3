// Schedule: applies primitives, keeps the trace.
#include "schedule/schedule.h"

#include <utility>

#include "schedule/program.h"
#include "schedule/registry.h"
#include "schedule/trace.h"
#include "support/check.h"

namespace tenon::schedule {
using primitives::Edited;
using primitives::find_block;
using primitives::find_loop;
using primitives::name_of;
using primitives::refuse;
using primitives::Site;

Schedule::Schedule(Program program) : program_(primitives::normalize(program)) {}

namespace {
constexpr std::string_view kVersionWord = "schedule";
std::string version_line() {
  return std::string(kVersionWord) + " " + std::to_string(kScheduleVersion);
}
}  // namespace

Schedule Schedule::canonical(const Program& program) {
  Schedule s(primitives::canonical(program));
  auto headed = std::make_shared<ir::Kernel>(*s.program_);
  headed->trace = {version_line()};
  s.program_ = std::move(headed);
  return s;
}

Handles Schedule::blocks() const {
  Handles names;
  for (const Site& site : primitives::find_blocks(program_->body))
    names.push_back(name_of(site.node));
  return names;
}

Handles Schedule::loops(const std::string& block) const {
  Handles names;
  if (const auto site = find_block(program_->body, block))
    for (ir::ForView loop : primitives::loops_above(*site))
      names.push_back(primitives::loop_name(loop));
  return names;
}

ir::Expr Schedule::extent(const std::string& loop) const {
  const auto site = find_loop(program_->body, loop);
  return site ? ir::ForView{site->node}.extent() : nullptr;
}

Result<Handles> Schedule::run(std::string_view name, const std::vector<Argument>& arguments) {
  const Primitive* primitive = find_primitive(name);
  if (primitive == nullptr)
    return fail("schedule.trace",
                "there is no primitive '" + std::string(name) + "'; `tenon opt --list` names them");
  return run(*primitive, arguments, {});
}

std::optional<Value> Schedule::decided(std::string_view name) const {
  for (const Decision& d : decisions_)
    if (d.name == name) return d.value;
  return std::nullopt;
}

void Schedule::decide(Decision decision) {
  TENON_CHECK(!decided(decision.name), "a decision is made twice");
  decisions_.push_back(std::move(decision));
}

const Decision* Schedule::unused_decision() const {
  for (const Decision& d : decisions_)
    if (!in_trace_.contains(d.name)) return &d;
  return nullptr;
}

Result<Handles> Schedule::run(const Primitive& primitive, const std::vector<Argument>& arguments,
                              const Handles& wanted, const std::vector<std::string>& texts) {
  TENON_TRY(Edited edited, primitive.apply(program_, arguments));
  Program next = std::move(edited.program);
  Handles& names = edited.handles;
  if (!wanted.empty() && wanted.size() != names.size())
    return refuse(primitive.name, "it makes " + std::to_string(names.size()) +
                                      " names, but the line has " + std::to_string(wanted.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto renamed = primitives::rename(next, names[i], wanted[i]);
    if (!renamed) return refuse(primitive.name, "'" + wanted[i] + "' is no free name");
    next = *renamed;
    names[i] = wanted[i];
  }
  auto traced = std::make_shared<ir::Kernel>(*next);
  for (const std::string& text : texts)
    for (const std::string& name : decisions_in(text))
      for (const Decision& d : decisions_)
        if (d.name == name && in_trace_.insert(name).second)
          traced->trace.push_back(format_decision(d));
  traced->trace.push_back(format_line(
      {names, std::string(primitive.name), format_arguments(primitive, arguments, texts)}));
  program_ = std::move(traced);
  return names;
}

namespace {
/// `[0, dot0.columns]` where a number comes from a decision, else empty.
std::string text_of_list(const std::vector<Number>& list) {
  std::string text;
  bool decided = false;
  for (const Number& n : list) {
    text += (text.empty() ? "[" : ", ") + n.written();
    decided = decided || !n.text.empty();
  }
  return decided ? text + "]" : "";
}
std::vector<int64_t> values_of(const std::vector<Number>& list) {
  std::vector<int64_t> values;
  for (const Number& n : list) values.push_back(n.value);
  return values;
}
/// For primitives with one result, or none.
Result<std::string> only(Result<Handles> names) {
  if (!names) return tl::make_unexpected(std::move(names).error());
  return names->empty() ? std::string() : names->front();
}
Status drop(Result<Handles> names) {
  if (!names) return tl::make_unexpected(std::move(names).error());
  return {};
}
}  // namespace

Result<Handles> Schedule::split(const std::string& loop, const Number& factor,
                                const std::string& tail) {
  return run(*find_primitive("split"), {loop, factor.value, tail}, {}, {"", factor.text, ""});
}
Result<std::string> Schedule::fuse(const std::string& outer, const std::string& inner) {
  return only(run("fuse", {outer, inner}));
}
Status Schedule::reorder(const Handles& loops) { return drop(run("reorder", {loops})); }
Result<Handles> Schedule::tile(const std::string& a, const std::string& b, int64_t fa, int64_t fb) {
  return run("tile", {a, b, fa, fb});
}
Status Schedule::parallel(const std::string& loop) { return drop(run("parallel", {loop})); }
Status Schedule::vectorize(const std::string& loop) { return drop(run("vectorize", {loop})); }
Status Schedule::unroll(const std::string& loop) { return drop(run("unroll", {loop})); }
Status Schedule::annotate(const std::string& target, const std::string& key,
                          const std::string& value) {
  return drop(run("annotate", {target, key, value}));
}
Status Schedule::specialize(const std::string& loop, const std::string& inner,
                            const std::vector<int64_t>& bounds) {
  return drop(run("specialize", {loop, inner, bounds}));
}
Status Schedule::compute_at(const std::string& block, const std::string& loop) {
  return drop(run("compute_at", {block, loop}));
}
Status Schedule::reverse_compute_at(const std::string& block, const Term& loop) {
  return drop(run(*find_primitive("reverse_compute_at"), {block, loop.value}, {}, {"", loop.text}));
}
Status Schedule::inline_block(const std::string& block) { return drop(run("inline", {block})); }
Status Schedule::reverse_inline(const std::string& block) {
  return drop(run("reverse_inline", {block}));
}
Result<std::string> Schedule::cache_read(const std::string& block, const std::string& buffer,
                                         const std::string& scope) {
  return only(run("cache_read", {block, buffer, scope}));
}
Result<std::string> Schedule::cache_write(const std::string& block, const std::string& scope) {
  return only(run("cache_write", {block, scope}));
}
Result<std::string> Schedule::pack(const std::string& block, const std::string& buffer,
                                   const ir::Packing& layout) {
  return only(run("pack", {block, buffer, layout.factors, layout.perm}));
}
Result<std::string> Schedule::pack(const std::string& block, const std::string& buffer,
                                   const std::vector<Number>& factors,
                                   const std::vector<int64_t>& perm) {
  return only(run(*find_primitive("pack"), {block, buffer, values_of(factors), perm}, {},
                  {"", "", text_of_list(factors), ""}));
}
Result<std::string> Schedule::widen(const std::string& block, const std::string& buffer,
                                    ir::DType type) {
  return only(run("widen", {block, buffer, std::string(ir::info(type).name)}));
}
Status Schedule::set_scope(const std::string& block, const std::string& scope) {
  return drop(run("set_scope", {block, scope}));
}
Result<std::string> Schedule::decompose_reduction(const std::string& block,
                                                  const std::string& loop) {
  return only(run("decompose_reduction", {block, loop}));
}
Result<std::string> Schedule::rfactor(const std::string& block, const std::string& loop) {
  return only(run("rfactor", {block, loop}));
}
Result<std::string> Schedule::blockize(const std::string& loop) {
  return only(run("blockize", {loop}));
}
Status Schedule::tensorize(const std::string& loop, const Term& instruction,
                           const std::vector<Number>& params) {
  return drop(run(*find_primitive("tensorize"), {loop, instruction.value, values_of(params)}, {},
                  {"", instruction.text, text_of_list(params)}));
}

Status Schedule::apply_version(const std::string& line) {
  if (line != version_line())
    return fail("schedule.version", "expected `" + version_line() + "`, found `" + line +
                                        "`: this Tenon has version " +
                                        std::to_string(kScheduleVersion) +
                                        " of the schedule language; print the kernel anew with "
                                        "`tenon inspect --stage loop`");
  if (!program_->trace.empty() || !decisions_.empty())
    return fail("schedule.version", "`" + line + "` is the first line of a schedule or none");
  *this = canonical(program_);
  return {};
}

Status Schedule::apply(const std::string& line) {
  if (line == kVersionWord || line.starts_with(std::string(kVersionWord) + " "))
    return apply_version(line);
  TENON_TRY(std::optional<Decision> decision, parse_decision(line));
  if (decision) {
    if (decided(decision->name))
      return fail("schedule.trace",
                  "'" + decision->name + "' is decided twice; leave one line out");
    decide(*std::move(decision));
    return {};
  }
  TENON_TRY(const TraceLine parsed, parse_line(line));
  const Primitive* primitive = find_primitive(parsed.primitive);
  if (primitive == nullptr)
    return fail("schedule.trace",
                "there is no primitive '" + parsed.primitive + "'; `tenon opt --list` names them");
  TENON_TRY(const Arguments arguments,
            parse_arguments(*primitive, parsed.arguments,
                            [&](std::string_view name) { return decided(name); }));
  return drop(run(*primitive, arguments.values, parsed.results, arguments.texts));
}

}  // namespace tenon::schedule
