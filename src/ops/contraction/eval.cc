// Reference evaluation of dot and conv by matrix products. Floats are multiplied and summed in
// double; with product "bf16" the operands are rounded to bf16 first. Integers wrap in the result's
// type; where no sum can leave 53 bits they take the double path too.
#include <algorithm>
#include <cmath>

#include "ir/dtype.h"
#include "ops/contraction/contraction.h"
#include "ops/contraction/gemm.h"
#include "ops/movement/copy.h"
#include "ops/shape.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using Ints = std::vector<int64_t>;

/// A tensor with its axes in the order of `perm`; `room` holds it where elements must move.
const Tensor& permuted(const Tensor& t, const Ints& perm, Tensor& room) {
  if (std::is_sorted(perm.begin(), perm.end())) return t;
  const Ints strides = row_major(t.shape);
  Ints shape;
  Side source;
  for (int64_t axis : perm) {
    shape.push_back(t.shape[static_cast<size_t>(axis)]);
    source.strides.push_back(strides[static_cast<size_t>(axis)]);
  }
  room = Tensor::zeros(t.dtype, shape);
  copy_region(shape, t, source, room, {row_major(shape), 0});
  return room;
}

Ints joined(const Ints& a, const Ints& b, const Ints& c) {
  Ints all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

int64_t extents(const Tensor& t, const Ints& axes) {
  int64_t n = 1;
  for (int64_t axis : axes) n *= t.shape[static_cast<size_t>(axis)];
  return n;
}

double largest(const std::vector<double>& values) {
  double top = 0;
  for (double v : values) top = std::max(top, std::fabs(v));
  return top;
}

/// An operand as doubles, rounded as the node's product asks.
std::vector<double> factors(Expr node, const Tensor& t) {
  std::vector<double> values = all_f(t);
  if (node->string_attr_or(Key::product, "f32") == "bf16") {
    Tensor rounded = Tensor::zeros(DType::bf16, t.shape);
    write_f(rounded, 0, values);
    read_f(rounded, 0, values);
  }
  return values;
}

/// Whether sums of `depth` products of these integers are exact in double.
bool fits_double(DType type, const std::vector<double>& a, const std::vector<double>& b,
                 int64_t depth) {
  return ir::is_float(type) ||
         largest(a) * largest(b) * static_cast<double>(depth) < 9007199254740992.0;
}

}  // namespace

Result<std::vector<Tensor>> dot_eval(const EvalArgs& args) {
  const Expr node = args.node;
  const Ints& batch_a = node->ints_attr(Key::batch_a);
  const Ints& batch_b = node->ints_attr(Key::batch_b);
  const Ints& contract_a = node->ints_attr(Key::contract_a);
  const Ints& contract_b = node->ints_attr(Key::contract_b);
  const Ints free_a = dot_free_axes(node, 0);
  const Ints free_b = dot_free_axes(node, 1);
  const Tensor& ta = *args.operands[0];
  const Tensor& tb = *args.operands[1];
  for (const auto& [x, y] : {std::pair{&batch_a, &batch_b}, {&contract_a, &contract_b}})
    for (size_t i = 0; i < x->size(); ++i)
      if (ta.shape[static_cast<size_t>((*x)[i])] != tb.shape[static_cast<size_t>((*y)[i])])
        return fail("dot.C4",
                    "dot: " + show(ta.shape) + " and " + show(tb.shape) + " differ on paired axes");
  const int64_t batch = extents(ta, batch_a);
  const int64_t m = extents(ta, free_a);
  const int64_t n = extents(tb, free_b);
  const int64_t k = extents(ta, contract_a);
  Tensor room_a;
  Tensor room_b;
  const Tensor& pa = permuted(ta, joined(batch_a, free_a, contract_a), room_a);
  const Tensor& pb = permuted(tb, joined(batch_b, contract_b, free_b), room_b);
  Tensor out = Tensor::zeros(node->dtype(), args.shape);
  const std::vector<double> a = factors(node, pa);
  const std::vector<double> b = factors(node, pb);
  const auto run = [&]<class T>(const std::vector<T>& x, const std::vector<T>& y) {
    std::vector<T> z(static_cast<size_t>(batch * m * n));
    for (int64_t i = 0; i < batch; ++i)
      gemm(m, n, k, x.data() + i * m * k, k, y.data() + i * k * n, n, z.data() + i * m * n, n);
    return z;
  };
  if (fits_double(node->dtype(), a, b, k)) {
    const std::vector<double> z = run(a, b);
    if (ir::is_float(node->dtype())) {
      write_f(out, 0, z);
    } else {
      write_i(out, 0, std::vector<int64_t>(z.begin(), z.end()));
    }
  } else {
    write_i(out, 0, run(all_i(pa), all_i(pb)));
  }
  return std::vector<Tensor>{std::move(out)};
}

namespace {

struct Conv {
  Ints in, out, kernel;  // spatial extents
  Ints strides, low, dilation, input_dilation;
  int64_t batch, channels, outputs, groups;

  [[nodiscard]] int64_t group_channels() const { return channels / groups; }
  [[nodiscard]] int64_t group_outputs() const { return outputs / groups; }
};

/// Position of the input element (in elements of the spatial volume) under kernel element `r` at
/// output `o`, or -1 in padding and gaps.
int64_t locate(const Conv& g, const Ints& o, const Ints& r) {
  int64_t at = 0;
  for (size_t d = 0; d < g.in.size(); ++d) {
    int64_t place = o[d] * g.strides[d] + r[d] * g.dilation[d] - g.low[d];
    if (place < 0 || place % g.input_dilation[d] != 0) return -1;
    place /= g.input_dilation[d];
    if (place >= g.in[d]) return -1;
    at = at * g.in[d] + place;
  }
  return at;
}

/// Convolves one image by one group whose inputs are gathered into rows of `patches`, a block of
/// output positions at a time.
template <class T>
void convolve_by_patches(const Conv& g, const T* x, const T* w, T* out) {
  constexpr int64_t kBlock = 192;
  const int64_t volume = product(g.kernel);
  const int64_t cg = g.group_channels();
  const int64_t mg = g.group_outputs();
  const int64_t depth = volume * cg;
  const int64_t places = product(g.out);
  const Ints none(g.in.size(), 0);
  std::vector<T> patches(static_cast<size_t>(kBlock * depth));
  for (int64_t group = 0; group < g.groups; ++group) {
    Odometer o(g.out, none);
    for (int64_t begin = 0; begin < places; begin += kBlock) {
      const int64_t rows = std::min(kBlock, places - begin);
      T* to = patches.data();
      for (int64_t i = 0; i < rows; ++i, o.next()) {
        for (Odometer r(g.kernel, none); !r.done(); r.next(), to += cg) {
          const int64_t at = locate(g, o.index(), r.index());
          if (at < 0) {
            std::fill_n(to, cg, T{0});
          } else {
            std::copy_n(x + at * g.channels + group * cg, cg, to);
          }
        }
      }
      gemm(rows, mg, depth, patches.data(), depth, w + group * mg, g.outputs,
           out + begin * g.outputs + group * mg, g.outputs);
    }
  }
}

/// For many small groups (depthwise): every tap adds to all output channels of a position.
void convolve_directly(const Conv& g, const double* x, const double* w, double* out) {
  const int64_t cg = g.group_channels();
  const int64_t mg = g.group_outputs();
  const Ints none(g.in.size(), 0);
  for (Odometer o(g.out, none); !o.done(); o.next(), out += g.outputs) {
    std::fill_n(out, g.outputs, 0.0);
    const double* taps = w;
    for (Odometer r(g.kernel, none); !r.done(); r.next(), taps += cg * g.outputs) {
      const int64_t at = locate(g, o.index(), r.index());
      if (at < 0) continue;
      const double* from = x + at * g.channels;
      for (int64_t group = 0; group < g.groups; ++group)
        for (int64_t i = 0; i < cg; ++i)
          for (int64_t j = group * mg; j < (group + 1) * mg; ++j)
            out[j] += from[group * cg + i] * taps[i * g.outputs + j];
    }
  }
}

template <class T>
std::vector<T> convolve(const Conv& g, const std::vector<T>& x, const std::vector<T>& w) {
  const int64_t in_image = product(g.in) * g.channels;
  const int64_t out_image = product(g.out) * g.outputs;
  std::vector<T> out(static_cast<size_t>(g.batch * out_image));
  for (int64_t n = 0; n < g.batch; ++n) {
    const T* image = x.data() + n * in_image;
    T* to = out.data() + n * out_image;
    if constexpr (std::is_same_v<T, double>) {
      if (g.groups > 1 && g.group_outputs() < 8) {
        convolve_directly(g, image, w.data(), to);
        continue;
      }
    }
    convolve_by_patches(g, image, w.data(), to);
  }
  return out;
}

Ints spatial(const Ints& shape, size_t first) {
  const auto begin = shape.begin() + static_cast<int64_t>(first);
  return {begin, begin + static_cast<int64_t>(shape.size()) - 2};
}

}  // namespace

Result<std::vector<Tensor>> conv_eval(const EvalArgs& args) {
  const Expr node = args.node;
  const Tensor& x = *args.operands[0];
  const Tensor& w = *args.operands[1];
  Conv g{spatial(x.shape, 1),
         spatial(args.shape, 1),
         spatial(w.shape, 0),
         node->ints_attr(Key::strides),
         {},
         node->ints_attr(Key::dilation),
         node->ints_attr(Key::input_dilation),
         x.shape[0],
         x.shape.back(),
         w.shape.back(),
         node->int_attr(Key::groups)};
  for (Expr e : node->exprs_attr(Key::low)) g.low.push_back(args.integer(e));
  if (g.channels != w.shape[w.shape.size() - 2] * g.groups)
    return fail("conv.C4", "conv: the channels of " + show(x.shape) + " and " + show(w.shape) +
                               " do not match");
  Tensor out = Tensor::zeros(node->dtype(), args.shape);
  const std::vector<double> a = factors(node, x);
  const std::vector<double> b = factors(node, w);
  if (ir::is_float(node->dtype())) {
    write_f(out, 0, convolve(g, a, b));
  } else if (fits_double(node->dtype(), a, b, product(g.kernel) * g.group_channels())) {
    const std::vector<double> z = convolve(g, a, b);
    write_i(out, 0, std::vector<int64_t>(z.begin(), z.end()));
  } else {
    write_i(out, 0, convolve(g, all_i(x), all_i(w)));
  }
  return std::vector<Tensor>{std::move(out)};
}

}  // namespace tenon::ops
