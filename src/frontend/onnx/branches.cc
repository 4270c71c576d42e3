// The two branches of an If: one node of their results; and where these differ in rank, two copies
// of all that reads them, or one copy where the other cannot be.
#include <algorithm>

#include "frontend/onnx/importer.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

/// The graph of an If's branch; converting the node has found both.
const onnx::GraphProto& graph_of(const onnx::NodeProto& proto, bool then) {
  const std::string_view name = then ? "then_branch" : "else_branch";
  const auto& attributes = proto.attribute();
  return std::find_if(attributes.begin(), attributes.end(),
                      [&](const auto& a) { return a.name() == name; })
      ->g();
}

/// Problems that say nothing about shapes: the branch may well run elsewhere.
bool is_unsupported(const std::vector<Diagnostic>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Diagnostic& d) {
    return d.code == "onnx.unsupported_operator" || d.code == "onnx.unknown_operator" ||
           d.code == "onnx.element_type";
  });
}

}  // namespace

/// Of an extent that differs the condition chooses one, or the branch that runs says what it is.
Type Importer::merged_type(Expr condition, Type then, Type otherwise, size_t result, size_t first) {
  Exprs shape;
  for (size_t i = 0; i < then->shape.size(); ++i) {
    const Expr x = then->shape[i];
    const Expr y = otherwise->shape[i];
    if (is_newer(x, first) || is_newer(y, first)) {
      shape.push_back(b_.open_extent(result, i));
    } else if (b_.same(x, y)) {
      shape.push_back(x);
    } else {
      shape.push_back(b_.integers(b_.select(condition, b_.from_scalar(x), b_.from_scalar(y)))[0]);
    }
  }
  return context_->tensor(then->dtype, shape);
}

Exprs Importer::choose(Expr condition, Branch& then, Branch& otherwise, size_t first) {
  if (then.results.size() != otherwise.results.size())
    refuse("onnx.if", "the branches give different numbers of values");
  for (size_t i = 0; i < then.results.size(); ++i) {
    if (then.results[i]->dtype() != otherwise.results[i]->dtype())
      refuse("onnx.if", "the branches give values of different element types");
    if (then.results[i]->rank() != otherwise.results[i]->rank()) throw RankConflict{};
  }
  std::vector<Type> types;
  for (size_t i = 0; i < then.results.size(); ++i)
    types.push_back(
        merged_type(condition, then.results[i]->type, otherwise.results[i]->type, i, first));
  // Both functions take the values that either captured.
  Exprs operands{b_.condition(condition)};
  operands.insert(operands.end(), then.frame.outer.begin(), then.frame.outer.end());
  for (Expr outer : otherwise.frame.outer)
    if (std::find(then.frame.outer.begin(), then.frame.outer.end(), outer) ==
        then.frame.outer.end())
      operands.push_back(outer);
  Exprs then_params;
  Exprs else_params;
  for (Expr outer : std::span(operands).subspan(1)) {
    then_params.push_back(capture(then.frame, outer));
    else_params.push_back(capture(otherwise.frame, outer));
  }
  const ir::Function* then_function =
      finish(then.frame, b_.name + ".then", then_params, then.results);
  const ir::Function* else_function =
      finish(otherwise.frame, b_.name + ".else", else_params, otherwise.results);
  return b_.results(b_.choose(operands, then_function, else_function, types));
}

/// Imports one branch and the readers of its values in a frame of its own; gives the problems.
std::vector<Diagnostic> Importer::import_branch(Scope& scope, Branch& branch,
                                                const onnx::NodeProto& proto, bool then,
                                                const NodePointers& readers,
                                                const std::vector<std::string>& wanted) {
  const size_t problems = problems_.size();
  const size_t suppressed = suppressed_;
  Facts* const saved = b_.facts;
  b_.facts = &branch.frame.facts;
  Scope inner{&scope, &branch.frame, {}, scope.opsets, scope.path};
  try {
    define(inner, proto, body(inner, branch.frame, graph_of(proto, then), {}));
    nodes(inner, readers, Names(wanted.begin(), wanted.end()));
    for (const std::string& name : wanted)
      branch.results.push_back(lookup(inner, name).value_or(nullptr));
  } catch (const ConvertError&) {  // its problems are reported
  }
  b_.facts = saved;
  std::vector<Diagnostic> found(problems_.begin() + static_cast<std::ptrdiff_t>(problems),
                                problems_.end());
  const bool whole =
      std::find(branch.results.begin(), branch.results.end(), nullptr) == branch.results.end();
  if (found.empty() && (suppressed_ > suppressed || !whole))
    found.push_back(
        {"onnx.size", cat(file_, ": ", describe(scope, proto),
                          ": the branches differ in rank, and so many such nodes follow each other "
                          "that importing what reads them for each has no end")});
  forget(problems, suppressed);
  return found;
}

void Importer::assume(Expr condition, bool holds, const std::string& message) {
  const Elements* known = b_.elements(condition);
  const Expr value =
      known != nullptr
          ? known->at(0).num
          : ir::ne(*context_, b_.integers(b_.cast(condition, DType::i64))[0], context_->i64(0));
  b_.facts->guards.push_back({holds ? value : ir::logical_not(*context_, value), message});
}

void Importer::branch(Scope& scope, const NodePointers& list, size_t at, const Names& outputs) {
  const onnx::NodeProto& proto = *list[at];
  Names given;
  for (const std::string& name : proto.output()) given.insert(name);
  const auto rest = list.begin() + static_cast<std::ptrdiff_t>(at) + 1;
  const NodePointers readers = readers_of({rest, list.end()}, given);
  NodePointers others;
  std::copy_if(rest, list.end(), std::back_inserter(others), [&](const onnx::NodeProto* n) {
    return std::find(readers.begin(), readers.end(), n) == readers.end();
  });
  nodes(scope, others, outputs);
  std::vector<std::string> wanted(outputs.begin(), outputs.end());
  std::erase_if(wanted, [&](const std::string& name) { return !given.contains(name); });
  std::sort(wanted.begin(), wanted.end());
  if (wanted.empty()) return;

  b_.location = b_.name = proto.name().empty() ? proto.output(0) : proto.name();
  Expr condition = *lookup(scope, proto.input(0));
  if (condition->rank() != 0) condition = b_.reshape(condition, {});
  const size_t first = context_->node_count();
  Branch then(scope.frame);
  Branch otherwise(scope.frame);
  std::vector<Diagnostic> not_then = import_branch(scope, then, proto, true, readers, wanted);
  std::vector<Diagnostic> not_else = import_branch(scope, otherwise, proto, false, readers, wanted);
  const auto give_up = [&](const std::vector<Diagnostic>& problems) {
    for (const Diagnostic& d : problems) report(d.code, d.message.substr(file_.size() + 2));
    define(scope, proto, {});
    for (const onnx::NodeProto* reader : readers) define(scope, *reader, {});
  };
  if (is_unsupported(not_then) || (!not_then.empty() && !not_else.empty()))
    return give_up(not_then);
  if (is_unsupported(not_else)) return give_up(not_else);
  if (not_then.empty() && not_else.empty()) {
    try {
      const Exprs results = choose(condition, then, otherwise, first);
      for (size_t i = 0; i < wanted.size(); ++i) scope.values[wanted[i]] = results[i];
    } catch (const RankConflict&) {
      report_node(
          scope, proto,
          {"onnx.if", "the branches give values of different ranks, and so does the graph"});
    } catch (const ConvertError& error) {
      for (const Diagnostic& d : error.diagnostics) report_node(scope, proto, d);
    }
    return;
  }
  // What reads the value can only take the rank that one branch gives.
  const bool holds = not_then.empty();
  assume(condition, holds,
         cat(describe(scope, proto), " must take its ", holds ? "then" : "else",
             " branch, which it does not for these inputs: the rank of the other's value does not "
             "fit: ",
             (holds ? not_else : not_then)[0].message));
  try {
    define(scope, proto, body(scope, *scope.frame, graph_of(proto, holds), {}));
    nodes(scope, readers, outputs);
  } catch (const ConvertError&) {  // its problems are reported
  }
}

}  // namespace tenon::onnx_import
