// The second half of fusion: each group is lowered, and call_kernel nodes take the groups' places.
#include <algorithm>
#include <unordered_set>

#include "graph/fuse.h"
#include "graph/lower.h"
#include "ir/node_map.h"
#include "ops/index_check.h"
#include "ops/walk.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

Expr call_group(Context& c, const Group& group, const FusionOptions& options,
                NodeMap<Expr>& image) {
  LoweredGroup lowered = lower_group(c, group.nodes, group.outputs, group.places);
  std::vector<Expr> operands;
  for (Expr input : lowered.inputs) {
    const Expr* found = image.find(input);
    operands.push_back(found == nullptr ? input : *found);
  }
  std::vector<Type> fields;
  for (Expr n : group.outputs) {
    if (n->type->kind == TypeKind::tuple) {
      fields.insert(fields.end(), n->type->fields.begin(), n->type->fields.end());
    } else {
      fields.push_back(n->type);
    }
  }
  const std::string name = lowered.kernel->name;
  const Kernel* kernel = c.add(std::move(lowered.kernel));
  if (options.made) options.made(kernel, group, std::move(lowered.inputs));
  const Expr call =
      c.make(Op::call_kernel, fields.size() == 1 ? fields[0] : c.tuple(fields), operands,
             {{Key::kernel, kernel}, {Key::name, name}, {Key::sizes, lowered.sizes}});
  // Where a run may refuse an index, its message needs the nodes that take indices, and no others.
  const bool checks = std::any_of(group.nodes.begin(), group.nodes.end(), ops::checks_indices);
  for (Expr n : group.nodes)
    if (!checks || ops::checks_indices(n)) c.set_location(call, c.location(n));
  size_t at = 0;
  const auto field = [&](size_t i) {
    return fields.size() == 1
               ? call
               : c.make(Op::get, fields[i], {call}, {{Key::index, static_cast<int64_t>(i)}});
  };
  for (Expr n : group.outputs) {
    if (n->type->kind == TypeKind::tuple) {
      std::vector<Expr> parts;
      for (size_t i = 0; i < n->type->fields.size(); ++i) parts.push_back(field(at++));
      image.put(n, c.make(Op::tuple, n->type, parts));
    } else {
      image.put(n, field(at++));
    }
  }
  return call;
}

/// A structural node with its operands replaced.
Expr rebuild_structure(Context& c, Expr n, const NodeMap<Expr>& image) {
  std::vector<Expr> operands;
  for (Expr operand : n->operands) operands.push_back(*image.find(operand));
  if (n->op == Op::get && operands[0]->op == Op::tuple)
    return operands[0]->operand(static_cast<size_t>(n->int_attr(Key::index)));
  return c.make(n->op, n->type, operands, {n->attrs.begin(), n->attrs.end()});
}

}  // namespace

Function fuse(Context& c, const Function& f, const FusionOptions& options) {
  NodeMap<size_t> group_at;  // an output node to its group
  const std::vector<Group> groups = find_groups(f, options);
  for (size_t i = 0; i < groups.size(); ++i)
    for (Expr n : groups[i].outputs) group_at[n] = i;

  std::vector<Expr> roots = f.results;
  for (const Binding& b : f.bindings) roots.push_back(b.tensor);
  // Emission on demand: a node's image needs the images of what it reads; iterative depth first.
  NodeMap<Expr> image;
  std::vector<Expr> stack(roots.rbegin(), roots.rend());
  while (!stack.empty()) {
    const Expr n = stack.back();
    if (image.contains(n)) {
      stack.pop_back();
      continue;
    }
    const size_t* in_group = group_at.find(n);
    std::vector<Expr> needs;
    if (in_group != nullptr) {
      const Group& group = groups[*in_group];
      const std::unordered_set<Expr> inside(group.nodes.begin(), group.nodes.end());
      for (Expr member : group.nodes)
        for (Expr operand : member->operands)
          if (!inside.contains(operand) && !image.contains(operand)) needs.push_back(operand);
    } else {
      for (Expr operand : n->operands)
        if (!image.contains(operand)) needs.push_back(operand);
    }
    if (!needs.empty()) {
      stack.insert(stack.end(), needs.rbegin(), needs.rend());
      continue;
    }
    stack.pop_back();
    if (in_group != nullptr) {
      call_group(c, groups[*in_group], options, image);
    } else if (n->operands.empty()) {
      image.put(n, n);
    } else {
      const Expr made = rebuild_structure(c, n, image);
      image.put(n, made);
    }
    const Expr made = *image.find(n);
    if (made != n && made->op != Op::call_kernel) c.set_location(made, c.location(n));
  }

  Function out = f;
  for (Expr& r : out.results) r = *image.find(r);
  for (Binding& b : out.bindings) b.tensor = *image.find(b.tensor);
  return out;
}

}  // namespace tenon::graph
