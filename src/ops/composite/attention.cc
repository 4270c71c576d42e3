// Scaled dot product attention and rotary position embedding, as ONNX Attention-25 and
// RotaryEmbedding-23 define them. Narrow floats are worked in f32.
//
// attention: query heads h are grouped: head i reads head i / (h / g) of k and v. mask, bool or
// additive, broadcasts to [b,h,s,t]; where its last axis is shorter, the rest is masked. Of kv_lens
// i64[b], keys from there on are padding. A row that may attend to nothing gives zeros. The scores
// that qk_matmul_output_mode shows are 0 raw, 1 capped, 2 masked, 3 after softmax.
// onnx_attention adds the past and rank 3 inputs [b, s, h * d]; rotary_embedding takes both ranks.
//
// C3: float types, equal. C4: ranks. C5: heads group evenly. C6: past_k and past_v go together.
//
//   attention (q[b,h,s,d], k[b,g,t,d], v[b,g,t,e], mask?, kv_lens?)
//       scale[1/sqrt d] is_causal[0] softcap[0] left_window_size[-1] right_window_size[-1]
//       softmax_precision[f32] qk_matmul_output_mode[absent] past[0: no extents; 1: {past length}]
//       -> y[, the scores where the mode is given]
//   onnx_attention (q, k, v, mask?, past_k?, past_v?, kv_lens?)   as Attention-25, rank 3 or 4
//       the above and q_num_heads kv_num_heads   -> y, present_k, present_v[, scores]
//   rotary_embedding (x, cos, sin, position_ids?)
//       interleaved[0] rotary_embedding_dim[0] num_heads[0]
#include <cmath>
#include <limits>

#include "ops/call.h"
#include "ops/composite.h"
#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Which keys a query may see, as far as positions say; empty when all.
Val position_mask(const Composite& a, Val q, Val k) {
  Context& c = a.c();
  const Expr s = q.dim(2);
  const Expr t = k.dim(2);
  const bool causal = a.integer("is_causal", 0) != 0;
  const int64_t left = a.integer("left_window_size", -1);
  const int64_t right = a.integer("right_window_size", -1);
  Val allowed{&a.b, nullptr};
  const auto also = [&](Val more) { allowed = allowed ? logical_and(allowed, more) : more; };
  const Val key = a.b.iota(DType::i64, {c.i64(1), t}, 1);
  if (causal || left >= 0 || right >= 0) {
    Val query = a.b.iota(DType::i64, {s, c.i64(1)}, 0);  // position of the query: index + offset
    if (a.in[4]) {
      const Val offset = cast(DType::i64, a.in[4]) - a.b.number(s);
      query = query + reshape(offset, {q.dim(0), c.i64(1), c.i64(1), c.i64(1)});
    } else if (!a.extents.empty()) {
      query = query + a.b.number(a.extents[0]);
    }
    if (causal) also(le(key, query));
    if (left >= 0) also(le(query - key, static_cast<double>(left)));
    if (right >= 0) also(le(key - query, static_cast<double>(right)));
  }
  if (a.in[4])
    also(lt(key, reshape(cast(DType::i64, a.in[4]), {q.dim(0), c.i64(1), c.i64(1), c.i64(1)})));
  return allowed;
}

/// The mask with its last axis brought to t.
Val widen_mask(Val mask, Expr t) {
  if (mask.dim(-1) == t) return mask;
  Context& c = mask.body->c;
  return pad(mask, -1, c.i64(0), ir::sub(c, t, mask.dim(-1)),
             mask.dtype() == DType::boolean ? 0 : -kInf);
}

bool check_attention(const Composite& a) {
  const Val q = a.in[0];
  const Val k = a.in[1];
  const Val v = a.in[2];
  if (!a.require(ir::is_float(q.dtype()) && q.dtype() == k.dtype(), 3,
                 "q and k must be of one float type") ||
      !a.require(q.rank() == 4 && k.rank() == 4 && v.rank() == 4, 4,
                 "q, k and v must be of rank 4"))
    return false;
  const auto heads = ir::as_int(q.dim(1));
  const auto groups = ir::as_int(k.dim(1));
  if (!a.require(a.extents.empty() == (a.integer("past", 0) == 0), 2,
                 "past says whether the past's length is given"))
    return false;
  return a.require(
             q.dim(1) == k.dim(1) || (heads && groups && *groups > 0 && *heads % *groups == 0), 5,
             "the heads of q must be a multiple of those of k") &&
         a.require(!a.in[3] || (a.in[3].rank() >= 1 && a.in[3].rank() <= 4), 4,
                   "mask must be of rank 1 to 4");
}

std::vector<Val> attention(Composite& a) {
  if (!check_attention(a)) return {};
  Context& c = a.c();
  Val q = up(a.in[0]);
  const Val k = up(a.in[1]);
  const Val v = up(a.in[2]);
  const Exprs scores_shape{q.dim(0), q.dim(1), q.dim(2), k.dim(2)};
  const bool grouped = q.dim(1) != k.dim(1);
  const Expr repeat = grouped ? c.i64(*ir::as_int(q.dim(1)) / *ir::as_int(k.dim(1))) : c.i64(1);

  const double scale = a.real("scale", 0);
  if (scale != 0) {
    q = q * scale;
  } else if (const auto d = ir::as_int(q.dim(3))) {
    q = q * (1 / std::sqrt(static_cast<double>(*d)));
  } else {
    q = q / sqrt(a.b.number(q.dim(3), q.dtype()));
  }
  if (grouped) q = reshape(q, {q.dim(0), k.dim(1), repeat, q.dim(2), q.dim(3)});
  const Val raw = reshape(dot(q, k, {0, 1}, {0, 1}, {q.rank() - 1}, {3}), scores_shape);
  const double cap = a.real("softcap", 0);
  const Val capped = cap > 0 ? tanh(raw / cap) * cap : raw;

  Val scores = capped;
  const Val mask = a.in[3] ? widen_mask(a.in[3], k.dim(2)) : a.in[3];
  Val allowed = position_mask(a, q.rank() == 4 ? q : a.in[0], k);
  if (mask && mask.dtype() == DType::boolean) allowed = allowed ? logical_and(allowed, mask) : mask;
  if (mask && mask.dtype() != DType::boolean) scores = scores + cast(scores.dtype(), mask);
  if (allowed) scores = select(allowed, scores, -kInf);

  const Val logits =
      cast(a.dtype("softmax_precision", scores.dtype()) == DType::f64 ? DType::f64 : scores.dtype(),
           scores);
  Val top = reduce("max", logits, {-1});
  const bool masked = mask || allowed;
  if (masked) top = select(eq(top, -kInf), 0.0, top);
  const Val e = exp(logits - spread(top, logits, {-1}));
  Val sum = reduce("sum", e, {-1});
  if (masked) sum = select(eq(sum, 0.0), 1.0, sum);
  const Val p = cast(v.dtype(), e / spread(sum, e, {-1}));

  Exprs grouped_shape{q.dim(0), k.dim(1), repeat, scores_shape[2], scores_shape[3]};
  const Val weights = grouped ? reshape(p, grouped_shape) : p;
  const Val y = dot(weights, v, {0, 1}, {0, 1}, {weights.rank() - 1}, {2});
  std::vector<Val> results{cast(
      a.in[0].dtype(), reshape(y, {scores_shape[0], scores_shape[1], scores_shape[2], v.dim(3)}))};
  if (a.find("qk_matmul_output_mode") != nullptr) {
    const int64_t mode = a.integer("qk_matmul_output_mode", 0);
    const Val shown = mode == 0 ? raw : mode == 1 ? capped : mode == 2 ? scores : p;
    results.push_back(cast(a.in[0].dtype(), shown));
  }
  return results;
}

// ---- one kernel

/// Kept in f32 where y alone is wanted and the mask has an element for each key or for all. Few
/// queries are not worth the packing of keys.
bool one_kernel(Expr call) {
  constexpr int64_t kFewestQueries = 4;
  const Expr mask = call_operand(call, "mask");
  const Type q = call->operand(0)->type;
  const Type k = call->operand(1)->type;
  const auto queries = ir::as_int(q->shape[2]);
  const auto at = [&](size_t i) { return call->operand(i)->dtype(); };
  if (call->type->kind == ir::TypeKind::tuple || (queries && *queries < kFewestQueries))
    return false;
  if (at(0) != DType::f32 || at(1) != DType::f32 || at(2) != DType::f32) return false;
  if (call_operand(call, "kv_lens") != nullptr || has_option(call, "softmax_precision"))
    return false;
  for (const std::string_view positions : {"left_window_size", "right_window_size"})
    if (integer_option(call, positions, -1) >= 0) return false;
  if (integer_option(call, "is_causal", 0) != 0 && integer_option(call, "past", 0) != 0)
    return false;
  if (mask == nullptr) return true;
  const Expr last = mask->shape().back();
  return (mask->dtype() == DType::boolean || mask->dtype() == DType::f32) &&
         (last == k->shape[2] || ir::is_int(last, 1));
}

/// The element of a mask that broadcasts to [b, h, s, t].
Expr mask_element(const Blocks& b, Expr mask, const Exprs& at) {
  Exprs index;
  const size_t rank = mask->shape().size();
  for (size_t d = 0; d < rank; ++d)
    index.push_back(ir::is_int(mask->shape()[d], 1) ? b.c.i64(0) : at[4 - rank + d]);
  return b.load(mask, index);
}

/// Scores, softmax without its division, sums of v, and one factor a row: as the body, but that the
/// sums are divided instead of the weights.
Expr attention_blocks(const OpaqueArgs& args) {
  Blocks b(args);
  Context& c = b.c;
  const Expr q = args.ins[0], k = args.ins[1], v = args.ins[2], y = args.outs[0];
  const Expr mask = call_operand(args.node, "mask") == nullptr ? nullptr : args.ins[3];
  const DType type = DType::f32;
  const Exprs qs = q->shape(), vs = v->shape();
  const Expr keys = k->shape()[2];
  const Exprs rows(qs.begin(), qs.begin() + 3);
  const auto with = [](Exprs at, Expr last) { return at.push_back(last), at; };
  const auto row = [](const Exprs& at) { return Exprs(at.begin(), at.begin() + 3); };
  const auto heads = ir::as_int(qs[1]), groups = ir::as_int(k->shape()[1]);
  const int64_t repeat = heads && groups && *groups > 0 ? *heads / *groups : 1;
  const auto head = [&](Expr h) { return ir::floordiv(c, h, c.i64(repeat)); };

  const Expr scores = b.reduce("scores", "fma", type, with(rows, keys), {qs[3]},
                               [&](const Exprs& at, const Exprs& d) {
                                 return b.op(ir::Op::mul, b.load(q, with(row(at), d[0])),
                                             b.load(k, {at[0], head(at[1]), at[3], d[0]}));
                               });
  const double scale = real_option(args.node, "scale", 0);
  const double cap = real_option(args.node, "softcap", 0);
  const bool causal = integer_option(args.node, "is_causal", 0) != 0;
  const Expr infinity = b.number(type, -kInf);
  const Expr logits = b.map("logits", type, with(rows, keys), [&](const Exprs& at) {
    const Expr factor = scale != 0 ? b.number(type, scale)
                                   : b.op(ir::Op::div, b.number(type, 1),
                                          ir::unary(c, ir::Op::sqrt, ir::cast(c, type, qs[3])));
    Expr l = b.op(ir::Op::mul, b.load(scores, at), factor);
    if (cap > 0)
      l = b.op(ir::Op::mul, ir::unary(c, ir::Op::tanh, b.op(ir::Op::div, l, b.number(type, cap))),
               b.number(type, cap));
    if (mask != nullptr) {
      const Expr m = mask_element(b, mask, at);
      l = mask->dtype() == DType::boolean ? ir::select(c, m, l, infinity) : b.op(ir::Op::add, l, m);
    }
    return causal ? ir::select(c, b.op(ir::Op::le, at[3], at[2]), l, infinity) : l;
  });
  const auto over_keys = [&](const char* name, const char* combine, Expr of) {
    return b.reduce(name, combine, type, rows, {keys}, [&, of](const Exprs& at, const Exprs& j) {
      return b.load(of, with(at, j[0]));
    });
  };
  const Expr top = over_keys("top", "max", logits);
  const Expr from =
      mask == nullptr && !causal ? top : b.map("from", type, rows, [&](const Exprs& at) {
        const Expr most = b.load(top, at);
        return ir::select(c, b.op(ir::Op::eq, most, infinity), b.number(type, 0), most);
      });
  const Expr e = b.map("exp", type, with(rows, keys), [&](const Exprs& at) {
    return ir::unary(c, ir::Op::exp, b.op(ir::Op::sub, b.load(logits, at), b.load(from, row(at))));
  });
  const Expr sum = over_keys("sum", "sum", e);
  const Expr factor = b.map("factor", type, rows, [&](const Exprs& at) {
    const Expr all = b.load(sum, at);
    const Expr none = b.op(ir::Op::eq, all, b.number(type, 0));
    return b.op(ir::Op::div, b.number(type, 1), ir::select(c, none, b.number(type, 1), all));
  });
  const Expr values = b.reduce("values", "fma", type, with(rows, vs[3]), {keys},
                               [&](const Exprs& at, const Exprs& j) {
                                 return b.op(ir::Op::mul, b.load(e, with(row(at), j[0])),
                                             b.load(v, {at[0], head(at[1]), j[0], at[3]}));
                               });
  b.store(y, [&](const Exprs& at) {
    return b.op(ir::Op::mul, b.load(values, at), b.load(factor, row(at)));
  });
  return b.finish();
}

constexpr OpRow attention_work() {
  OpRow row{ir::Op::call, Pattern::contraction, nullptr, nullptr};
  row.opaque = attention_blocks;
  row.tolerance = 1e-5;
  return row;
}
constexpr Lowering kAttention{one_kernel, attention_work()};

/// [b, s, h * d] as [b, h, s, d].
Val split_heads(Val x, int64_t heads) {
  Context& c = x.body->c;
  const Expr width = ir::floordiv(c, x.dim(2), c.i64(heads));
  return transpose(reshape(x, {x.dim(0), x.dim(1), c.i64(heads), width}), {0, 2, 1, 3});
}

std::vector<Val> onnx_attention(Composite& a) {
  Context& c = a.c();
  Val q = a.in[0];
  Val k = a.in[1];
  Val v = a.in[2];
  const bool flat = q.rank() == 3;
  if (!a.require((flat || q.rank() == 4) && k.rank() == q.rank() && v.rank() == q.rank(), 4,
                 "q, k and v must all be of rank 3 or all of rank 4"))
    return {};
  if (!a.require(bool(a.in[4]) == bool(a.in[5]), 6,
                 "past_key and past_value must be given together"))
    return {};
  if (flat) {
    const int64_t heads = a.integer("q_num_heads", 0);
    const int64_t groups = a.integer("kv_num_heads", 0);
    if (!a.require(heads > 0 && groups > 0 && heads % groups == 0, 5,
                   "rank 3 needs q_num_heads, a multiple of kv_num_heads"))
      return {};
    q = split_heads(q, heads);
    k = split_heads(k, groups);
    v = split_heads(v, groups);
  }
  Options options;
  for (const auto& [key, value] : a.options)
    if (key != "q_num_heads" && key != "kv_num_heads") options.emplace_back(key, value);
  Exprs past;
  if (a.in[4]) {
    past.push_back(a.in[4].dim(2));
    options.emplace_back("past", "1");
    k = concat({a.in[4], k}, 2);
    v = concat({a.in[5], v}, 2);
  }
  if (!a.b.ok()) return {};
  const Expr operands[] = {q.e, k.e, v.e, a.in[3].e, a.in[6].e};
  auto built = build_composite(c, "attention", operands, options, past);
  if (!built) {
    a.b.refuse(std::move(built).error());
    return {};
  }
  Val y = a.b.wrap((*built)[0]);
  if (flat) {
    const Expr width = ir::mul(c, y.dim(1), y.dim(3));
    y = reshape(transpose(y, {0, 2, 1, 3}), {y.dim(0), y.dim(2), width});
  }
  std::vector<Val> results{y, k, v};
  if (built->size() > 1) results.push_back(a.b.wrap((*built)[1]));
  return results;
}

std::vector<Val> rotary_embedding(Composite& a) {
  Context& c = a.c();
  const Val in = a.in[0];
  if (!a.require(ir::is_float(in.dtype()), 3, "x must be of a float type") ||
      !a.require(in.rank() == 3 || in.rank() == 4, 4, "x must be of rank 3 or 4"))
    return {};
  const int64_t heads = a.integer("num_heads", 0);
  if (!a.require(in.rank() == 4 || heads > 0, 5, "rank 3 needs num_heads")) return {};
  const bool flat = in.rank() == 3;
  Val x = up(in);
  // Heads stand at axis 2 of rank 3 input, at axis 1 of rank 4 input.
  if (flat)
    x = reshape(x, {in.dim(0), in.dim(1), c.i64(heads), ir::floordiv(c, in.dim(2), c.i64(heads))});
  const int64_t given = a.integer("rotary_embedding_dim", 0);
  const Expr rotated = given == 0 ? x.dim(3) : c.i64(given);
  const Expr half = ir::floordiv(c, rotated, c.i64(2));
  const auto angle = [&](Val table) {
    Val t = up(table);
    if (a.in[3]) t = gather(t, a.in[3], 0);
    return unsqueeze(t, flat ? 2 : 1);
  };
  const Val cosine = angle(a.in[1]);
  const Val sine = angle(a.in[2]);
  if (!a.require(cosine.rank() == 4 && sine.rank() == 4, 4,
                 "cos and sin must give [batch, sequence, half]"))
    return {};
  const bool interleaved = a.integer("interleaved", 0) != 0;
  const Val x1 = interleaved ? slice(x, 3, 0, half, 2) : slice(x, 3, 0, half);
  const Val x2 = interleaved ? slice(x, 3, 1, half, 2) : slice_at(x, 3, half, half);
  const Val real = cosine * x1 - sine * x2;
  const Val imaginary = sine * x1 + cosine * x2;
  Val y;
  if (interleaved) {
    Exprs shape = real.shape();
    if (real) shape[3] = rotated;
    y = reshape(concat({unsqueeze(real, 4), unsqueeze(imaginary, 4)}, 4), shape);
  } else {
    y = concat({real, imaginary}, 3);
  }
  if (given != 0 && !ir::is_int(x.dim(3), given))
    y = concat({y, slice(x, 3, given, ir::sub(c, x.dim(3), rotated))}, 3);
  return {cast(in.dtype(), reshape(y, in.shape()))};
}

constexpr std::string_view kAttentionOptions =
    "scale,is_causal,softcap,left_window_size,right_window_size,softmax_precision,qk_matmul_output_"
    "mode,past";
constexpr std::string_view kOnnxAttentionOptions =
    "scale,is_causal,softcap,left_window_size,right_window_size,softmax_precision,qk_matmul_output_"
    "mode,"
    "q_num_heads,kv_num_heads";

constexpr CompositeRow kRows[] = {
    {"attention", "q,k,v,mask?,kv_lens?", kAttentionOptions, attention, false, &kAttention,
     "past_length"},
    {"onnx_attention", "q,k,v,mask?,past_k?,past_v?,kv_lens?", kOnnxAttentionOptions,
     onnx_attention, true},
    {"rotary_embedding", "x,cos,sin,position_ids?", "interleaved,rotary_embedding_dim,num_heads",
     rotary_embedding},
};

}  // namespace

std::span<const CompositeRow> attention_rows() { return kRows; }

}  // namespace tenon::ops::composite
