// If, Loop and Scan. Bodies become closed functions: outer values that they use are passed as
// arguments.
#include <algorithm>
#include <cstdlib>

#include "frontend/onnx/convert/common.h"
#include "frontend/onnx/importer.h"
#include "ops/shape.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

/// Loops that cannot keep the shapes of their carried values are unrolled up to this many
/// iterations.
constexpr int64_t kUnrollLimit = 256;

/// Sends bindings of data-dependent extents, and guards, to a body's frame while it lives.
class FrameGuard {
 public:
  FrameGuard(Builder& b, Frame& frame) : b_(b), saved_(b.facts) { b.facts = &frame.facts; }
  ~FrameGuard() { b_.facts = saved_; }
  FrameGuard(const FrameGuard&) = delete;
  FrameGuard& operator=(const FrameGuard&) = delete;

 private:
  Builder& b_;
  Facts* saved_;
};

std::optional<bool> known_condition(Builder& b, Expr condition) {
  if (const ops::Tensor* value = b.known(condition)) return value->get_i(0) != 0;
  const Elements* elements = b.elements(condition);
  if (elements == nullptr) return std::nullopt;
  const auto value = ir::as_int(elements->at(0).num);
  return value ? std::optional<bool>(*value != 0) : std::nullopt;
}

Expr condition_operand(Call& k, size_t i) {
  const Expr condition = as_scalar(k, k.in(i));
  if (condition->dtype() != DType::boolean) k.fail("the condition must be a boolean", "onnx.type");
  return condition;
}

// ---- If

Exprs convert_if(Call& k) {
  Builder& b = k.b;
  const Expr condition = condition_operand(k, 0);
  const auto& then_graph = k.graph_attr("then_branch");
  const auto& else_graph = k.graph_attr("else_branch");
  if (const auto known = known_condition(b, condition))
    return k.importer.body(k.scope, *k.scope.frame, *known ? then_graph : else_graph, {});
  Branch then(k.scope.frame);
  Branch otherwise(k.scope.frame);
  const size_t first = b.c.node_count();
  then.results = k.importer.body(k.scope, then.frame, then_graph, {});
  otherwise.results = k.importer.body(k.scope, otherwise.frame, else_graph, {});
  return k.importer.choose(condition, then, otherwise, first);
}

// ---- Loop

/// A loop being built: what goes in and what the body gave.
struct LoopParts {
  Frame frame;
  size_t first = 0;  // nodes of the body are no older
  Expr trip = nullptr, condition = nullptr;
  Exprs initial;  // carried values
  Expr counter = nullptr;
  Exprs params;             // of the carried values
  std::vector<Type> types;  // of the carried values when the loop has ended
  Expr next_condition = nullptr;
  Exprs next;            // carried values
  Exprs stacked;         // one slice of each
  Expr count = nullptr;  // extent of the stacked results
};

/// The loop node's results: final carried values, then stacked ones.
Exprs finish_loop(Call& k, LoopParts& parts) {
  Builder& b = k.b;
  Exprs params{parts.counter};
  params.insert(params.end(), parts.params.begin(), parts.params.end());
  params.insert(params.end(), parts.frame.inner.begin(), parts.frame.inner.end());
  Exprs results{parts.next_condition};
  results.insert(results.end(), parts.next.begin(), parts.next.end());
  results.insert(results.end(), parts.stacked.begin(), parts.stacked.end());
  Exprs operands{parts.trip, parts.condition};
  operands.insert(operands.end(), parts.initial.begin(), parts.initial.end());
  operands.insert(operands.end(), parts.frame.outer.begin(), parts.frame.outer.end());
  std::vector<Type> types = parts.types;
  for (Expr e : parts.stacked) {
    Exprs shape{parts.count};
    for (Expr extent : e->shape())
      shape.push_back(is_newer(extent, parts.first) ? b.open_extent(types.size(), shape.size())
                                                    : extent);
    types.push_back(b.c.tensor(e->dtype(), shape));
  }
  const ir::Function* body = k.importer.finish(parts.frame, b.name + ".body", params, results);
  return b.results(b.loop(operands, body, parts.next.size(), parts.stacked.size(), types));
}

/// How carried values keep their shapes from one iteration to the next.
enum class Carrying : uint8_t {
  free,    // an extent that is not known to stay is one of the body's own
  steady,  // extents that cannot be told apart are taken to be equal
};

/// The type that a carried value needs as the body's param where the body turns `type` into that of
/// `next`: extents that change become variables, which are no older than `first`. nullptr where
/// element type or rank differ.
Type carried_type(Builder& b, Type type, Expr next, size_t first, Carrying how) {
  if (next->dtype() != type->dtype || next->rank() != type->rank()) return nullptr;
  Exprs shape = type->shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (is_newer(shape[i], first)) continue;
    const Expr x = b.simplify(next->shape()[i]);
    const Expr y = b.simplify(shape[i]);
    if (x == y || (how == Carrying::steady && !ops::provably_differ(b.c, x, y))) continue;
    shape[i] = b.c.var(cat(b.name, ".carried"));
  }
  return b.c.tensor(type->dtype, shape);
}

/// True where an extent of `type` provably is another one in `next`.
bool changes_known_extent(Builder& b, Type type, Expr next) {
  for (size_t i = 0; i < type->shape.size(); ++i)
    if (ops::provably_differ(b.c, b.simplify(next->shape()[i]), b.simplify(type->shape[i])))
      return true;
  return false;
}

/// A scan's state for the next iteration with the type that it started with; nullptr where element
/// type, rank or an extent differ. Extents that cannot be told apart are taken to be equal.
Expr carried_as(Builder& b, Expr next, Type type) {
  if (next->dtype() != type->dtype || next->rank() != type->rank() ||
      changes_known_extent(b, type, next))
    return nullptr;
  return b.reshape(next, type->shape);
}

/// Iterations one after another, in the enclosing function: for loops with a literal trip count
/// whose carried values change their shape.
Exprs unroll(Call& k, int64_t trip, const onnx::GraphProto& graph) {
  Builder& b = k.b;
  Exprs carried(k.inputs.begin() + std::min<std::ptrdiff_t>(2, std::ssize(k.inputs)),
                k.inputs.end());
  std::vector<Exprs> slices;
  for (int64_t i = 0; i < trip; ++i) {
    Exprs formals{b.c.i64(i), b.c.bool_imm(true)};
    formals.insert(formals.end(), carried.begin(), carried.end());
    const Exprs results = k.importer.body(k.scope, *k.scope.frame, graph, formals);
    const auto go_on = known_condition(b, as_scalar(k, results.at(0)));
    if (!go_on)
      k.fail(
          "carried values change their shape in a loop whose end depends on data, which is not "
          "supported",
          "onnx.loop");
    const auto split = results.begin() + 1 + std::ssize(carried);
    carried.assign(results.begin() + 1, split);
    slices.resize(static_cast<size_t>(results.end() - split));
    for (size_t s = 0; s < slices.size(); ++s)
      slices[s].push_back(b.unsqueeze(*(split + static_cast<std::ptrdiff_t>(s)), {0}));
    if (!*go_on) break;
  }
  Exprs out = carried;
  for (const Exprs& parts : slices) out.push_back(b.concat(parts, 0));
  return out;
}

/// One conversion of a loop's body for params of the given types.
void convert_body(Call& k, const onnx::GraphProto& graph, const std::vector<Type>& types,
                  LoopParts& parts) {
  Builder& b = k.b;
  parts.frame = {};
  parts.frame.parent = k.scope.frame;
  parts.params.clear();
  parts.counter = b.c.param(graph.input(0).name(), b.c.index());
  // While the body runs, the condition holds.
  Exprs formals{parts.counter, b.c.bool_imm(true)};
  for (size_t i = 0; i < types.size(); ++i)
    parts.params.push_back(b.c.param(graph.input(static_cast<int>(i + 2)).name(), types[i]));
  formals.insert(formals.end(), parts.params.begin(), parts.params.end());
  const Exprs results = k.importer.body(k.scope, parts.frame, graph, formals);
  const auto split = results.begin() + 1 + std::ssize(types);
  parts.next_condition = as_scalar(k, results[0]);
  parts.next.assign(results.begin() + 1, split);
  parts.stacked.assign(split, results.end());
}

/// Converts a loop's body until its params have types that hold in every iteration. False where
/// there are none: a carried value changes its rank or element type, or (`literal`) an extent that
/// unrolling keeps a literal.
bool settle_body(Call& k, const onnx::GraphProto& graph, Carrying how, bool literal,
                 LoopParts& parts) {
  Builder& b = k.b;
  const size_t first = parts.first = b.c.node_count();
  std::vector<Type> types;
  for (Expr e : parts.initial) types.push_back(e->type);
  for (bool settled = false; !settled;) {
    convert_body(k, graph, types, parts);
    settled = true;
    for (size_t i = 0; i < types.size(); ++i) {
      const Type type = carried_type(b, types[i], parts.next[i], first, how);
      if (type == nullptr || (literal && changes_known_extent(b, types[i], parts.next[i])))
        return false;
      settled = settled && type == types[i];
      types[i] = type;
    }
  }
  const FrameGuard guard(b, parts.frame);
  parts.types = types;
  for (size_t i = 0; i < types.size(); ++i) {
    Exprs inside = types[i]->shape;
    Exprs after = types[i]->shape;
    for (size_t d = 0; d < inside.size(); ++d) {
      if (!is_newer(inside[d], first)) continue;
      inside[d] = parts.next[i]->shape()[d];
      after[d] = b.open_extent(i, d);
    }
    parts.next[i] = b.reshape(parts.next[i], inside);
    parts.types[i] = b.c.tensor(types[i]->dtype, after);
  }
  return true;
}

Exprs convert_loop(Call& k) {
  Builder& b = k.b;
  const auto& graph = k.graph_attr("body");
  LoopParts parts;
  parts.trip = k.opt(0) != nullptr ? b.cast(as_scalar(k, k.in(0)), DType::i64) : b.c.i64(INT64_MAX);
  parts.condition = k.opt(1) != nullptr ? condition_operand(k, 1) : b.c.bool_imm(true);
  for (size_t i = 2; i < k.input_count(); ++i) parts.initial.push_back(k.in(i));
  const size_t carried = parts.initial.size();
  if (static_cast<size_t>(graph.input_size()) != carried + 2 ||
      static_cast<size_t>(graph.output_size()) < carried + 1)
    k.fail("the body has " + std::to_string(graph.input_size()) + " inputs and " +
               std::to_string(graph.output_size()) + " outputs for " + std::to_string(carried) +
               " carried values",
           "onnx.subgraph");
  const auto trip = b.known_integers(parts.trip);
  const auto literal_trip = trip ? ir::as_int((*trip)[0]) : std::nullopt;
  const auto starts = known_condition(b, parts.condition);
  const bool can_unroll =
      literal_trip && *literal_trip > 0 && *literal_trip <= kUnrollLimit && starts == true;
  const auto settle = [&](Carrying how, bool literal) {
    bool settled = false;
    return k.importer.attempt([&] { settled = settle_body(k, graph, how, literal, parts); }) &&
           settled;
  };
  if (!settle(Carrying::free, can_unroll)) {
    Exprs unrolled;
    if (can_unroll && k.importer.attempt([&] { unrolled = unroll(k, *literal_trip, graph); }))
      return unrolled;
    if (!(can_unroll && settle(Carrying::free, false)) &&
        !settle_body(k, graph, Carrying::steady, false, parts))
      k.fail(
          "a carried value changes its rank or element type from one iteration to the next, which "
          "is not supported",
          "onnx.loop");
  }
  // Always-true conditions: the number of iterations is the trip count.
  const bool counted = starts == true && known_condition(b, parts.next_condition) == true;
  if (!parts.stacked.empty() && counted && k.opt(0) != nullptr) {
    parts.count = b.integers(b.binary(Op::max, parts.trip, b.c.i64(0)))[0];
  } else if (!parts.stacked.empty()) {
    parts.count = b.c.var(b.name + ".iterations");  // the loop itself gives it a value
  }
  return finish_loop(k, parts);
}

// ---- Scan

struct ScanSpec {
  Exprs states, inputs;
  Ints input_axes, output_axes;
  std::vector<bool> input_reversed, output_reversed;
};

/// Scan of version 9 on: trip count from the inputs' extents, slices gathered at the counter.
Exprs scan(Call& k, Scope& scope, const onnx::GraphProto& graph, const ScanSpec& spec) {
  Builder& b = k.b;
  Importer& importer = k.importer;
  const size_t states = spec.states.size();
  if (static_cast<size_t>(graph.input_size()) != states + spec.inputs.size() ||
      static_cast<size_t>(graph.output_size()) != states + spec.output_axes.size())
    k.fail("the body's inputs or outputs do not match the node's", "onnx.subgraph");
  LoopParts parts;
  parts.first = b.c.node_count();
  parts.frame.parent = scope.frame;
  parts.initial = spec.states;
  parts.condition = b.c.bool_imm(true);
  parts.count = spec.inputs.at(0)->shape().at(static_cast<size_t>(spec.input_axes[0]));
  parts.trip = b.from_scalar(parts.count);
  parts.counter = b.c.param("i", b.c.index());
  Exprs formals;
  for (size_t i = 0; i < states; ++i) {
    parts.params.push_back(
        b.c.param(graph.input(static_cast<int>(i)).name(), spec.states[i]->type));
    formals.push_back(parts.params.back());
  }
  Exprs results;
  {
    const FrameGuard guard(b, parts.frame);
    for (size_t i = 0; i < spec.inputs.size(); ++i) {
      const Expr x = importer.capture(parts.frame, spec.inputs[i]);
      Expr at = parts.counter;
      if (spec.input_reversed[i])
        at = b.sub(b.from_scalar(b.simplify(ir::add(b.c, parts.count, b.c.i64(-1)))), at);
      formals.push_back(b.gather(x, at, spec.input_axes[i]));
    }
    results = importer.body(scope, parts.frame, graph, formals);
  }
  parts.next_condition = b.c.bool_imm(true);
  parts.next.assign(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(states));
  parts.stacked.assign(results.begin() + static_cast<std::ptrdiff_t>(states), results.end());
  for (size_t i = 0; i < states; ++i) {
    parts.types.push_back(parts.initial[i]->type);
    parts.next[i] = carried_as(b, parts.next[i], parts.initial[i]->type);
    if (parts.next[i] == nullptr)
      k.fail("state '" + graph.input(static_cast<int>(i)).name() +
                 "' changes its shape or element type",
             "onnx.loop");
  }
  Exprs out = finish_loop(k, parts);
  for (size_t i = 0; i < spec.output_axes.size(); ++i) {
    Expr& y = out[states + i];
    if (spec.output_reversed[i]) y = b.flip(y, 0);
    const int64_t axis = k.axis(spec.output_axes[i], y->rank());
    Ints perm = count_up(1, y->rank());
    perm.insert(perm.begin() + axis, 0);
    y = b.transpose(y, perm);
  }
  return out;
}

std::vector<bool> directions(Call& k, std::string_view name, size_t count) {
  std::vector<bool> out(count, false);
  const Ints values = k.ints_attr(name);
  for (size_t i = 0; i < std::min(count, values.size()); ++i) out[i] = values[i] != 0;
  return out;
}

/// Version 8 has a batch axis in front of everything: a loop over it around the scan.
Exprs scan_batched(Call& k, const onnx::GraphProto& graph, size_t inputs) {
  Builder& b = k.b;
  if (k.opt(0) != nullptr) k.fail("sequence lengths of Scan-8 are not supported", "onnx.scan");
  Exprs operands;
  for (size_t i = 1; i < k.input_count(); ++i) operands.push_back(k.in(i));
  const size_t states = operands.size() - inputs;
  for (Expr x : operands)
    if (x->rank() < 1) k.fail("operands must have a batch axis", "onnx.shape");
  if (static_cast<size_t>(graph.output_size()) < states)
    k.fail("the body gives too few values", "onnx.subgraph");
  LoopParts parts;
  parts.first = b.c.node_count();
  parts.frame.parent = k.scope.frame;
  parts.condition = b.c.bool_imm(true);
  parts.count = operands.at(0)->shape().at(0);
  parts.trip = b.from_scalar(parts.count);
  parts.counter = b.c.param("batch", b.c.index());
  Scope scope{&k.scope, &parts.frame, {}, k.scope.opsets, k.scope.path};
  {
    const FrameGuard guard(b, parts.frame);
    ScanSpec spec;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Expr one = b.gather(k.importer.capture(parts.frame, operands[i]), parts.counter, 0);
      (i < states ? spec.states : spec.inputs).push_back(one);
    }
    spec.input_axes = Ints(inputs, 0);
    spec.input_reversed = directions(k, "directions", inputs);
    const size_t outputs = static_cast<size_t>(graph.output_size()) - states;
    spec.output_axes = Ints(outputs, 0);
    spec.output_reversed = std::vector<bool>(outputs, false);
    parts.stacked = scan(k, scope, graph, spec);
  }
  parts.next_condition = b.c.bool_imm(true);
  return finish_loop(k, parts);
}

Exprs convert_scan(Call& k) {
  const auto& graph = k.graph_attr("body");
  const auto operands = static_cast<int64_t>(k.input_count()) - (k.version() < 9 ? 1 : 0);
  const int64_t given = k.int_attr("num_scan_inputs");
  if (given < 1 || given > operands)
    k.fail("attribute 'num_scan_inputs' is " + std::to_string(given));
  const auto inputs = static_cast<size_t>(given);
  if (k.version() < 9) return scan_batched(k, graph, inputs);
  const Exprs all = k.all();
  ScanSpec spec;
  spec.states.assign(all.begin(), all.end() - given);
  spec.inputs.assign(all.end() - given, all.end());
  if (static_cast<size_t>(graph.output_size()) < spec.states.size())
    k.fail("the body gives too few values", "onnx.subgraph");
  const size_t outputs = static_cast<size_t>(graph.output_size()) - spec.states.size();
  const Ints axes = k.ints_attr("scan_input_axes", Ints(inputs, 0));
  spec.output_axes = k.ints_attr("scan_output_axes", Ints(outputs, 0));
  if (axes.size() != inputs || spec.output_axes.size() != outputs)
    k.fail("attributes have a wrong number of axes");
  for (size_t i = 0; i < inputs; ++i)
    spec.input_axes.push_back(k.axis(axes[i], spec.inputs[i]->rank()));
  spec.input_reversed = directions(k, "scan_input_directions", inputs);
  spec.output_reversed = directions(k, "scan_output_directions", outputs);
  return scan(k, k.scope, graph, spec);
}

/// Whether an optional holds a tensor is known while importing: it is the tensor, or absent.
Exprs optional_of(Call& k) {
  if (k.opt(0) == nullptr) k.fail("empty optionals are not supported", "onnx.optional");
  return {k.in(0)};
}

constexpr ConverterRow kRows[] = {
    {"", "Optional", optional_of},
    {"", "OptionalGetElement", [](Call& k) -> Exprs { return {k.in(0)}; }},
    {"", "OptionalHasElement",
     [](Call& k) -> Exprs { return {k.b.c.bool_imm(k.opt(0) != nullptr)}; }},
    {"", "If", convert_if},
    {"", "Loop", convert_loop},
    {"", "Scan", convert_scan},
};

}  // namespace

std::span<const ConverterRow> control_converters() { return kRows; }

}  // namespace tenon::onnx_import
