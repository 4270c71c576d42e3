// Attention, rotary embedding and recurrent networks against plain loops in double.
#include "interp/composite_testing.h"

namespace tenon::interp::testing {
namespace {

// ---- attention

struct AttentionCase {
  bool causal = false;
  double softcap = 0, scale = 0;
  int64_t left = -1, right = -1, past = 0;
};

/// bias: [b, h, s, t] additive or empty; lens: per batch or empty.
Reals attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor* bias,
             const Tensor* lens, const AttentionCase& a, Reals* scores = nullptr) {
  const int64_t b = q.shape[0], h = q.shape[1], s = q.shape[2], d = q.shape[3];
  const int64_t g = k.shape[1], t = k.shape[2], e = v.shape[3];
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(d));
  Reals y;
  for (int64_t n = 0; n < b; ++n)
    for (int64_t head = 0; head < h; ++head)
      for (int64_t i = 0; i < s; ++i) {
        const int64_t group = head / (h / g);
        Reals logits;
        for (int64_t j = 0; j < t; ++j) {
          double dot = 0;
          for (int64_t k2 = 0; k2 < d; ++k2)
            dot += at(q, {n, head, i, k2}) * at(k, {n, group, j, k2});
          dot *= scale;
          if (scores != nullptr) scores->push_back(dot);
          if (a.softcap > 0) dot = a.softcap * std::tanh(dot / a.softcap);
          if (bias != nullptr) dot += at(*bias, {n, head, i, j});
          const int64_t offset = lens != nullptr ? lens->get_i(n) - s : a.past;
          const int64_t position = i + offset;
          if (a.causal && j > position) dot = -kInf;
          if (a.left >= 0 && j < position - a.left) dot = -kInf;
          if (a.right >= 0 && j > position + a.right) dot = -kInf;
          if (lens != nullptr && j >= lens->get_i(n)) dot = -kInf;
          logits.push_back(dot);
        }
        double top = -kInf, sum = 0;
        for (double l : logits) top = std::max(top, l);
        for (double& l : logits) sum += l = top == -kInf ? 0 : std::exp(l - top);
        for (int64_t k2 = 0; k2 < e; ++k2) {
          double out = 0;
          for (int64_t j = 0; j < t; ++j)
            out += logits[static_cast<size_t>(j)] * at(v, {n, group, j, k2});
          y.push_back(sum == 0 ? 0 : out / sum);
        }
      }
  return y;
}

Tensor broadcast_mask(const Tensor& mask, const Ints& shape) {
  Tensor out = Tensor::zeros(DType::f32, shape);
  const size_t skip = shape.size() - mask.shape.size();
  for (int64_t i = 0; i < out.count(); ++i) {
    int64_t rest = i, flat = 0, stride = 1;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      if (d < skip) continue;
      const int64_t n = mask.shape[d - skip];
      flat += (n == 1 ? 0 : rest % shape[d]) * stride;
      stride *= n;
    }
    out.set_f(
        i, mask.dtype == DType::boolean ? (mask.get_i(flat) != 0 ? 0 : -kInf) : mask.get_f(flat));
  }
  return out;
}

TEST(attention, is_that_of_plain_loops) {
  const Tensor q = uniform(1, {2, 4, 3, 8}), k = uniform(2, {2, 2, 5, 8}),
               v = uniform(3, {2, 2, 5, 6});
  const std::set<int64_t> symbolic{3, 5};
  const Tensor bias = uniform(4, {2, 4, 3, 5});
  const auto run_case = [&](const AttentionCase& a, const std::optional<Tensor>& mask,
                            const std::optional<Tensor>& lens, Options options) {
    const Tensor* wide = nullptr;
    Tensor broadcast;
    if (mask) {
      broadcast = broadcast_mask(*mask, {2, 4, 3, 5});
      wide = &broadcast;
    }
    const Reals want = attend(q, k, v, wide, lens ? &*lens : nullptr, a);
    const Ints past = a.past == 0 ? Ints{} : Ints{a.past};
    if (a.past != 0) options.emplace_back("past", "1");
    expect_close(must_apply({"attention", {q, k, v, mask, lens}, options, past, symbolic})[0],
                 {2, 4, 3, 6}, want);
    expect_close(must_apply({"attention", {q, k, v, mask, lens}, options, past})[0], {2, 4, 3, 6},
                 want);
  };
  run_case({}, std::nullopt, std::nullopt, {});
  run_case({.scale = 0.3}, std::nullopt, std::nullopt, {{"scale", "0.3"}});
  run_case({.softcap = 2}, bias, std::nullopt, {{"softcap", "2"}});
  run_case({}, uniform(5, {3, 5}), std::nullopt, {});
  run_case({}, uniform(6, {2, 1, 1, 5}), std::nullopt, {});
  run_case({}, uniform(7, {4, 3, 5}), std::nullopt, {});
  run_case({.causal = true}, std::nullopt, std::nullopt, {{"is_causal", "1"}});
  run_case({.causal = true, .past = 2}, std::nullopt, std::nullopt, {{"is_causal", "1"}});
  run_case({.left = 1, .right = 0, .past = 1}, std::nullopt, std::nullopt,
           {{"left_window_size", "1"}, {"right_window_size", "0"}});
  const Tensor flags =
      tensor({3, 5}, {1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, DType::boolean);
  run_case({}, flags, std::nullopt, {});
  run_case({.causal = true}, flags, std::nullopt, {{"is_causal", "1"}});
  const Tensor lens = tensor({2}, {3, 5}, DType::i64);
  run_case({}, std::nullopt, lens, {});
  run_case({.causal = true}, std::nullopt, lens, {{"is_causal", "1"}});
}

TEST(attention, of_a_fully_masked_row_is_zero) {
  const Tensor q = uniform(1, {1, 1, 2, 4}), k = uniform(2, {1, 1, 3, 4}),
               v = uniform(3, {1, 1, 3, 2});
  const Tensor mask = tensor({2, 3}, {0, 0, 0, 1, 1, 1}, DType::boolean);
  const Tensor y = must_apply({"attention", {q, k, v, mask}})[0];
  EXPECT_EQ(y.get_f(0), 0);
  EXPECT_EQ(y.get_f(1), 0);
  EXPECT_NE(y.get_f(2), 0);
}

TEST(attention, pads_a_short_mask) {
  const Tensor q = uniform(1, {1, 1, 2, 4}), k = uniform(2, {1, 1, 3, 4}),
               v = uniform(3, {1, 1, 3, 2});
  const Tensor mask = tensor({2, 2}, {0, 0.5, 1, 0});
  const Tensor wide = tensor({1, 1, 2, 3}, {0, 0.5, -kInf, 1, 0, -kInf});
  expect_close(must_apply({"attention", {q, k, v, mask}})[0], {1, 1, 2, 2},
               attend(q, k, v, &wide, nullptr, {}));
}

TEST(attention, shows_its_scores) {
  const Tensor q = uniform(1, {1, 2, 2, 4}), k = uniform(2, {1, 2, 3, 4}),
               v = uniform(3, {1, 2, 3, 2});
  Reals raw;
  (void)attend(q, k, v, nullptr, nullptr, {}, &raw);
  const auto both = must_apply({"attention", {q, k, v}, {{"qk_matmul_output_mode", "0"}}});
  ASSERT_EQ(both.size(), 2u);
  expect_close(both[1], {1, 2, 2, 3}, raw);
}

TEST(attention, refuses_what_does_not_fit) {
  const Tensor q = uniform(1, {1, 3, 2, 4}), k = uniform(2, {1, 2, 3, 4});
  expect_refused({"attention", {q, k, k}}, "attention.C5");
  expect_refused({"attention", {uniform(1, {2, 4}), k, k}}, "attention.C4");
  expect_refused({"attention", {uniform(1, {1, 2, 2, 4}, 0, 1, DType::f64), k, k}}, "attention.C3");
  expect_refused({"onnx_attention", {q, q, q, std::nullopt, q}}, "onnx_attention.C6");
  expect_refused(
      {"onnx_attention", {uniform(1, {1, 2, 4}), uniform(1, {1, 2, 4}), uniform(1, {1, 2, 4})}},
      "onnx_attention.C5");
}

/// [b, s, h * d] as [b, h, s, d].
Tensor heads(const Tensor& x, int64_t h) {
  const int64_t d = x.shape[2] / h;
  Tensor y = Tensor::zeros(x.dtype, {x.shape[0], h, x.shape[1], d});
  for (int64_t i = 0; i < y.count(); ++i)
    y.set_f(i, at(x, {i / (d * x.shape[1] * h), i / d % x.shape[1],
                      i / (d * x.shape[1]) % h * d + i % d}));
  return y;
}

TEST(onnx_attention, takes_flat_heads_and_a_past) {
  const Tensor q = uniform(1, {2, 3, 8}), k = uniform(2, {2, 3, 4}), v = uniform(3, {2, 3, 4});
  const Tensor pk = uniform(4, {2, 1, 5, 4}), pv = uniform(5, {2, 1, 5, 4});
  Tensor all_k = Tensor::zeros(DType::f32, {2, 1, 8, 4}), all_v = all_k;
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t j = 0; j < 8; ++j)
      for (int64_t d = 0; d < 4; ++d) {
        const int64_t to = (b * 8 + j) * 4 + d;
        all_k.set_f(to, j < 5 ? at(pk, {b, 0, j, d}) : at(k, {b, j - 5, d}));
        all_v.set_f(to, j < 5 ? at(pv, {b, 0, j, d}) : at(v, {b, j - 5, d}));
      }
  const Options o{{"q_num_heads", "2"}, {"kv_num_heads", "1"}, {"is_causal", "1"}};
  const Reals want =
      attend(heads(q, 2), all_k, all_v, nullptr, nullptr, {.causal = true, .past = 5});
  const auto got = must_apply({"onnx_attention", {q, k, v, std::nullopt, pk, pv}, o, {}, {5, 3}});
  Tensor y = tensor({2, 2, 3, 4}, want);
  Reals flat;
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t h = 0; h < 2; ++h)
        for (int64_t d = 0; d < 4; ++d) flat.push_back(at(y, {b, h, i, d}));
  expect_close(got[0], {2, 3, 8}, flat);
  EXPECT_EQ(got[1].bytes, all_k.bytes);
  EXPECT_EQ(got[2].bytes, all_v.bytes);
}

TEST(rotary_embedding, is_that_of_plain_loops) {
  const Tensor x = uniform(1, {2, 3, 4, 6});  // [b, h, s, d]
  for (int64_t dim : {0, 4}) {
    for (bool interleaved : {false, true}) {
      for (bool positions : {false, true}) {
        const int64_t r = dim == 0 ? 6 : dim;
        const Tensor cosine = uniform(2, positions ? Ints{9, r / 2} : Ints{2, 4, r / 2});
        const Tensor sine = uniform(3, cosine.shape);
        const Tensor ids = uniform(4, {2, 4}, 0, 9, DType::i64);
        Reals want;
        for (int64_t i = 0; i < x.count(); ++i) {
          const int64_t b = i / 72, h = i / 24 % 3, s = i / 6 % 4, d = i % 6;
          if (d >= r) {
            want.push_back(x.get_f(i));
            continue;
          }
          const int64_t half = interleaved ? d / 2 : d % (r / 2);
          const bool second = interleaved ? d % 2 == 1 : d >= r / 2;
          const int64_t other = interleaved ? d ^ 1 : (second ? d - r / 2 : d + r / 2);
          const double c =
              positions ? at(cosine, {ids.get_i(b * 4 + s), half}) : at(cosine, {b, s, half});
          const double z =
              positions ? at(sine, {ids.get_i(b * 4 + s), half}) : at(sine, {b, s, half});
          const double mine = x.get_f(i), its = at(x, {b, h, s, other});
          want.push_back(second ? z * its + c * mine : c * mine - z * its);
        }
        Application a{
            "rotary_embedding", {x, cosine, sine}, {{"interleaved", interleaved ? "1" : "0"}}};
        if (dim != 0) a.options.emplace_back("rotary_embedding_dim", std::to_string(dim));
        if (positions) a.inputs.emplace_back(ids);
        expect_close(must_apply(a)[0], x.shape, want);
        // The same heads in rank 3.
        Tensor flat = Tensor::zeros(DType::f32, {2, 4, 18});
        Reals flat_want;
        for (int64_t i = 0; i < flat.count(); ++i) {
          const int64_t b = i / 72, s = i / 18 % 4, h = i / 6 % 3, d = i % 6;
          const int64_t from = ((b * 3 + h) * 4 + s) * 6 + d;
          flat.set_f(i, x.get_f(from));
          flat_want.push_back(want[static_cast<size_t>(from)]);
        }
        a.inputs[0] = flat;
        a.options.emplace_back("num_heads", "3");
        expect_close(must_apply(a)[0], flat.shape, flat_want);
      }
    }
  }
  expect_refused(
      {"rotary_embedding", {uniform(1, {1, 2, 4}), uniform(1, {1, 2, 1}), uniform(1, {1, 2, 1})}},
      "rotary_embedding.C5");
}

// ---- recurrent networks

double sig(double x) { return 1 / (1 + std::exp(-x)); }

struct Net {
  std::string kind;
  int64_t gates;
  bool reset = false, forget = false, peephole = false, bias = true, state = true, lens = false;
  double clip = 0;
  std::string direction = "forward";
};

struct NetResult {
  Reals y, h, c;
};

/// y [s, d, n, h], h and c [d, n, h].
NetResult run_net(const Net& net, const std::vector<std::optional<Tensor>>& in) {
  const Tensor &x = *in[0], &w = *in[1], &r = *in[2];
  const int64_t s = x.shape[0], n = x.shape[1], inputs = x.shape[2], d = w.shape[0],
                hid = r.shape[2];
  const int64_t g = net.gates;
  NetResult out;
  out.y.assign(static_cast<size_t>(s * d * n * hid), 0);
  const auto clip = [&](double v) { return net.clip > 0 ? std::clamp(v, -net.clip, net.clip) : v; };
  for (int64_t dir = 0; dir < d; ++dir)
    for (int64_t b = 0; b < n; ++b) {
      Reals h(static_cast<size_t>(hid)), c(static_cast<size_t>(hid));
      for (int64_t k = 0; k < hid; ++k) {
        if (in[5]) h[static_cast<size_t>(k)] = at(*in[5], {dir, b, k});
        if (in.size() > 6 && in[6]) c[static_cast<size_t>(k)] = at(*in[6], {dir, b, k});
      }
      const int64_t length = in[4] ? in[4]->get_i(b) : s;
      const bool backward = net.direction == "reverse" || dir == 1;
      for (int64_t step = 0; step < length; ++step) {
        const int64_t t = backward ? length - 1 - step : step;
        const auto from_x = [&](int64_t row) {
          double sum = in[3] ? at(*in[3], {dir, row}) : 0;
          for (int64_t k = 0; k < inputs; ++k) sum += at(x, {t, b, k}) * at(w, {dir, row, k});
          return sum;
        };
        const auto bias_r = [&](int64_t row) {
          return in[3] ? at(*in[3], {dir, g * hid + row}) : 0.0;
        };
        const auto from_h = [&](int64_t row, const Reals& state) {
          double sum = 0;
          for (int64_t k = 0; k < hid; ++k)
            sum += state[static_cast<size_t>(k)] * at(r, {dir, row, k});
          return sum;
        };
        Reals next = h, next_c = c;
        Reals resets(h.size());
        if (net.kind == "gru")
          for (int64_t k = 0; k < hid; ++k) {
            const int64_t row = hid + k;
            resets[static_cast<size_t>(k)] = sig(clip(from_x(row) + from_h(row, h) + bias_r(row)));
          }
        for (int64_t k = 0; k < hid; ++k) {
          const auto i = static_cast<size_t>(k);
          const auto pre = [&](int64_t gate) {
            return from_x(gate * hid + k) + from_h(gate * hid + k, h) + bias_r(gate * hid + k);
          };
          const auto peep = [&](int64_t which, double v) {
            return net.peephole ? at(*in[7], {dir, which * hid + k}) * v : 0.0;
          };
          if (net.kind == "rnn") {
            next[i] = std::tanh(clip(pre(0)));
          } else if (net.kind == "gru") {
            const double z = sig(clip(pre(0)));
            double inner = 0;
            if (net.reset) {
              inner = resets[i] * (from_h(2 * hid + k, h) + bias_r(2 * hid + k));
            } else {
              Reals scaled = h;
              for (size_t j = 0; j < scaled.size(); ++j) scaled[j] *= resets[j];
              inner = from_h(2 * hid + k, scaled) + bias_r(2 * hid + k);
            }
            next[i] = (1 - z) * std::tanh(clip(from_x(2 * hid + k) + inner)) + z * h[i];
          } else {
            const double gate_i = sig(clip(pre(0) + peep(0, c[i])));
            const double gate_f = net.forget ? 1 - gate_i : sig(clip(pre(2) + peep(2, c[i])));
            next_c[i] = gate_f * c[i] + gate_i * std::tanh(clip(pre(3)));
            next[i] = sig(clip(pre(1) + peep(1, next_c[i]))) * std::tanh(next_c[i]);
          }
        }
        h = next;
        c = next_c;
        for (int64_t k = 0; k < hid; ++k)
          out.y[static_cast<size_t>(((t * d + dir) * n + b) * hid + k)] = h[static_cast<size_t>(k)];
      }
      out.h.insert(out.h.end(), h.begin(), h.end());
      out.c.insert(out.c.end(), c.begin(), c.end());
    }
  return out;
}

void check_net(const Net& net) {
  SCOPED_TRACE(net.kind + " " + net.direction);
  const int64_t s = 5, n = 2, in = 3, hid = 4, d = net.direction == "bidirectional" ? 2 : 1;
  std::vector<std::optional<Tensor>> inputs(net.kind == "lstm" ? 8 : 6);
  inputs[0] = uniform(1, {s, n, in});
  inputs[1] = uniform(2, {d, net.gates * hid, in});
  inputs[2] = uniform(3, {d, net.gates * hid, hid}, -1, 1);
  if (net.bias) inputs[3] = uniform(4, {d, 2 * net.gates * hid});
  if (net.lens) inputs[4] = tensor({n}, {3, 5}, DType::i32);
  if (net.state) inputs[5] = uniform(5, {d, n, hid});
  if (net.state && net.kind == "lstm") inputs[6] = uniform(6, {d, n, hid});
  if (net.peephole) inputs[7] = uniform(7, {d, 3 * hid});
  const NetResult want = run_net(net, inputs);
  Application a{net.kind, inputs, {{"direction", net.direction}, {"hidden_size", "4"}}};
  if (net.reset) a.options.emplace_back("linear_before_reset", "1");
  if (net.forget) a.options.emplace_back("input_forget", "1");
  if (net.clip > 0) a.options.emplace_back("clip", std::to_string(net.clip));
  for (const std::set<int64_t>& symbolic : {std::set<int64_t>{}, std::set<int64_t>{5}}) {
    a.symbolic = symbolic;
    const auto got = must_apply(a);
    expect_close(got[0], {s, d, n, hid}, want.y);
    expect_close(got[1], {d, n, hid}, want.h);
    if (net.kind == "lstm") expect_close(got[2], {d, n, hid}, want.c);
  }
  // Batch first.
  const auto swap = [](const Tensor& t) {
    Tensor y = Tensor::zeros(t.dtype, {t.shape[1], t.shape[0], t.shape[2]});
    for (int64_t i = 0; i < t.shape[0]; ++i)
      for (int64_t j = 0; j < t.shape[1]; ++j)
        for (int64_t k = 0; k < t.shape[2]; ++k)
          y.set_f((j * t.shape[0] + i) * t.shape[2] + k, at(t, {i, j, k}));
    return y;
  };
  for (size_t i : {size_t{0}, size_t{5}, size_t{6}})
    if (i < a.inputs.size() && a.inputs[i]) a.inputs[i] = swap(*a.inputs[i]);
  a.options.emplace_back("layout", "1");
  const auto got = must_apply(a);
  const Tensor h = swap(tensor({d, n, hid}, want.h));
  Reals y;
  const Tensor ordered = tensor({s, d, n, hid}, want.y);
  for (int64_t b = 0; b < n; ++b)
    for (int64_t t = 0; t < s; ++t)
      for (int64_t dir = 0; dir < d; ++dir)
        for (int64_t k = 0; k < hid; ++k) y.push_back(at(ordered, {t, dir, b, k}));
  expect_close(got[0], {n, s, d, hid}, y);
  expect_close(got[1], h.shape, ops::all_f(h));
}

TEST(recurrent, networks_are_those_of_plain_loops) {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    for (bool lens : {false, true}) {
      check_net({.kind = "lstm", .gates = 4, .lens = lens, .direction = direction});
      check_net({.kind = "lstm",
                 .gates = 4,
                 .peephole = true,
                 .lens = lens,
                 .clip = 0.7,
                 .direction = direction});
      check_net({.kind = "lstm",
                 .gates = 4,
                 .forget = true,
                 .bias = false,
                 .state = false,
                 .lens = lens,
                 .direction = direction});
      check_net({.kind = "gru", .gates = 3, .lens = lens, .direction = direction});
      check_net({.kind = "gru", .gates = 3, .reset = true, .lens = lens, .direction = direction});
      check_net({.kind = "gru",
                 .gates = 3,
                 .reset = true,
                 .bias = false,
                 .state = false,
                 .lens = lens,
                 .clip = 0.5,
                 .direction = direction});
      check_net({.kind = "rnn", .gates = 1, .lens = lens, .direction = direction});
    }
  }
}

TEST(recurrent, activations_use_up_their_parameters_in_order) {
  const Tensor x = uniform(1, {1, 1, 2}), w = uniform(2, {1, 1, 2}), r = uniform(3, {1, 1, 1});
  double sum = 0;
  for (int64_t k = 0; k < 2; ++k) sum += x.get_f(k) * w.get_f(k);
  const auto run_one = [&](const std::string& f, const std::string& alpha,
                           const std::string& beta) {
    Application a{"rnn", {x, w, r}, {{"activations", f}}};
    if (!alpha.empty()) a.options.emplace_back("activation_alpha", alpha);
    if (!beta.empty()) a.options.emplace_back("activation_beta", beta);
    return must_apply(a)[0].get_f(0);
  };
  EXPECT_NEAR(run_one("Affine", "2", "3"), 2 * sum + 3, 1e-5);
  EXPECT_NEAR(run_one("Relu", "", ""), std::max(sum, 0.0), 1e-5);
  EXPECT_NEAR(run_one("LeakyRelu", "", ""), sum < 0 ? 0.01 * sum : sum, 1e-5);
  EXPECT_NEAR(run_one("ScaledTanh", "2", "0.5"), 2 * std::tanh(0.5 * sum), 1e-5);
  EXPECT_NEAR(run_one("HardSigmoid", "", ""), std::clamp(0.2 * sum + 0.5, 0.0, 1.0), 1e-5);
  EXPECT_NEAR(run_one("Elu", "1.5", ""), sum < 0 ? 1.5 * std::expm1(sum) : sum, 1e-5);
  EXPECT_NEAR(run_one("Softsign", "", ""), sum / (1 + std::fabs(sum)), 1e-5);
  EXPECT_NEAR(run_one("Softplus", "", ""), std::log1p(std::exp(sum)), 1e-5);
  EXPECT_NEAR(run_one("ThresholdedRelu", "0.1", ""), sum >= 0.1 ? sum : 0, 1e-5);
  EXPECT_NEAR(run_one("Sigmoid", "", ""), sig(sum), 1e-5);
}

TEST(recurrent, networks_refuse_what_does_not_fit) {
  const Tensor x = uniform(1, {2, 1, 3}), w = uniform(2, {1, 8, 3}), r = uniform(3, {1, 8, 2});
  expect_refused({"lstm", {x, w, uniform(1, {1, 8, 3})}}, "lstm.C5");
  const auto misfit = [&](Ints w_shape, Ints r_shape) {
    expect_refused({"lstm", {x, uniform(2, std::move(w_shape)), uniform(3, std::move(r_shape))}},
                   "lstm.C5");
  };
  misfit({2, 8, 3}, {1, 8, 2});
  misfit({1, 9, 3}, {1, 8, 2});
  misfit({1, 8, 4}, {1, 8, 2});
  misfit({1, 8, 3}, {2, 8, 2});
  misfit({1, 8, 3}, {1, 9, 2});
  expect_refused({"lstm", {x, w, r, uniform(1, {1, 15})}}, "lstm.C5");
  expect_refused({"lstm", {x, w, r, uniform(1, {16})}}, "lstm.C5");
  expect_refused({"lstm", {uniform(1, {2, 3}), w, r}}, "lstm.C4");
  expect_refused({"lstm", {x, w, r}, {{"direction", "up"}}}, "lstm.C6");
  expect_refused({"lstm", {x, w, r}, {{"activations", "tanh"}}}, "lstm.C7");
  expect_refused({"lstm", {x, w, r}, {{"activations", "tanh,tanh,cube"}}}, "lstm.C7");
  expect_refused({"lstm", {uniform(1, {2, 1, 3}, 0, 2, DType::i32), w, r}}, "lstm.C3");
}

}  // namespace
}  // namespace tenon::interp::testing
