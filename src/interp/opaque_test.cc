// Operators that work on whole buffers: type rules, reference values, and the lowered statement,
// run by the loop interpreter, against the reference.
#include <numeric>

#include "interp/composite_testing.h"
#include "ir/rewrite.h"
#include "ops/dynamic.h"
#include "ops/tensor.h"

namespace tenon::interp::testing {
namespace {

using ir::Key;
using ir::Op;

struct OpCase {
  Op op;
  std::vector<Tensor> in;
  std::vector<ir::Attr> attrs = {};
  std::function<ir::Type(ir::Context&)> wanted = nullptr;
};

std::vector<ir::Type> fields(ir::Type type) {
  return type->kind == ir::TypeKind::tuple ? type->fields : std::vector<ir::Type>{type};
}

Result<Expr> build_case(ir::Context& c, const OpCase& k) {
  std::vector<Expr> params;
  for (const Tensor& t : k.in) {
    std::vector<Expr> shape;
    for (int64_t n : t.shape) shape.push_back(c.i64(n));
    params.push_back(c.param("x" + std::to_string(params.size()), c.tensor(t.dtype, shape)));
  }
  return ops::build(c, k.op, params, k.attrs, k.wanted ? k.wanted(c) : nullptr);
}

Result<std::vector<Tensor>> reference(Expr node, const OpCase& k) {
  std::vector<const Tensor*> operands;
  for (const Tensor& t : k.in) operands.push_back(&t);
  ops::EvalArgs args{node, operands, {}, [](Expr e) { return *ir::as_int(e); }};
  for (Expr e : fields(node->type)[0]->shape) args.shape.push_back(*ir::as_int(e));
  return ops::find_op(k.op)->eval(args);
}

/// The node lowered to a kernel of its own, as the graph's lowering does it, and run.
Result<std::vector<Tensor>> lowered(Expr node, const OpCase& k) {
  ir::Kernel kernel;
  kernel.name = "test";
  kernel.context = std::make_shared<ir::Context>();
  ir::Context& c = *kernel.context;
  ir::Map map;
  std::vector<Expr> ins, outs;
  std::vector<Tensor> buffers = k.in;
  for (Expr operand : node->operands) {
    ins.push_back(c.buffer("in" + std::to_string(ins.size()), ir::copy_to(c, operand->type, map)));
    kernel.params.push_back({ins.back(), ir::ParamRole::in, {}});
  }
  for (ir::Type type : fields(node->type)) {
    outs.push_back(c.buffer("out" + std::to_string(outs.size()), ir::copy_to(c, type, map)));
    kernel.params.push_back({outs.back(), ir::ParamRole::out, {}});
    Ints shape;
    for (Expr e : type->shape) shape.push_back(*ir::as_int(e));
    buffers.push_back(Tensor::zeros(type->dtype, shape));
  }
  const ops::OpRow& row = *ops::find_op(k.op);
  const auto extent = [&](Expr e) { return ir::copy_to(c, e, map); };
  if (row.opaque != nullptr) {
    kernel.body = row.opaque(
        {c, node, ins, outs, extent,
         [&](std::string name, DType type, std::span<const Expr> shape, ir::Scope scope) {
           kernel.buffers.push_back(c.buffer(std::move(name), c.tensor(type, shape, scope)));
           return kernel.buffers.back();
         }});
  } else {
    std::vector<Expr> vars;
    for (size_t d = 0; d < outs[0]->shape().size(); ++d)
      vars.push_back(c.var("i" + std::to_string(d)));
    const auto load = [&](size_t i, std::span<const Expr> at) { return ir::load(c, ins[i], at); };
    kernel.body = ir::store(c, outs[0], row.point({c, node, vars, load, extent, {}}), vars);
    for (size_t d = vars.size(); d-- > 0;)
      kernel.body = ir::for_loop(c, vars[d], outs[0]->shape()[d], kernel.body);
  }
  const Status valid = ir::verify(kernel, 'L');
  EXPECT_TRUE(valid) << valid.error().text();
  TENON_TRY_VOID(run(kernel, {}, buffers));
  return std::vector<Tensor>(buffers.begin() + static_cast<int64_t>(k.in.size()), buffers.end());
}

/// Checks the lowering against the reference and returns the latter.
std::vector<Tensor> check(const OpCase& k, double tolerance = 0) {
  ir::Context c;
  const auto node = build_case(c, k);
  if (!node) {
    ADD_FAILURE() << node.error().text();
    return std::vector<Tensor>(5, Tensor::zeros(DType::f32, {0}));
  }
  const auto want = reference(*node, k);
  const auto got = lowered(*node, k);
  EXPECT_TRUE(want) << want.error().text();
  EXPECT_TRUE(got) << got.error().text();
  if (!want || !got) return std::vector<Tensor>(5, Tensor::zeros(DType::f32, {0}));
  for (size_t i = 0; i < want->size(); ++i) {
    const Tensor& w = (*want)[i];
    Reals values;
    for (int64_t e = 0; e < w.count(); ++e)
      values.push_back(ir::is_float(w.dtype) ? w.get_f(e) : static_cast<double>(w.get_i(e)));
    expect_close((*got)[i], w.shape, values, tolerance);
  }
  return *want;
}

void expect_bad(const OpCase& k, const std::string& code) {
  ir::Context c;
  const auto node = build_case(c, k);
  ASSERT_FALSE(node) << "not refused: " << code;
  EXPECT_EQ(node.error().diagnostics[0].code, code) << node.error().text();
}

/// Both the reference and the lowering fail at run time.
void expect_failure(const OpCase& k) {
  ir::Context c;
  const auto node = build_case(c, k);
  ASSERT_TRUE(node) << node.error().text();
  EXPECT_FALSE(reference(*node, k));
  EXPECT_FALSE(lowered(*node, k));
}

ir::Attr axis(int64_t a) { return {Key::axis, a}; }
ir::Attr kind(const std::string& k) { return {Key::kind, k}; }
ir::Attr flag(Key key, bool on) { return {key, int64_t{on}}; }

// ---- sort and cumulative

TEST(sort, is_stable_with_nan_last) {
  const Tensor x = tensor({1, 6}, {3, kNan, 1, 3, -kInf, 1});
  auto up = check({Op::sort, {x}, {axis(1), flag(Key::descending, false)}});
  expect_close(up[0], {1, 6}, {-kInf, 1, 1, 3, 3, kNan});
  expect_close(up[1], {1, 6}, {4, 2, 5, 0, 3, 1});
  auto down = check({Op::sort, {x}, {axis(1), flag(Key::descending, true)}});
  expect_close(down[0], {1, 6}, {kNan, 3, 3, 1, 1, -kInf});
  expect_close(down[1], {1, 6}, {1, 0, 3, 2, 5, 4});
}

TEST(sort, works_on_every_axis_and_type) {
  for (DType type : {DType::f32, DType::f16, DType::i64, DType::u8, DType::boolean, DType::f64})
    for (const Ints& shape :
         {Ints{13}, Ints{4, 7}, Ints{2, 9, 3}, Ints{0, 3}, Ints{3, 0}, Ints{1, 1}})
      for (size_t a = 0; a < shape.size(); ++a)
        for (bool descending : {false, true}) {
          const Tensor x =
              uniform(static_cast<uint32_t>(a), shape, 0, type == DType::boolean ? 2 : 6, type);
          const auto out = check(
              {Op::sort, {x}, {axis(static_cast<int64_t>(a)), flag(Key::descending, descending)}});
          EXPECT_EQ(out[1].dtype, DType::i64);
        }
  expect_bad({Op::sort, {uniform(1, {2})}, {axis(1)}}, "sort.C1");
}

/// Whole numbers that only an order of the right sign gets right.
Tensor far_apart(DType type) {
  Tensor t = Tensor::zeros(type, {4});
  const std::vector<int64_t> values{1, ir::is_signed(type) ? -3 : INT64_MIN, 0, INT64_MAX};
  for (size_t i = 0; i < 4; ++i) t.set_i(static_cast<int64_t>(i), values[i]);
  return t;
}

TEST(sort, orders_by_sign) {
  const auto indices = [](DType type, bool descending) {
    const auto out =
        check({Op::sort, {far_apart(type)}, {axis(0), flag(Key::descending, descending)}});
    return ops::all_i(out[1]);
  };
  EXPECT_EQ(indices(DType::i64, false), (Ints{1, 2, 0, 3}));
  EXPECT_EQ(indices(DType::i64, true), (Ints{3, 0, 2, 1}));
  EXPECT_EQ(indices(DType::u64, false), (Ints{2, 0, 3, 1}));
  EXPECT_EQ(indices(DType::u64, true), (Ints{1, 3, 0, 2}));
}

TEST(cumulative, extremes_follow_the_sign) {
  const auto last = [](DType type, const char* k) {
    return check({Op::cumulative,
                  {far_apart(type)},
                  {kind(k), axis(0), flag(Key::exclusive, false), flag(Key::reverse, false)}})[0]
        .get_i(3);
  };
  EXPECT_EQ(last(DType::i64, "max"), INT64_MAX);
  EXPECT_EQ(last(DType::i64, "min"), -3);
  EXPECT_EQ(last(DType::u64, "max"), INT64_MIN);
  EXPECT_EQ(last(DType::u64, "min"), 0);
}

TEST(scatter_elements, extremes_follow_the_sign) {
  for (const DType type : {DType::i64, DType::u64}) {
    const bool is_signed = type == DType::i64;
    const Tensor i = tensor({4}, {0, 0, 0, 0}, DType::i64);
    Tensor x = Tensor::zeros(type, {1});
    x.set_i(0, 5);
    const auto with = [&](const char* k) {
      return check({Op::scatter_elements, {x, i, far_apart(type)}, {axis(0), kind(k)}})[0].get_i(0);
    };
    EXPECT_EQ(with("max"), is_signed ? INT64_MAX : INT64_MIN);
    EXPECT_EQ(with("min"), is_signed ? -3 : 0);
  }
}

TEST(unique, orders_by_sign) {
  const auto firsts = [](DType type) {
    const auto out = check({Op::unique, {far_apart(type)}, {axis(-1), flag(Key::sorted, true)}});
    return ops::all_i(out[0]);
  };
  EXPECT_EQ(firsts(DType::i64), (Ints{-3, 0, 1, INT64_MAX}));
  EXPECT_EQ(firsts(DType::u64), (Ints{0, 1, INT64_MAX, INT64_MIN}));
}

TEST(cumulative, scans_either_way) {
  const Tensor x = tensor({4}, {1, 2, 3, 4});
  const auto run_scan = [&](const std::string& k, bool exclusive, bool reverse) {
    return check(
        {Op::cumulative,
         {x},
         {kind(k), axis(0), flag(Key::exclusive, exclusive), flag(Key::reverse, reverse)}})[0];
  };
  expect_close(run_scan("sum", false, false), {4}, {1, 3, 6, 10});
  expect_close(run_scan("sum", true, false), {4}, {0, 1, 3, 6});
  expect_close(run_scan("sum", false, true), {4}, {10, 9, 7, 4});
  expect_close(run_scan("sum", true, true), {4}, {9, 7, 4, 0});
  expect_close(run_scan("prod", false, false), {4}, {1, 2, 6, 24});
  expect_close(run_scan("max", true, false), {4}, {-kInf, 1, 2, 3});
  expect_close(run_scan("min", false, true), {4}, {1, 2, 3, 4});
}

TEST(cumulative, works_on_every_axis_and_type) {
  for (DType type : {DType::f32, DType::f16, DType::i32, DType::u8})
    for (const std::string k : {"sum", "prod", "max", "min"})
      for (int64_t a = 0; a < 3; ++a)
        for (bool exclusive : {false, true})
          check({Op::cumulative,
                 {uniform(3, {3, 4, 2}, 0, 3, type)},
                 {kind(k), axis(a), flag(Key::exclusive, exclusive), flag(Key::reverse, a == 1)}},
                type == DType::f16 ? 1e-3 : 1e-6);
  check({Op::cumulative, {uniform(1, {0, 2})}, {kind("sum"), axis(0)}});
  expect_bad({Op::cumulative, {uniform(1, {2})}, {kind("sum"), axis(1)}}, "cumulative.C1");
  expect_bad({Op::cumulative, {uniform(1, {2})}, {kind("and"), axis(0)}}, "cumulative.C2");
  expect_bad({Op::cumulative, {uniform(1, {2}, 0, 2, DType::boolean)}, {kind("sum"), axis(0)}},
             "cumulative.C3");
}

// ---- scatter

TEST(scatter_elements, combines_in_order) {
  const Tensor x = tensor({3}, {1, 2, 3});
  const Tensor i = tensor({4}, {0, -1, 0, 2}, DType::i64);
  const Tensor u = tensor({4}, {5, 7, 6, 4});
  const auto with = [&](const std::string& k) {
    return check({Op::scatter_elements, {x, i, u}, {axis(0), kind(k)}})[0];
  };
  expect_close(with("set"), {3}, {6, 2, 4});
  expect_close(with("sum"), {3}, {12, 2, 14});
  expect_close(with("prod"), {3}, {30, 2, 84});
  expect_close(with("max"), {3}, {6, 2, 7});
  expect_close(with("min"), {3}, {1, 2, 3});
}

TEST(scatter_elements, works_on_every_axis) {
  for (int64_t a = 0; a < 3; ++a)
    for (DType type : {DType::f32, DType::i64, DType::f16}) {
      const Ints shape{3, 4, 5};
      const int64_t n = shape[static_cast<size_t>(a)];
      const Tensor i =
          uniform(1, {2, 3, 4}, -static_cast<double>(n), static_cast<double>(n), DType::i32);
      for (const std::string k : {"set", "sum"})
        check({Op::scatter_elements,
               {uniform(2, shape, -5, 5, type), i, uniform(3, {2, 3, 4}, -5, 5, type)},
               {axis(a), kind(k)}},
              type == DType::f16 ? 1e-3 : 1e-6);
    }
  expect_failure({Op::scatter_elements,
                  {uniform(1, {3}), tensor({1}, {3}, DType::i64), uniform(2, {1})},
                  {axis(0), kind("set")}});
  expect_failure({Op::scatter_elements,
                  {uniform(1, {3}), tensor({1}, {-4}, DType::i64), uniform(2, {1})},
                  {axis(0), kind("set")}});
}

TEST(scatter_elements, refuses_what_does_not_fit) {
  const Tensor x = uniform(1, {3, 2});
  const Tensor i = tensor({1, 1}, {0}, DType::i64);
  const auto bad = [&](const Tensor& a, const Tensor& b, const Tensor& u, int64_t at_axis,
                       const std::string& k, const std::string& code) {
    expect_bad({Op::scatter_elements, {a, b, u}, {axis(at_axis), kind(k)}}, code);
  };
  bad(x, i, uniform(1, {1, 1}), 2, "set", "scatter_elements.C1");
  bad(x, i, uniform(1, {1, 1}), 0, "mean", "scatter_elements.C2");
  bad(uniform(1, {2, 2}, 0, 2, DType::boolean), i, uniform(1, {1, 1}, 0, 2, DType::boolean), 0,
      "sum", "scatter_elements.C2");
  bad(x, uniform(1, {1, 1}), uniform(1, {1, 1}), 0, "set", "scatter_elements.C3");
  bad(x, i, uniform(1, {1, 2}), 0, "set", "scatter_elements.C4");
  bad(x, tensor({1}, {0}, DType::i64), uniform(1, {1}), 0, "set", "scatter_elements.C5");
  bad(x, tensor({1, 3}, {0, 0, 0}, DType::i64), uniform(1, {1, 3}), 0, "set",
      "scatter_elements.C5");
}

TEST(scatter_nd, writes_slices_in_order) {
  const Tensor x = uniform(1, {4, 3, 2});
  const Tensor rows = tensor({3, 1}, {1, -1, 1}, DType::i64);
  for (const std::string k : {"set", "sum", "prod", "max", "min"})
    check({Op::scatter_nd, {x, rows, uniform(2, {3, 3, 2})}, {kind(k)}}, 1e-6);
  const Tensor points = tensor({2, 2, 3}, {0, 1, 1, 3, 2, 0, 0, 1, 1, 2, -1, -1}, DType::i32);
  check({Op::scatter_nd, {x, points, uniform(3, {2, 2})}, {kind("sum")}}, 1e-6);
  const auto out =
      check({Op::scatter_nd,
             {tensor({3}, {1, 2, 3}), tensor({2, 1}, {2, 2}, DType::i64), tensor({2}, {8, 9})},
             {kind("set")}});
  expect_close(out[0], {3}, {1, 2, 9});
  expect_failure(
      {Op::scatter_nd, {x, tensor({1, 1}, {4}, DType::i64), uniform(2, {1, 3, 2})}, {kind("set")}});
}

TEST(scatter_nd, refuses_what_does_not_fit) {
  const Tensor x = uniform(1, {4, 3});
  const Tensor rows = tensor({2, 1}, {1, 0}, DType::i64);
  expect_bad({Op::scatter_nd, {x, rows, uniform(1, {2, 3})}, {kind("mean")}}, "scatter_nd.C2");
  expect_bad({Op::scatter_nd, {x, uniform(1, {2, 1}), uniform(1, {2, 3})}, {kind("set")}},
             "scatter_nd.C3");
  expect_bad({Op::scatter_nd, {x, rows, uniform(1, {2, 3}, 0, 1, DType::f64)}, {kind("set")}},
             "scatter_nd.C4");
  expect_bad(
      {Op::scatter_nd, {x, uniform(1, {1, 3}, 0, 1, DType::i64), uniform(1, {1})}, {kind("set")}},
      "scatter_nd.C5");
  expect_bad({Op::scatter_nd, {x, rows, uniform(1, {2, 4})}, {kind("set")}}, "scatter_nd.C6");
}

TEST(dynamic_update_slice, clamps_its_starts) {
  const Tensor x = tensor({5}, {1, 2, 3, 4, 5}), u = tensor({2}, {8, 9});
  const auto start = [](double v) { return tensor({}, {v}, DType::i64); };
  expect_close(check({Op::dynamic_update_slice, {x, u, start(1)}})[0], {5}, {1, 8, 9, 4, 5});
  expect_close(check({Op::dynamic_update_slice, {x, u, start(9)}})[0], {5}, {1, 2, 3, 8, 9});
  expect_close(check({Op::dynamic_update_slice, {x, u, start(-3)}})[0], {5}, {8, 9, 3, 4, 5});
  check({Op::dynamic_update_slice, {uniform(1, {3, 4}), uniform(2, {2, 3}), start(1), start(0)}});
  expect_bad({Op::dynamic_update_slice, {u, x, start(1)}}, "dynamic_update_slice.C1");
  expect_bad({Op::dynamic_update_slice, {uniform(1, {2, 2}), uniform(1, {1, 1}), start(1)}},
             "dynamic_update_slice.C2");
}

// ---- data-dependent results

std::function<ir::Type(ir::Context&)> ints_type(Ints shape) {
  return [shape](ir::Context& c) {
    std::vector<Expr> extents;
    for (int64_t n : shape) extents.push_back(c.i64(n));
    return c.tensor(DType::i64, extents);
  };
}

TEST(nonzero, lists_indices_row_major) {
  const Tensor x = tensor({2, 3}, {0, 1, kNan, -0.0, 0, 2});
  expect_close(check({Op::nonzero, {x}, {}, ints_type({2, 3})})[0], {2, 3}, {0, 0, 1, 1, 2, 2});
  const Tensor flags = tensor({4}, {1, 0, 0, 1}, DType::boolean);
  expect_close(check({Op::nonzero, {flags}, {}, ints_type({1, 2})})[0], {1, 2}, {0, 3});
  check({Op::nonzero, {uniform(1, {0, 2})}, {}, ints_type({2, 0})});
  const OpCase longer{Op::nonzero, {x}, {}, ints_type({2, 4})};
  ir::Context c;
  const auto announced = reference(*build_case(c, longer), longer);
  ASSERT_FALSE(announced);
  EXPECT_EQ(announced.error().diagnostics[0].code, "nonzero.count");
  expect_bad({Op::nonzero, {x}, {}, ints_type({1, 3})}, "nonzero.C1");
  expect_bad({Op::nonzero, {x}}, "nonzero.C1");
}

OpCase nms_case(const Tensor& boxes, const Tensor& scores, int64_t limit, double iou, double least,
                int64_t most, bool center = false) {
  return {Op::nms,
          {boxes, scores, tensor({}, {static_cast<double>(limit)}, DType::i64), tensor({}, {iou}),
           tensor({}, {least})},
          {flag(Key::center_point_box, center)},
          [most](ir::Context& c) {
            const ir::Type types[] = {c.tensor(DType::i64, {most, 3}), c.index()};
            return c.tuple(types);
          }};
}

TEST(nms, keeps_the_best_of_overlapping_boxes) {
  const Tensor boxes = tensor({1, 6, 4}, {0, 0,  1, 1,  0, 0.1,  1, 1.1,  0, -0.1, 1, 0.9,
                                          0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100,  1, 101});
  const Tensor scores = tensor({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3});
  auto out = check(nms_case(boxes, scores, 3, 0.5, 0, 6));
  EXPECT_EQ(out[1].get_i(0), 3);
  expect_close(out[0], {6, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1});
  EXPECT_EQ(check(nms_case(boxes, scores, 3, 0.5, 0.4, 6))[1].get_i(0), 2);
  EXPECT_EQ(check(nms_case(boxes, scores, 1, 0.5, 0, 6))[1].get_i(0), 1);
  EXPECT_EQ(check(nms_case(boxes, scores, 0, 0.5, 0, 6))[1].get_i(0), 0);
  EXPECT_EQ(check(nms_case(boxes, scores, 9, 0.5, 0, 2))[1].get_i(0), 2);
}

TEST(nms, of_random_boxes_agrees_with_its_lowering) {
  for (uint32_t seed = 1; seed < 12; ++seed) {
    const Tensor boxes = uniform(seed, {2, 15, 4}, 0, 3);
    Tensor scores = uniform(seed + 100, {2, 3, 15}, 0, 1);
    scores.set_f(3, scores.get_f(7));
    scores.set_f(5, kNan);
    check(nms_case(boxes, scores, 6, 0.3, 0.2, 90, seed % 2 == 0));
  }
}

TEST(nms, refuses_what_does_not_fit) {
  const Tensor boxes = uniform(1, {1, 5, 4}), scores = uniform(2, {1, 2, 5});
  expect_bad(nms_case(uniform(1, {1, 5, 3}), scores, 1, 0, 0, 9), "nms.C1");
  expect_bad(nms_case(boxes, uniform(1, {1, 2, 4}), 1, 0, 0, 9), "nms.C2");
  OpCase k = nms_case(boxes, scores, 1, 0, 0, 9);
  k.in[2] = tensor({1}, {1}, DType::i64);
  expect_bad(k, "nms.C3");
  k = nms_case(boxes, scores, 1, 0, 0, 9);
  k.wanted = nullptr;
  expect_bad(k, "nms.C4");
}

TEST(unique, sorts_or_keeps_the_order) {
  const Tensor x = tensor({6}, {2, 1, 1, 3, 4, 3});
  auto out = check({Op::unique, {x}, {axis(-1), flag(Key::sorted, true)}});
  expect_close(out[0], {6}, {1, 2, 3, 4, 0, 0});
  expect_close(out[1], {6}, {1, 0, 3, 4, 0, 0});
  expect_close(out[2], {6}, {1, 0, 0, 2, 3, 2});
  expect_close(out[3], {6}, {2, 1, 2, 1, 0, 0});
  EXPECT_EQ(out[4].get_i(0), 4);
  out = check({Op::unique, {x}, {axis(-1), flag(Key::sorted, false)}});
  expect_close(out[0], {6}, {2, 1, 3, 4, 0, 0});
  expect_close(out[1], {6}, {0, 1, 3, 4, 0, 0});
  expect_close(out[2], {6}, {0, 1, 1, 2, 3, 2});
}

TEST(unique, compares_slices_along_an_axis) {
  const Tensor x = tensor({3, 2}, {1, 0, 0, 5, 1, 0});
  const auto out = check({Op::unique, {x}, {axis(0), flag(Key::sorted, true)}});
  expect_close(out[0], {3, 2}, {0, 5, 1, 0, 0, 0});
  EXPECT_EQ(out[4].get_i(0), 2);
  for (uint32_t seed = 1; seed < 8; ++seed)
    for (bool sorted : {false, true})
      for (int64_t a : {-1, 0, 1, 2})
        for (DType type : {DType::f32, DType::i64, DType::boolean})
          check({Op::unique,
                 {uniform(seed, {3, 4, 2}, 0, 2, type)},
                 {axis(a), flag(Key::sorted, sorted)}});
  check({Op::unique, {tensor({4}, {kNan, 1, kNan, 1})}, {axis(-1), flag(Key::sorted, true)}});
  check({Op::unique, {uniform(1, {0})}, {axis(-1), flag(Key::sorted, true)}});
  expect_bad({Op::unique, {x}, {axis(2)}}, "unique.C1");
}

// ---- random

std::function<ir::Type(ir::Context&)> reals_type(DType type, Ints shape) {
  return [type, shape](ir::Context& c) {
    std::vector<Expr> extents;
    for (int64_t n : shape) extents.push_back(c.i64(n));
    return c.tensor(type, extents);
  };
}

TEST(random, gives_the_same_for_the_same_key) {
  const Tensor key = tensor({2}, {1234567890123, 42}, DType::u64);
  for (DType type : {DType::f32, DType::f64, DType::f16})
    for (const std::string k : {"uniform", "normal"})
      for (const Ints& shape : {Ints{37}, Ints{3, 5}, Ints{}, Ints{0}})
        check({Op::random, {key}, {kind(k)}, reals_type(type, shape)}, 2e-5);
  const auto u = check({Op::random, {key}, {kind("uniform")}, reals_type(DType::f32, {4000})})[0];
  const auto n =
      check({Op::random, {key}, {kind("normal")}, reals_type(DType::f32, {4000})}, 2e-5)[0];
  double sum = 0, normal_sum = 0, normal_squares = 0;
  for (int64_t i = 0; i < 4000; ++i) {
    EXPECT_GE(u.get_f(i), 0);
    EXPECT_LT(u.get_f(i), 1);
    sum += u.get_f(i);
    normal_sum += n.get_f(i);
    normal_squares += n.get_f(i) * n.get_f(i);
  }
  EXPECT_NEAR(sum / 4000, 0.5, 0.02);
  EXPECT_NEAR(normal_sum / 4000, 0, 0.05);
  EXPECT_NEAR(normal_squares / 4000, 1, 0.08);
}

TEST(random, is_philox) {
  // The known answer of Philox 4x32-10 for a zero counter and key: 6627e8d5 e169c58d bc57ac4c
  // 9b00dbd8.
  const Tensor key = tensor({2}, {0, 0}, DType::u64);
  const auto u = check({Op::random, {key}, {kind("uniform")}, reals_type(DType::f32, {4})})[0];
  const uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(u.get_f(i), (words[i] >> 8) / 16777216.0);
}

TEST(random, refuses_what_does_not_fit) {
  const Tensor key = tensor({2}, {0, 0}, DType::u64);
  expect_bad({Op::random, {uniform(1, {2})}, {kind("uniform")}, reals_type(DType::f32, {4})},
             "random.C1");
  expect_bad({Op::random, {key}, {kind("poisson")}, reals_type(DType::f32, {4})}, "random.C2");
  expect_bad({Op::random, {key}, {kind("uniform")}, reals_type(DType::i32, {4})}, "random.C3");
}

// ---- results of data-dependent extent in a graph

TEST(dynamic_extents, are_bound_to_counts) {
  ir::Context c;
  ir::Function f;
  f.name = "test";
  const Expr x = c.param("x", c.tensor(DType::f32, {2, 3}));
  const Expr flags = c.param("flags", c.tensor(DType::boolean, {3}));
  const Expr boxes = c.param("boxes", c.tensor(DType::f32, {1, 4, 4}));
  const Expr scores = c.param("scores", c.tensor(DType::f32, {1, 2, 4}));
  f.params = {x, flags, boxes, scores};
  const Expr limit = c.imm(c.scalar(DType::i64), 2);
  const auto nonzero = ops::build_nonzero(c, f.bindings, x, "n");
  const auto unique = ops::build_unique(c, f.bindings, x, -1, true, "u");
  const auto rows = ops::build_unique(c, f.bindings, x, 0, false, "r");
  const auto compress = ops::build_compress(c, f.bindings, x, flags, 1, "k");
  const auto flat = ops::build_compress(c, f.bindings, x, flags, -1, "l");
  const auto nms =
      ops::build_nms(c, f.bindings, boxes, scores, limit, nullptr, nullptr, false, "m");
  ASSERT_TRUE(nonzero && unique && rows && compress && flat && nms);
  f.results = {*nonzero, (*unique)[0], (*unique)[3], (*rows)[0], *compress, *flat, *nms};
  const Tensor in[] = {tensor({2, 3}, {0, 5, 5, 0, 5, 5}), tensor({3}, {1, 0, 1}, DType::boolean),
                       uniform(1, {1, 4, 4}), uniform(2, {1, 2, 4})};
  const auto out = run(f, in);
  ASSERT_TRUE(out) << out.error().text();
  expect_close((*out)[0], {2, 4}, {0, 0, 1, 1, 1, 2, 1, 2});
  expect_close((*out)[1], {2}, {0, 5});
  expect_close((*out)[2], {2}, {2, 4});
  expect_close((*out)[3], {1, 3}, {0, 5, 5});
  expect_close((*out)[4], {2, 2}, {0, 5, 0, 5});
  expect_close((*out)[5], {2}, {0, 5});
  EXPECT_LE((*out)[6].shape[0], 4);
  EXPECT_GE((*out)[6].shape[0], 2);
}

}  // namespace
}  // namespace tenon::interp::testing
