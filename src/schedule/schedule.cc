// Schedule: applies primitives, keeps the trace.
#include "schedule/schedule.h"

#include "schedule/primitives/primitives.h"
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

Result<Handles> Schedule::record(std::string_view primitive, std::vector<std::string> arguments,
                                 Result<Edited> edited) {
  if (!edited) return tl::make_unexpected(std::move(edited).error());
  Program next = std::move(edited->program);
  Handles& names = edited->handles;
  if (!wanted_.empty()) {
    if (wanted_.size() != names.size())
      return refuse(primitive, "it makes " + std::to_string(names.size()) +
                                   " names, but the line has " + std::to_string(wanted_.size()));
    for (size_t i = 0; i < names.size(); ++i) {
      const auto renamed = primitives::rename(next, names[i], wanted_[i]);
      if (!renamed) return refuse(primitive, "'" + wanted_[i] + "' is no free name");
      next = *renamed;
      names[i] = wanted_[i];
    }
  }
  auto traced = std::make_shared<ir::Kernel>(*next);
  traced->trace.push_back(format_line({names, std::string(primitive), std::move(arguments)}));
  program_ = std::move(traced);
  return names;
}

namespace {
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

Result<Handles> Schedule::split(const std::string& loop, int64_t factor, const std::string& tail) {
  return record("split", {loop, std::to_string(factor), "tail = " + tail},
                primitives::split(program_, loop, factor, tail));
}
Result<std::string> Schedule::fuse(const std::string& outer, const std::string& inner) {
  return only(record("fuse", {outer, inner}, primitives::fuse(program_, outer, inner)));
}
Status Schedule::reorder(const Handles& loops) {
  return drop(record("reorder", loops, primitives::reorder(program_, loops)));
}
Result<Handles> Schedule::tile(const std::string& a, const std::string& b, int64_t fa, int64_t fb) {
  return record("tile", {a, b, std::to_string(fa), std::to_string(fb)},
                primitives::tile(program_, a, b, fa, fb));
}
Status Schedule::parallel(const std::string& loop) {
  return drop(record("parallel", {loop}, primitives::parallel(program_, loop)));
}
Status Schedule::vectorize(const std::string& loop) {
  return drop(record("vectorize", {loop}, primitives::vectorize(program_, loop)));
}
Status Schedule::unroll(const std::string& loop) {
  return drop(record("unroll", {loop}, primitives::unroll(program_, loop)));
}
Status Schedule::annotate(const std::string& target, const std::string& key,
                          const std::string& value) {
  return drop(
      record("annotate", {target, key, value}, primitives::annotate(program_, target, key, value)));
}
Status Schedule::specialize(const std::string& loop, const std::string& inner,
                            const std::vector<int64_t>& bounds) {
  return drop(record("specialize", {loop, inner, format_ints(bounds)},
                     primitives::specialize(program_, loop, inner, bounds)));
}
Status Schedule::compute_at(const std::string& block, const std::string& loop) {
  return drop(record("compute_at", {block, loop}, primitives::compute_at(program_, block, loop)));
}
Status Schedule::reverse_compute_at(const std::string& block, const std::string& loop) {
  return drop(record("reverse_compute_at", {block, loop},
                     primitives::reverse_compute_at(program_, block, loop)));
}
Status Schedule::inline_block(const std::string& block) {
  return drop(record("inline", {block}, primitives::inline_block(program_, block)));
}
Status Schedule::reverse_inline(const std::string& block) {
  return drop(record("reverse_inline", {block}, primitives::reverse_inline(program_, block)));
}
Result<std::string> Schedule::cache_read(const std::string& block, const std::string& buffer,
                                         const std::string& scope) {
  return only(record("cache_read", {block, buffer, scope},
                     primitives::cache_read(program_, block, buffer, scope)));
}
Result<std::string> Schedule::cache_write(const std::string& block, const std::string& scope) {
  return only(
      record("cache_write", {block, scope}, primitives::cache_write(program_, block, scope)));
}
Result<std::string> Schedule::pack(const std::string& block, const std::string& buffer,
                                   const ir::Packing& layout) {
  return only(record("pack",
                     {block, buffer, "factors = " + format_ints(layout.factors),
                      "perm = " + format_ints(layout.perm)},
                     primitives::pack(program_, block, buffer, layout)));
}
Status Schedule::set_scope(const std::string& block, const std::string& scope) {
  return drop(record("set_scope", {block, scope}, primitives::set_scope(program_, block, scope)));
}
Result<std::string> Schedule::decompose_reduction(const std::string& block,
                                                  const std::string& loop) {
  return only(record("decompose_reduction", {block, loop},
                     primitives::decompose_reduction(program_, block, loop)));
}
Result<std::string> Schedule::rfactor(const std::string& block, const std::string& loop) {
  return only(record("rfactor", {block, loop}, primitives::rfactor(program_, block, loop)));
}
Result<std::string> Schedule::blockize(const std::string& loop) {
  return only(record("blockize", {loop}, primitives::blockize(program_, loop)));
}
Status Schedule::tensorize(const std::string& loop, const std::string& instruction,
                           const std::vector<int64_t>& params) {
  return drop(record("tensorize", {loop, instruction, format_ints(params)},
                     primitives::tensorize(program_, loop, instruction, params)));
}

Status Schedule::apply(const std::string& line) {
  TENON_TRY(const TraceLine parsed, parse_line(line));
  wanted_ = parsed.results;
  const Program before = program_;
  const Status status = apply_line(*this, parsed);
  wanted_.clear();
  if (!status) program_ = before;
  return status;
}

Result<Program> replay(Program program, std::span<const std::string> trace) {
  Schedule schedule(std::move(program));
  for (const std::string& line : trace) TENON_TRY_VOID(schedule.apply(line));
  return schedule.program();
}

}  // namespace tenon::schedule
