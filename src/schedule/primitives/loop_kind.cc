// parallel, vectorize, unroll, annotate: how a loop runs.
#include <algorithm>
#include <cctype>

#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

namespace {

Edited with_kind(Draft& draft, const Site& site, const std::string& kind) {
  const ForView loop{site.node};
  draft.set_body(replace(draft.c(), site,
                         ir::for_loop(draft.c(), loop.var(), loop.extent(), loop.body(), kind,
                                      std::string(loop.note()))));
  return draft.finish();
}

/// Name of a loop of that kind at or below the statement; empty for none.
std::string loop_of_kind(Expr root, std::string_view kind) {
  std::string name;
  visit_statements(root, [&](const Site& at) {
    if (name.empty() && at.node->op == Op::for_ && ForView{at.node}.kind() == kind)
      name = loop_name({at.node});
    return name.empty();
  });
  return name;
}

Status check_serial(std::string_view primitive, ForView loop) {
  if (loop.kind() == "serial") return {};
  return refuse(primitive, "loop '" + loop_name(loop) + "' is " + loop.kind() + " already");
}

Result<int64_t> constant_extent(std::string_view primitive, ForView loop, int64_t most) {
  const auto n = ir::as_int(loop.extent());
  if (!n) return refuse(primitive, "the extent of '" + loop_name(loop) + "' is not constant");
  if (*n < 1 || *n > most)
    return refuse(primitive, "the extent of '" + loop_name(loop) + "' is " + std::to_string(*n) +
                                 ", not in 1 to " + std::to_string(most));
  return *n;
}

}  // namespace

Result<Edited> parallel(const Program& p, const std::string& name) {
  Draft draft(p);
  const auto site = find_loop(draft.body(), name);
  if (!site) return refuse("parallel", no_loop(name));
  const ForView loop{site->node};
  TENON_TRY_VOID(check_serial("parallel", loop));
  if (const auto outer = all_loops_above(*site); !outer.empty())
    return refuse("parallel", "loop '" + loop_name(outer.front()) +
                                  "' is around it: only an outermost loop can be parallel");
  for (const Step& step : site->path)
    if (step.parent->op != Op::seq)
      return refuse("parallel", "loop '" + name + "' is not at the root");
  if (const std::string inner = loop_of_kind(loop.body(), "parallel"); !inner.empty())
    return refuse("parallel", "loop '" + inner + "' inside is parallel");
  const Expr vars[] = {loop.var()};
  if (const std::string why = order_matters(draft, *site, vars, true); !why.empty())
    return refuse("parallel", why);
  return with_kind(draft, *site, "parallel");
}

Result<Edited> vectorize(const Program& p, const std::string& name) {
  Draft draft(p);
  const auto site = find_loop(draft.body(), name);
  if (!site) return refuse("vectorize", no_loop(name));
  const ForView loop{site->node};
  TENON_TRY_VOID(check_serial("vectorize", loop));
  TENON_TRY_VOID(constant_extent("vectorize", loop, 4096));
  for (ForView outer : all_loops_above(*site))
    if (outer.kind() == "vector")
      return refuse("vectorize", "it is inside of vector loop '" + loop_name(outer) + "'");
  for (const std::string_view kind : {"vector", "parallel"})
    if (const std::string inner = loop_of_kind(loop.body(), kind); !inner.empty())
      return refuse("vectorize", "loop '" + inner + "' inside is " + std::string(kind));
  std::string reason;
  visit_statements(loop.body(), [&](const Site& at) {
    if (!reason.empty()) return false;
    if (at.node->op == Op::for_ && mentions(ForView{at.node}.extent(), loop.var()))
      reason = "the extent of '" + loop_name({at.node}) + "' inside depends on it";
    if (at.node->op == Op::while_ || at.node->op == Op::instr)
      reason = "a statement inside has no vector form";
    if (at.node->op == Op::block && feeds_reduction(at.node, loop.var()) &&
        kind_of(draft.c(), at.node) != BlockKind::reduction)
      reason = "block '" + name_of(at.node) + "' reduces over it but is no plain reduction";
    if (at.node->op == Op::block && in_bindings(at.node, 'r', loop.var()) &&
        in_bindings(at.node, 's', loop.var()))
      reason = "it carries spatial and reduction iterators of block '" + name_of(at.node) + "'";
    return reason.empty();
  });
  if (!reason.empty()) return refuse("vectorize", reason);
  const Expr vars[] = {loop.var()};
  if (const std::string why = order_matters(draft, *site, vars, false); !why.empty())
    return refuse("vectorize", why);
  return with_kind(draft, *site, "vector");
}

Result<Edited> unroll(const Program& p, const std::string& name) {
  Draft draft(p);
  const auto site = find_loop(draft.body(), name);
  if (!site) return refuse("unroll", no_loop(name));
  TENON_TRY_VOID(check_serial("unroll", {site->node}));
  TENON_TRY_VOID(constant_extent("unroll", {site->node}, 1024));
  return with_kind(draft, *site, "unroll");
}

Result<Edited> annotate(const Program& p, const std::string& target, const std::string& key,
                        const std::string& value) {
  const auto is_plain = [](const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char ch) {
      return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' || ch == '.' ||
             ch == '-';
    });
  };
  if (!is_plain(key) || !is_plain(value))
    return refuse("annotate", "key and value are made of letters, digits, '_', '.' and '-'");
  if (key == "init" || key == "again")
    return refuse("annotate", "'" + key + "' is set by decompose_reduction and compute_at alone");
  Draft draft(p);
  auto site = find_block(draft.body(), target);
  if (!site) site = find_loop(draft.body(), target);
  if (!site) return refuse("annotate", "there is no loop or block '" + target + "'");
  std::vector<ir::Attr> attrs(site->node->attrs.begin(), site->node->attrs.end());
  const std::string note = with_note(site->node->string_attr_or(ir::Key::note, ""), key, value);
  std::erase_if(attrs, [](const ir::Attr& a) { return a.key == ir::Key::note; });
  attrs.push_back({ir::Key::note, note});
  draft.set_body(
      replace(draft.c(), *site,
              draft.c().make(site->node->op, site->node->type, site->node->operands, attrs)));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
