#include "runtime/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "runtime/inputs.h"
#include "runtime/memory.h"
#include "runtime/npy.h"
#include "runtime/testing.h"
#include "runtime/thread_pool.h"
#include "support/available_memory.h"

namespace tenon::runtime {
namespace {

template <class T>
std::string code_of(const Result<T>& r) {
  return r ? "" : r.error().diagnostics[0].code;
}

std::shared_ptr<const Model> model_of_inputs() {
  ModelMaker k;
  k.input("ids", {k.symbol("batch"), k.symbol("seq")}, DType::i64);
  k.input("attention_mask", {k.symbol("batch"), k.symbol("seq")});
  k.input("image", {ModelMaker::extent(2), k.symbol("batch")});
  k.input("narrow", {}, DType::bf16);
  return *Model::from(k.m);
}

TEST(Report, summary_of_values_nan_and_nothing) {
  const std::vector<int64_t> dims{3};
  const std::vector<float> v{1, -2, 4};
  const Summary s = summarize({DType::f32, dims, v.data()});
  EXPECT_EQ(s.min, -2);
  EXPECT_EQ(s.mean, 1);
  EXPECT_EQ(s.max, 4);
  const std::vector<float> nan{1, std::numeric_limits<float>::quiet_NaN(), 2};
  EXPECT_TRUE(std::isnan(summarize({DType::f32, dims, nan.data()}).max));
  const std::vector<int64_t> none{0};
  EXPECT_TRUE(std::isnan(summarize({DType::i32, none, nullptr}).min));
}

TEST(Report, short_times_keep_three_digits) {
  EXPECT_EQ(milliseconds(0), "0.000 ms");
  EXPECT_EQ(milliseconds(1.37e-7), "0.000137 ms");
  EXPECT_EQ(milliseconds(5.004e-5), "0.0500 ms");
  EXPECT_EQ(milliseconds(0.01234567), "12.346 ms");
  EXPECT_EQ(milliseconds(75), "75000.000 ms");
}

TEST(Report, text_and_json) {
  const std::vector<int64_t> dims{1, 2};
  const std::vector<int32_t> v{3, 5};
  const std::vector<NamedTensor> all{{"y", {DType::i32, dims, v.data()}}};
  EXPECT_EQ(outputs_text(all), "y  i32  1x2  min 3  mean 4  max 5\n");
  EXPECT_EQ(outputs_json(all),
            R"([{"name": "y", "type": "i32", "shape": [1, 2], "min": 3, "mean": 4, "max": 5}])");
  const Latency l = summarize_latency({3, 1, 2});
  EXPECT_EQ(latency_json(l), R"({"min": 1, "median": 2, "p90": 3, "p99": 3, "count": 3})");
}

TEST(Report, outputs_are_saved_under_safe_names) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_report_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const std::vector<float> v{1};
  const std::vector<NamedTensor> all{{"a/b", {DType::f32, {}, v.data()}},
                                     {"..", {DType::f32, {}, v.data()}}};
  ASSERT_TRUE(save_outputs(all, folder + "/deep/er").has_value());
  EXPECT_TRUE(read_npy(folder + "/deep/er/a_b.npy").has_value());
  EXPECT_TRUE(read_npy(folder + "/deep/er/_...npy").has_value());
  EXPECT_NE(save_outputs(all, "/proc/no").error().text().find("cannot make folder '/proc/no'"),
            std::string::npos);
  const auto in_file = save_outputs(all, folder + "/deep/er/a_b.npy/x");
  EXPECT_NE(in_file.error().text().find("a_b.npy' is a file"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Inputs, options_parse_or_are_refused) {
  EXPECT_EQ(parse_shape_option("x=1x3x4")->dims, (std::vector<int64_t>{1, 3, 4}));
  EXPECT_EQ(parse_shape_option("x=7")->dims, (std::vector<int64_t>{7}));
  EXPECT_TRUE(parse_shape_option("x=scalar")->dims.empty());
  for (const char* bad :
       {"x", "=3", "x=", "x=1xx2", "x=-1", "x=a", "x=1x", "x=9223372036854775807"})
    EXPECT_EQ(code_of(parse_shape_option(bad)), "usage") << bad;
  EXPECT_EQ(parse_input_option("x=a=b.npy")->path, "a=b.npy");
  EXPECT_EQ(code_of(parse_input_option("x")), "usage");
  EXPECT_EQ(parse_fill_option("random:7")->seed, 7u);
  EXPECT_FALSE(parse_fill_option("zeros")->random);
  EXPECT_EQ(code_of(parse_fill_option("ones")), "usage");
}

TEST(Inputs, shapes_follow_options_and_default_to_one) {
  const auto model = model_of_inputs();
  InputOptions o;
  o.fill = Fill{true, 1};
  o.shapes = {{"ids", {2, 5}}};
  const auto made = make_inputs(*model, o, 1);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ((*made)[0].dims, (std::vector<int64_t>{2, 5}));
  EXPECT_EQ((*made)[1].dims, (std::vector<int64_t>{2, 5}));
  EXPECT_EQ((*made)[2].dims, (std::vector<int64_t>{2, 2}));
  for (size_t i = 0; i < 10; ++i) {
    const int64_t id = artifact::load_int(DType::i64, &(*made)[0].bytes[i * 8]);
    EXPECT_GE(id, 0);
    EXPECT_LT(id, 100);
    EXPECT_EQ(artifact::load_double(DType::f32, &(*made)[1].bytes[i * 4]), 1);
  }
  EXPECT_EQ((*made)[0].bytes, (*make_inputs(*model, o, 1))[0].bytes);
  o.shapes = {{"seq", {3}}};
  EXPECT_EQ((*make_inputs(*model, o, 1))[0].dims, (std::vector<int64_t>{1, 3}));
}

TEST(Inputs, files_are_read_and_narrowed) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_inputs_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const float v = 2.5F;
  ASSERT_TRUE(write_npy(folder + "/n.npy", {DType::f32, {}, &v}).has_value());
  InputOptions o;
  o.fill = Fill{};
  o.files = {{"narrow", folder + "/n.npy"}};
  const auto made = make_inputs(*model_of_inputs(), o, 1);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ((*made)[3].dtype, DType::bf16);
  EXPECT_EQ(artifact::load_double(DType::bf16, (*made)[3].bytes.data()), 2.5);
  std::filesystem::remove_all(folder);
}

TEST(Inputs, mistakes_are_named) {
  const auto model = model_of_inputs();
  const auto code = [&](InputOptions o) { return code_of(make_inputs(*model, o, 1)); };
  EXPECT_EQ(code({}), "run.missing_input");
  EXPECT_EQ(code({.files = {{"idss", "x.npy"}}, .shapes = {}, .fill = {}}), "run.input_name");
  EXPECT_EQ(code({.files = {{"ids", "/no/x.npy"}}, .shapes = {}, .fill = {}}), "file.open");
  EXPECT_EQ(code({.files = {}, .shapes = {{"sequ", {3}}}, .fill = {}}), "run.shape_name");
  EXPECT_EQ(code({.files = {}, .shapes = {{"ids", {3}}}, .fill = {}}), "run.rank");
  EXPECT_EQ(code({.files = {}, .shapes = {{"image", {3, 1}}}, .fill = {}}), "run.extent");
  InputOptions twice;
  EXPECT_TRUE(add_shape_option(twice, "batch=4").has_value());
  EXPECT_EQ(code_of(add_shape_option(twice, "batch=5")), "usage");
  EXPECT_TRUE(add_input_option(twice, "ids=a.npy").has_value());
  EXPECT_EQ(code_of(add_input_option(twice, "ids=b.npy")), "usage");
}

TEST(Inputs, contradictions_are_refused) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_inputs_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const std::vector<float> values(10);
  const std::vector<int64_t> dims{2, 5};
  ASSERT_TRUE(write_npy(folder + "/i.npy", {DType::f32, dims, values.data()}).has_value());
  const auto model = model_of_inputs();
  const auto with = [&](std::vector<InputOptions::Shape> shapes) {
    InputOptions o;
    o.fill = Fill{};
    o.files = {{"image", folder + "/i.npy"}};  // batch is 5
    o.shapes = std::move(shapes);
    return make_inputs(*model, o, 1);
  };
  ASSERT_TRUE(with({}).has_value());
  EXPECT_TRUE(with({{"batch", {5}}, {"ids", {5, 3}}, {"image", {2, 5}}}).has_value());
  const auto symbol = with({{"batch", {4}}});
  EXPECT_EQ(symbol.error().text(),
            "--shape batch=4 gives 'batch' the value 4, but --input image gives it the value 5; "
            "leave one out or make them agree [run.symbol]");
  EXPECT_EQ(code_of(with({{"ids", {4, 3}}})), "run.symbol");
  EXPECT_EQ(code_of(with({{"seq", {2}}, {"ids", {5, 3}}})), "run.symbol");
  EXPECT_EQ(code_of(with({{"image", {2, 6}}})), "run.extent");
  std::filesystem::remove_all(folder);
}

TEST(Inputs, extents_of_zero_are_given_like_others) {
  const auto model = model_of_inputs();
  const auto with = [&](std::vector<InputOptions::Shape> shapes) {
    return make_inputs(*model, {.files = {}, .shapes = std::move(shapes), .fill = Fill{}}, 1);
  };
  const auto made = with({{"batch", {0}}, {"seq", {4}}});
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ((*made)[0].dims, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ((*made)[2].dims, (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(code_of(with({{"ids", {0, 4}}, {"batch", {3}}})), "run.symbol");
  EXPECT_EQ(code_of(with({{"batch", {2, 3}}})), "run.shape_name");
}

TEST(Inputs, one_name_may_stand_for_axes_that_need_not_be_equal) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_inputs_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const std::vector<float> values(5);
  for (const int64_t n : {0, 4, 5}) {
    const std::vector<int64_t> dims{n};
    const std::string path = folder + "/" + std::to_string(n) + ".npy";
    ASSERT_TRUE(write_npy(path, {DType::f32, dims, values.data()}).has_value());
  }
  ModelMaker k;
  k.input("a", {k.symbol("n")});
  k.m.symbols.push_back("n");
  k.input("b", {{"n", 1, -1}});
  const auto model = *Model::from(k.m);
  /// The extents of a and b, from files for either (-1: none) and --shape n (-1: none).
  const auto extents = [&](int64_t a, int64_t b, int64_t n) {
    InputOptions o;
    o.fill = Fill{};
    if (a >= 0) o.files.push_back({"a", folder + "/" + std::to_string(a) + ".npy"});
    if (b >= 0) o.files.push_back({"b", folder + "/" + std::to_string(b) + ".npy"});
    if (n >= 0) o.shapes.push_back({"n", {n}});
    const auto made = make_inputs(*model, o, 1);
    return made ? std::vector<int64_t>{(*made)[0].dims[0], (*made)[1].dims[0]}
                : std::vector<int64_t>{};
  };
  using V = std::vector<int64_t>;
  EXPECT_EQ(extents(-1, -1, -1), (V{1, 1}));
  EXPECT_EQ(extents(-1, -1, 3), (V{3, 3}));
  EXPECT_EQ(extents(-1, -1, 0), (V{0, 0}));
  EXPECT_EQ(extents(5, -1, -1), (V{5, 5}));
  EXPECT_EQ(extents(-1, 5, -1), (V{5, 5}));
  EXPECT_EQ(extents(0, -1, -1), (V{0, 0}));
  EXPECT_EQ(extents(5, -1, 3), (V{5, 3}));
  EXPECT_EQ(extents(0, -1, 3), (V{0, 3}));
  EXPECT_EQ(extents(5, 4, -1), (V{5, 4}));
  EXPECT_EQ(extents(5, 4, 4), (V{5, 4}));
  EXPECT_EQ(extents(5, 4, 5), (V{5, 4}));
  EXPECT_EQ(extents(5, 4, 3), V{});
  std::filesystem::remove_all(folder);
}

TEST(Inputs, a_run_needs_its_arena_its_scratch_and_made_up_inputs) {
  ModelMaker k;
  k.input("x", {ModelMaker::extent(5)});
  const uint32_t bytes = k.reg(100);
  k.stage({bytes});
  k.launch("f", nullptr, {}, {}, bytes, k.reg(1000));
  const auto model = *Model::from(k.m);
  InputPlan plan = *plan_inputs(*model, {.files = {}, .shapes = {}, .fill = Fill{}});
  EXPECT_EQ(*run_need(*model, plan, plan.dims(), 1), 128U + 1000 + 20);
  EXPECT_EQ(*run_need(*model, plan, plan.dims(), 3), 128U + 3000 + 20);
  EXPECT_EQ(*run_need(*model, plan, plan.dims(), 0),
            128U + 1000U * static_cast<unsigned>(default_threads()) + 20);
  plan.loaded[0] = true;
  EXPECT_EQ(*run_need(*model, plan, plan.dims(), 1), 128U + 1000);
}

TEST(Inputs, a_model_without_symbols_lists_its_inputs) {
  ModelMaker k;
  k.input("x", {ModelMaker::extent(2), ModelMaker::extent(3)});
  const auto made =
      make_inputs(**Model::from(k.m), {.files = {}, .shapes = {{"batch", {1}}}, .fill = Fill{}}, 1);
  EXPECT_EQ(made.error().text(),
            "--shape: the model has no input or symbol 'batch'; its inputs are x (2x3), and their "
            "sizes are fixed [run.shape_name]");
}

TEST(Inputs, indices_stay_below_the_extent_that_they_index) {
  ModelMaker k;
  k.input("ids", {ModelMaker::extent(200)}, DType::i64);
  k.input("table", {k.symbol("rows")});
  k.m.inputs[0].below = k.op(artifact::SizeOpCode::input_extent, 1, 0);
  k.stage();
  const auto made = make_inputs(**Model::from(k.m),
                                {.files = {}, .shapes = {{"rows", {3}}}, .fill = Fill{true, 1}}, 1);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  bool two = false;
  for (size_t i = 0; i < 200; ++i) {
    const int64_t id = artifact::load_int(DType::i64, &(*made)[0].bytes[i * 8]);
    EXPECT_GE(id, 0);
    EXPECT_LT(id, 3);
    two = two || id == 2;
  }
  EXPECT_TRUE(two);
}

/// x [n, m] and an arena of k times its bytes, with scratch.
artifact::Model large_model() {
  ModelMaker k;
  k.input("x", {k.symbol("n"), k.symbol("m")});
  const uint32_t n = k.op(artifact::SizeOpCode::input_extent, 0, 0);
  const uint32_t m = k.op(artifact::SizeOpCode::input_extent, 0, 1);
  const uint32_t nm = k.op(artifact::SizeOpCode::bytes, n, m);
  const uint32_t bytes = k.op(artifact::SizeOpCode::bytes, nm, k.reg(40));
  k.stage({bytes});
  return k.m;
}

TEST(Inputs, memory_is_computed_before_it_is_taken) {
  const auto model = *Model::from(large_model());
  const auto refusal = [&](int64_t n, int64_t m) {
    const auto made = make_inputs(
        *model, {.files = {}, .shapes = {{"n", {n}}, {"m", {m}}}, .fill = Fill{true, 1}}, 1);
    return made ? "" : made.error().text();
  };
  EXPECT_EQ(refusal(10, 20), "");
  const auto far = refusal(int64_t{1} << 40, 2);
  EXPECT_NE(far.find("needs 88.0 TB"), std::string::npos) << far;
  EXPECT_NE(far.find("are available"), std::string::npos) << far;
  EXPECT_NE(far.find("the extent 'n' of 1099511627776"), std::string::npos) << far;
  EXPECT_NE(refusal(3, int64_t{1} << 38).find("the extent 'm' of"), std::string::npos);
  EXPECT_NE(refusal(int64_t{1} << 30, int64_t{1} << 29).find("more memory than any machine has"),
            std::string::npos);
  // Sizes that leave 63 bits, and shapes whose amount is 0 while a product in them is not.
  EXPECT_NE(refusal(int64_t{1} << 47, int64_t{1} << 47), "");
  EXPECT_EQ(refusal(0, int64_t{1} << 40), "");
}

TEST(Footprint, later_allocations_are_checked_too) {
  Memory memory;
  EXPECT_FALSE(memory.reserve(available_memory() + (uint64_t{64} << 20)));
  EXPECT_TRUE(memory.reserve(uint64_t{64} << 20));
}

}  // namespace
}  // namespace tenon::runtime
