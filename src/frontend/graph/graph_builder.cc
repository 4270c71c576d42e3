#include "frontend/graph/graph_builder.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/verify.h"
#include "ops/build.h"
#include "ops/composite.h"
#include "ops/tensor.h"
#include "ops/verify.h"
#include "support/text.h"

namespace tenon::graph_builder {

using ir::Expr;
using ops::CompositeInfo;
using ops::Options;

namespace {

/// Extents that are known are not negative.
Status check_extents(std::string_view what, Expr e) {
  for (const Expr extent : e->type->is_tensor() ? e->shape() : std::span<const Expr>{})
    if (const auto known = ir::as_int(extent); known && *known < 0)
      return fail("graph.extent",
                  cat(what, " would be ", ir::print(e->type), ", and an extent is not negative"));
  return {};
}

Error unknown_operator(std::string_view name) {
  std::vector<std::string> known;
  for (const CompositeInfo& row : ops::composites()) known.emplace_back(row.name);
  const std::string_view near = closest_name(name, known);
  return {{{"graph.operator", cat("there is no operator '", name, "'",
                                  near.empty() ? "; tenon_operator_at lists them"
                                               : cat("; did you mean '", near, "'?"))}}};
}

}  // namespace

GraphBuilder::GraphBuilder(std::string name) : context_(std::make_shared<ir::Context>()) {
  function_.name = std::move(name);
}

Result<Expr> GraphBuilder::input(const std::string& name, std::string_view declaration) {
  if (!inputs_.insert(name).second)
    return fail("graph.name", cat("the graph has an input '", name, "' already"));
  auto made = ir::parse_param(*context_, name, declaration, symbols_);
  if (made)
    if (Status checked = check_extents(name, *made); !checked)
      made = tl::make_unexpected(std::move(checked.error()));
  if (!made) {
    inputs_.erase(name);
    return made;
  }
  // States stand behind the other parameters.
  const bool is_state = ir::role_of(*made) == ir::ParamRole::state;
  const auto at = is_state
                      ? function_.params.end()
                      : std::find_if(function_.params.begin(), function_.params.end(),
                                     [](Expr p) { return ir::role_of(p) == ir::ParamRole::state; });
  function_.params.insert(at, *made);
  return made;
}

Result<Expr> GraphBuilder::constant(const ops::Tensor& value, std::string name) {
  return ops::constant_of(*context_, value, std::move(name));
}

Expr GraphBuilder::scalar(ir::DType type, double value) {
  return ops::Builder(*context_).scalar(type, value);
}

Result<std::vector<Expr>> GraphBuilder::apply(std::string_view name, std::span<const Expr> operands,
                                              std::string_view options) {
  const CompositeInfo* row = ops::find_composite(name);
  if (row == nullptr) return tl::make_unexpected(unknown_operator(name));
  Options given = ops::parse_options(options);
  std::vector<Expr> extents;
  for (std::string_view key : ops::split(row->extents, ',')) {
    if (key.ends_with('*')) key.remove_suffix(1);
    const auto at =
        std::find_if(given.begin(), given.end(), [&](const auto& o) { return o.first == key; });
    if (at == given.end()) continue;
    TENON_TRY(const std::vector<Expr> values,
              ir::parse_extents(*context_, at->second, symbols_, cat(name, ".", key)));
    extents.insert(extents.end(), values.begin(), values.end());
    given.erase(at);
  }
  for (const auto& [key, value] : given) {
    const auto known = ops::split(row->options, ',');
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string all =
        cat(row->options, row->options.empty() || row->extents.empty() ? "" : ",", row->extents);
    return fail("graph.option",
                cat(name, " has no option '", key, "'; it has: ", all.empty() ? "none" : all));
  }
  TENON_TRY(std::vector<Expr> results,
            ops::build_composite(*context_, name, operands, given, extents));
  for (const Expr e : results) TENON_TRY_VOID(check_extents(name, e));
  return results;
}

Status GraphBuilder::output(const std::string& name, Expr value) {
  for (const Expr p : function_.params) {
    const ir::ParamRole role = ir::role_of(p);
    if (role != ir::ParamRole::inout && role != ir::ParamRole::state) continue;
    if (p->string_attr(ir::Key::name) != name) continue;
    if (p->dtype() != value->dtype() || p->rank() != value->rank())
      return fail("graph.type", cat("the next value of '", name, "' is ", ir::print(value->type),
                                    " where it is ", ir::print(p->type)));
  }
  if (!outputs_.insert(name).second)
    return fail("graph.name", cat("the graph has an output '", name, "' already"));
  function_.results.push_back(value);
  function_.result_names.push_back(name);
  return {};
}

Result<ir::Function> GraphBuilder::function() const {
  if (function_.results.empty())
    return fail("graph.no_output", cat("graph '", function_.name, "' has no output; name one"));
  TENON_TRY_VOID(ir::verify(function_));
  TENON_TRY_VOID(ops::verify(*context_, function_));
  return function_;
}

std::string GraphBuilder::text() const { return ir::print(*context_, function_); }

}  // namespace tenon::graph_builder
