// Recurrent networks as ONNX defines LSTM, GRU and RNN. One product projects the inputs of all
// steps; a loop over time carries the state and stacks the outputs, once for each direction.
//   lstm (x, w, r, b?, sequence_lens?, h0?, c0?, p?) -> y, y_h, y_c     gates i, o, f, c
//   gru (x, w, r, b?, sequence_lens?, h0?)           -> y, y_h          gates z, r, h
//   rnn (x, w, r, b?, sequence_lens?, h0?)           -> y, y_h
//       direction[forward] activations activation_alpha activation_beta clip layout[0]
//       input_forget[0] linear_before_reset[0]
// x [s, n, i] (layout=1: [n, s, i]), w [d, g*h, i], r [d, g*h, h], b [d, 2*g*h], p [d, 3*h].
// y [s, d, n, h] (layout=1: [n, s, d, h]), y_h and y_c [d, n, h] (layout=1: [n, d, h]).
// The options activation_alpha and activation_beta are used up in order by the activations that
// have one. A sequence that has ended keeps its state and gives zeros; a reversed one starts at its
// own end. C3: float type. C4: ranks. C5: w, r, b, p fit together. C6: direction. C7: activations.
#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

struct ActivationDefault {
  std::string_view name;
  bool has_alpha, has_beta;
  double alpha, beta;
};
constexpr ActivationDefault kActivations[] = {
    {"relu", false, false, 0, 0},           {"tanh", false, false, 0, 0},
    {"sigmoid", false, false, 0, 0},        {"softsign", false, false, 0, 0},
    {"softplus", false, false, 0, 0},       {"affine", true, true, 1, 0},
    {"leakyrelu", true, false, 0.01, 0},    {"elu", true, false, 1, 0},
    {"thresholdedrelu", true, false, 1, 0}, {"scaledtanh", true, true, 1, 1},
    {"hardsigmoid", true, true, 0.2, 0.5},
};

Val activate(const Activation& f, Val x) {
  if (f.name == "relu") return max(x, 0.0);
  if (f.name == "tanh") return tanh(x);
  if (f.name == "sigmoid") return sigmoid(x);
  if (f.name == "softsign") return x / (abs(x) + 1.0);
  if (f.name == "softplus") return max(x, 0.0) + log1p(exp(-abs(x)));
  if (f.name == "affine") return x * f.alpha + f.beta;
  if (f.name == "leakyrelu") return select(lt(x, 0.0), x * f.alpha, x);
  if (f.name == "elu") return select(lt(x, 0.0), (exp(min(x, 0.0)) - 1.0) * f.alpha, x);
  if (f.name == "thresholdedrelu") return select(ge(x, f.alpha), x, 0.0);
  if (f.name == "scaledtanh") return tanh(x * f.beta) * f.alpha;
  return max(min(x * f.alpha + f.beta, 1.0), 0.0);
}

/// What is common to the three cells and known before the first step.
struct Cell {
  int gates = 0;
  bool layout = false, linear_before_reset = false, input_forget = false;
  std::vector<Activation> activations;  // of all directions
  double clip = 0;
  int directions = 1;
  std::string direction;
  Val x, w, r, b, lens, h0, c0, p;
  Expr steps = nullptr, batch = nullptr, hidden = nullptr;
};

bool read_activations(const Composite& a, Cell& cell, const std::vector<std::string>& defaults) {
  std::vector<std::string> names = a.words("activations");
  if (names.empty())
    for (int d = 0; d < cell.directions; ++d)
      names.insert(names.end(), defaults.begin(), defaults.end());
  if (!a.require(names.size() == defaults.size() * static_cast<size_t>(cell.directions), 7,
                 "activations needs " + std::to_string(defaults.size()) + " names a direction"))
    return false;
  const std::vector<double> alphas = a.reals("activation_alpha", {});
  const std::vector<double> betas = a.reals("activation_beta", {});
  size_t next_alpha = 0;
  size_t next_beta = 0;
  for (const std::string& name : names) {
    const ActivationDefault* known = nullptr;
    for (const ActivationDefault& row : kActivations)
      if (row.name == name) known = &row;
    if (!a.require(known != nullptr, 7, "activation '" + name + "' is unknown")) return false;
    Activation f{name, known->alpha, known->beta};
    if (known->has_alpha && next_alpha < alphas.size()) f.alpha = alphas[next_alpha++];
    if (known->has_beta && next_beta < betas.size()) f.beta = betas[next_beta++];
    cell.activations.push_back(std::move(f));
  }
  return true;
}

bool fits(Expr have, Expr want) {
  const auto x = ir::as_int(have);
  const auto y = ir::as_int(want);
  return !x || !y || *x == *y;
}

bool check_shapes(const Composite& a, const Cell& cell) {
  Context& c = a.c();
  const Expr width = ir::mul(c, cell.hidden, c.i64(cell.gates));
  const Expr d = c.i64(cell.directions);
  return a.require(fits(cell.w.dim(0), d) && fits(cell.w.dim(1), width) &&
                       fits(cell.w.dim(2), cell.x.dim(2)),
                   5, "w must be [directions, gates * hidden, input]") &&
         a.require(fits(cell.r.dim(0), d) && fits(cell.r.dim(1), width), 5,
                   "r must be [directions, gates * hidden, hidden]") &&
         a.require(
             !cell.b || (cell.b.rank() == 2 && fits(cell.b.dim(1), ir::mul(c, width, c.i64(2)))), 5,
             "b must be [directions, 2 * gates * hidden]") &&
         a.require(!cell.p || (cell.p.rank() == 2 &&
                               fits(cell.p.dim(1), ir::mul(c, cell.hidden, c.i64(3)))),
                   5, "p must be [directions, 3 * hidden]") &&
         a.require((!cell.h0 || cell.h0.rank() == 3) && (!cell.c0 || cell.c0.rank() == 3) &&
                       (!cell.lens || cell.lens.rank() == 1),
                   4, "initial states must be of rank 3, sequence_lens of rank 1");
}

std::optional<Cell> read_cell(const Composite& a, int gates,
                              const std::vector<std::string>& defaults) {
  Cell cell;
  cell.gates = gates;
  if (!a.require(ir::is_float(a.in[0].dtype()), 3, "x must be of a float type") ||
      !a.require(a.in[0].rank() == 3 && a.in[1].rank() == 3 && a.in[2].rank() == 3, 4,
                 "x, w and r must be of rank 3"))
    return std::nullopt;
  cell.direction = a.word("direction", "forward");
  if (!a.require(cell.direction == "forward" || cell.direction == "reverse" ||
                     cell.direction == "bidirectional",
                 6, "direction '" + cell.direction + "' is unknown"))
    return std::nullopt;
  cell.directions = cell.direction == "bidirectional" ? 2 : 1;
  cell.layout = a.integer("layout", 0) != 0;
  cell.linear_before_reset = a.integer("linear_before_reset", 0) != 0;
  cell.input_forget = a.integer("input_forget", 0) != 0;
  cell.clip = a.real("clip", 0);
  const auto operand = [&](size_t i) {
    return i < a.in.size() && a.in[i] ? up(a.in[i]) : Val{&a.b, nullptr};
  };
  const auto batch_second = [&](Val v) { return v && cell.layout ? transpose(v, {1, 0, 2}) : v; };
  cell.x = batch_second(operand(0));
  cell.w = operand(1);
  cell.r = operand(2);
  cell.b = operand(3);
  cell.lens = operand(4);
  cell.h0 = batch_second(operand(5));
  cell.c0 = batch_second(operand(6));
  cell.p = operand(7);
  cell.steps = cell.x.dim(0);
  cell.batch = cell.x.dim(1);
  cell.hidden = cell.r.dim(2);
  if (!read_activations(a, cell, defaults) || !check_shapes(a, cell)) return std::nullopt;
  return cell;
}

/// What one direction sees: its own slices of the operands.
struct Direction {
  Val x;       // [s, n, g*h]: projected inputs with the biases that are simply added
  Val r;       // [g*h, h]
  Val bias_r;  // [h]: of the recurrent product of GRU's h gate under linear_before_reset; may be
               // empty
  Val p;       // [3h]; may be empty
  Val h0, c0;  // [n, h]
  bool backward = false;
  std::vector<Activation> f;
};

Val at_direction(Val v, int d) { return squeeze(slice(v, 0, d, v.body->c.i64(1)), 0); }

Val gate(Val all, int index, Expr hidden) {
  return slice_at(all, -1, ir::mul(all.body->c, all.body->c.i64(index), hidden), hidden);
}

Direction direction_of(const Composite& a, const Cell& cell, int d) {
  Context& c = a.c();
  Direction out;
  out.backward = cell.direction == "reverse" || d == 1;
  out.x = dot(cell.x, at_direction(cell.w, d), {}, {}, {2}, {1});
  out.r = at_direction(cell.r, d);
  if (cell.b) {
    const Expr width = ir::mul(c, cell.hidden, c.i64(cell.gates));
    const Val both = at_direction(cell.b, d);
    const Val of_w = slice(both, 0, 0, width);
    Val of_r = slice_at(both, 0, width, width);
    if (cell.linear_before_reset && cell.gates == 3) {
      out.bias_r = gate(of_r, 2, cell.hidden);
      of_r = pad(slice(of_r, 0, 0, ir::mul(c, cell.hidden, c.i64(2))), 0, c.i64(0), cell.hidden);
    }
    out.x = out.x + (of_w + of_r);
  }
  if (cell.p) out.p = at_direction(cell.p, d);
  const Val zero = a.b.lit(cell.x.dtype(), 0, {cell.batch, cell.hidden});
  out.h0 = cell.h0 ? at_direction(cell.h0, d) : zero;
  out.c0 = cell.c0 ? at_direction(cell.c0, d) : zero;
  const size_t each = cell.activations.size() / static_cast<size_t>(cell.directions);
  const auto first = cell.activations.begin() + static_cast<int64_t>(each) * d;
  out.f.assign(first, first + static_cast<int64_t>(each));
  return out;
}

/// One step: projected input, recurrent weights, state (h, and c for LSTM), the direction's other
/// values -> new state.
struct StepInput {
  const Cell& cell;
  const std::vector<Activation>& f;
  Val x, r, bias_r, p;
  std::vector<Val> state;
  [[nodiscard]] Val clipped(Val v) const {
    return cell.clip > 0 ? min(max(v, -cell.clip), cell.clip) : v;
  }
};
using StepFn = std::vector<Val> (*)(const StepInput&);

std::vector<Val> lstm_step(const StepInput& s) {
  const Expr hidden = s.cell.hidden;
  const Val all = s.x + dot(s.state[0], s.r, {}, {}, {1}, {1});
  const Val c = s.state[1];
  const auto peephole = [&](Val v, int index, Val from) {
    return s.p ? v + gate(s.p, index, hidden) * from : v;
  };
  const Val i = activate(s.f[0], s.clipped(peephole(gate(all, 0, hidden), 0, c)));
  const Val f = s.cell.input_forget
                    ? 1.0 - i
                    : activate(s.f[0], s.clipped(peephole(gate(all, 2, hidden), 2, c)));
  const Val next_c = f * c + i * activate(s.f[1], s.clipped(gate(all, 3, hidden)));
  const Val o = activate(s.f[0], s.clipped(peephole(gate(all, 1, hidden), 1, next_c)));
  return {o * activate(s.f[2], next_c), next_c};
}

std::vector<Val> gru_step(const StepInput& s) {
  Context& c = s.x.body->c;
  const Expr hidden = s.cell.hidden;
  const Val h = s.state[0];
  const Expr two = ir::mul(c, hidden, c.i64(2));
  const bool linear = s.cell.linear_before_reset;
  const Val product = dot(h, linear ? s.r : slice(s.r, 0, 0, two), {}, {}, {1}, {1});
  const Val z = activate(s.f[0], s.clipped(gate(s.x, 0, hidden) + gate(product, 0, hidden)));
  const Val r = activate(s.f[0], s.clipped(gate(s.x, 1, hidden) + gate(product, 1, hidden)));
  Val inner;
  if (linear) {
    const Val part = gate(product, 2, hidden);
    inner = r * (s.bias_r ? part + s.bias_r : part);
  } else {
    inner = dot(r * h, slice_at(s.r, 0, two, hidden), {}, {}, {1}, {1});
  }
  const Val candidate = activate(s.f[1], s.clipped(gate(s.x, 2, hidden) + inner));
  return {(1.0 - z) * candidate + z * h};
}

std::vector<Val> rnn_step(const StepInput& s) {
  return {activate(s.f[0], s.clipped(s.x + dot(s.state[0], s.r, {}, {}, {1}, {1})))};
}

struct Outputs {
  Val y;  // [s, n, h] in time order
  std::vector<Val> state;
};

Outputs run_direction(const Composite& a, const Cell& cell, const Direction& d, StepFn step,
                      bool has_c) {
  std::vector<Val> carried{d.h0};
  if (has_c) carried.push_back(d.c0);
  std::vector<Val> captured{d.x, d.r};
  const auto capture = [&](Val v) {
    if (v) captured.push_back(v);
  };
  capture(d.bias_r);
  capture(d.p);
  capture(cell.lens);
  const auto body = [&](Body& b, Val i, const std::vector<Val>& state,
                        const std::vector<Val>& constants) {
    size_t next = 2;
    const auto constant = [&](Val outer) { return outer ? constants[next++] : Val{&b, nullptr}; };
    const Val bias_r = constant(d.bias_r);
    const Val p = constant(d.p);
    const Val lens = constant(cell.lens);
    const Val t = d.backward ? b.number(ir::sub(b.c, cell.steps, b.c.i64(1))) - i : i;
    std::vector<Val> results =
        step({cell, d.f, take(constants[0], t), constants[1], bias_r, p, state});
    Val y = results[0];
    if (lens) {
      const Val running = reshape(lt(t, cast(DType::i64, lens)), {cell.batch, b.c.i64(1)});
      y = select(running, y, 0.0);
      for (size_t k = 0; k < results.size(); ++k)
        results[k] = select(running, results[k], state[k]);
    }
    results.push_back(y);
    return results;
  };
  const LoopResult out = loop(a.b, cell.steps, carried, captured, body);
  if (!a.b.ok()) return {};
  return {d.backward ? flip(out.stacked[0], 0) : out.stacked[0], out.carried};
}

std::vector<Val> run_cell(Composite& a, int gates, const std::vector<std::string>& defaults,
                          StepFn step) {
  const auto cell = read_cell(a, gates, defaults);
  if (!cell) return {};
  const bool has_c = gates == 4;
  std::vector<Val> ys, hs, cs;
  for (int d = 0; d < cell->directions; ++d) {
    const Outputs out = run_direction(a, *cell, direction_of(a, *cell, d), step, has_c);
    if (!a.b.ok()) return {};
    ys.push_back(unsqueeze(out.y, 1));
    hs.push_back(unsqueeze(out.state[0], 0));
    if (has_c) cs.push_back(unsqueeze(out.state[1], 0));
  }
  const DType type = a.in[0].dtype();
  const Val y = concat(ys, 1);
  std::vector<Val> results{cast(type, cell->layout ? transpose(y, {2, 0, 1, 3}) : y)};
  const auto add_state = [&](const std::vector<Val>& parts) {
    const Val all = concat(parts, 0);
    results.push_back(cast(type, cell->layout ? transpose(all, {1, 0, 2}) : all));
  };
  add_state(hs);
  if (has_c) add_state(cs);
  return results;
}

std::vector<Val> lstm(Composite& a) {
  return run_cell(a, 4, {"sigmoid", "tanh", "tanh"}, lstm_step);
}
std::vector<Val> gru(Composite& a) { return run_cell(a, 3, {"sigmoid", "tanh"}, gru_step); }
std::vector<Val> rnn(Composite& a) { return run_cell(a, 1, {"tanh"}, rnn_step); }

constexpr std::string_view kOptions =
    "hidden_size,direction,activations,activation_alpha,activation_beta,clip,layout,input_forget,"
    "linear_before_reset";

constexpr CompositeRow kRows[] = {
    {"lstm", "x,w,r,b?,sequence_lens?,h0?,c0?,p?", kOptions, lstm},
    {"gru", "x,w,r,b?,sequence_lens?,h0?", kOptions, gru},
    {"rnn", "x,w,r,b?,sequence_lens?,h0?", kOptions, rnn},
};

}  // namespace

std::span<const CompositeRow> recurrent_rows() { return kRows; }

}  // namespace tenon::ops::composite
