#include "runtime/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "runtime/inputs.h"
#include "runtime/npy.h"
#include "runtime/testing.h"

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
  EXPECT_FALSE(save_outputs(all, "/proc/no").has_value());
  std::filesystem::remove_all(folder);
}

TEST(Inputs, options_parse_or_are_refused) {
  EXPECT_EQ(parse_shape_option("x=1x3x4")->dims, (std::vector<int64_t>{1, 3, 4}));
  EXPECT_EQ(parse_shape_option("x=7")->dims, (std::vector<int64_t>{7}));
  EXPECT_TRUE(parse_shape_option("x=scalar")->dims.empty());
  for (const char* bad : {"x", "=3", "x=", "x=1xx2", "x=-1", "x=a", "x=1x"})
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
  const auto made = make_inputs(*model, o);
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
  EXPECT_EQ((*made)[0].bytes, (*make_inputs(*model, o))[0].bytes);
  o.shapes = {{"seq", {3}}};
  EXPECT_EQ((*make_inputs(*model, o))[0].dims, (std::vector<int64_t>{1, 3}));
}

TEST(Inputs, files_are_read_and_narrowed) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_inputs_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const float v = 2.5F;
  ASSERT_TRUE(write_npy(folder + "/n.npy", {DType::f32, {}, &v}).has_value());
  InputOptions o;
  o.fill = Fill{};
  o.files = {{"narrow", folder + "/n.npy"}};
  const auto made = make_inputs(*model_of_inputs(), o);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ((*made)[3].dtype, DType::bf16);
  EXPECT_EQ(artifact::load_double(DType::bf16, (*made)[3].bytes.data()), 2.5);
  std::filesystem::remove_all(folder);
}

TEST(Inputs, mistakes_are_named) {
  const auto model = model_of_inputs();
  const auto code = [&](InputOptions o) { return code_of(make_inputs(*model, o)); };
  EXPECT_EQ(code({}), "run.missing_input");
  EXPECT_EQ(code({.files = {{"idss", "x.npy"}}, .shapes = {}, .fill = {}}), "run.input_name");
  EXPECT_EQ(code({.files = {{"ids", "/no/x.npy"}}, .shapes = {}, .fill = {}}), "file.open");
  EXPECT_EQ(code({.files = {}, .shapes = {{"sequ", {3}}}, .fill = {}}), "run.shape_name");
  EXPECT_EQ(code({.files = {}, .shapes = {{"ids", {3}}}, .fill = {}}), "run.rank");
}

}  // namespace
}  // namespace tenon::runtime
