// The compiler as a library: sources, options, what it tells its caller, and how it ends early.
#include "compiler/compiler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <new>
#include <set>

#include "compiler/contain.h"
#include "compiler/session.h"
#include "runtime/executor.h"

namespace tenon::compiler {
namespace {

const char* const kModel = R"(model @main[n](x: f32[n, 4]) -> (y) {
  t0 = exp(x) : f32[n, 4]
  return t0
})";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Source text_source(std::string_view text) { return {"given", bytes_of(text), Format::text}; }

std::string code_of(const Error& error) { return error.diagnostics.at(0).code; }

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : code_of(result.error());
}

TEST(Compiler, bytes_and_file_give_the_same_model) {
  const std::string path = ::testing::TempDir() + "compiler_test.tir";
  std::ofstream(path) << kModel;
  const Result<artifact::Model> a = compile(text_source(kModel), {});
  const Result<artifact::Model> b = compile(Source::file(path), {});
  std::filesystem::remove(path);
  ASSERT_TRUE(a) << a.error().text();
  ASSERT_TRUE(b) << b.error().text();
  EXPECT_TRUE(std::equal(a->code.begin(), a->code.end(), b->code.begin(), b->code.end()));

  auto model = runtime::Model::from(*a);
  ASSERT_TRUE(model) << model.error().text();
  auto executor = runtime::Executor::create(*model, 1);
  ASSERT_TRUE(executor) << executor.error().text();
  const std::vector<float> x{0, 1, -1, 2};
  const std::vector<int64_t> shape{1, 4};
  ASSERT_TRUE((*executor)->set_input(size_t{0}, {artifact::DType::f32, shape, x.data()}));
  ASSERT_TRUE((*executor)->run());
  const auto* y = static_cast<const float*>((*executor)->output(0).data);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], std::exp(x[i]), 1e-5);
}

TEST(Compiler, refusals_name_what_was_given) {
  EXPECT_EQ(code_of(compile(text_source("model @main("), {})), "text.syntax");
  EXPECT_EQ(code_of(compile({"given", bytes_of("no model")}, {})), "onnx.parse");
  EXPECT_EQ(code_of(compile(Source::file("absent.onnx"), {})), "file.open");
  EXPECT_EQ(code_of(compile(Source::file("x.tenon"), {})), "model.compiled");
  EXPECT_EQ(code_of(compile(text_source(kModel), {.target = "vax"})), "target.unknown");
  EXPECT_EQ(code_of(compile(text_source(kModel), {.precision = "f8"})), "precision.unsupported");
  EXPECT_EQ(code_of(compile(text_source(kModel), {.passes = {.disabled = {"polish"}}})),
            "pass.unknown");
  EXPECT_EQ(code_of(compile(text_source(kModel), {.passes = {.disabled = {"fuse"}}})),
            "pass.required");
}

TEST(Compiler, progress_names_passes_and_counts_kernels) {
  std::vector<std::string> seen;
  size_t most = 0;
  Options options;
  options.progress = [&](std::string_view what, size_t done, size_t total) {
    seen.emplace_back(what);
    EXPECT_LE(done, total);
    most = std::max(most, done);
  };
  ASSERT_TRUE(compile(text_source(kModel), options));
  const std::set<std::string> names(seen.begin(), seen.end());
  for (const char* name : {"read", "fuse", "compile kernels", "package"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_EQ(most, 1U);
}

TEST(Compiler, stops_where_it_is_when_asked) {
  for (const char* at : {"read", "fuse", "compile kernels", "package"}) {
    std::stop_source stop;
    std::vector<std::string> after;
    Options options;
    options.stop = stop.get_token();
    options.progress = [&](std::string_view what, size_t, size_t) {
      if (stop.stop_requested()) after.emplace_back(what);
      if (what == at) stop.request_stop();
    };
    const auto result = compile(text_source(kModel), options);
    EXPECT_TRUE(after.empty()) << at << " is followed by " << after[0];
    // What asks in the last place comes too late.
    EXPECT_EQ(code_of(result), at == std::string_view("package") ? "" : "compile.stopped") << at;
  }
  std::stop_source before;
  before.request_stop();
  Options options;
  options.stop = before.get_token();
  EXPECT_EQ(code_of(compile(text_source(kModel), options)), "compile.stopped");
}

TEST(Compiler, a_broken_invariant_is_an_error_of_the_call) {
  const auto broken = contain([]() -> Status {
    TENON_CHECK(2 < 1, "the graph");
    return {};
  });
  ASSERT_FALSE(broken);
  EXPECT_EQ(code_of(broken.error()), "internal.invariant");
  EXPECT_NE(broken.error().text().find("2 < 1 at "), std::string::npos);
  EXPECT_NE(broken.error().text().find("please report it"), std::string::npos);

  const auto starved = contain([]() -> Result<int> { throw std::bad_alloc(); });
  EXPECT_EQ(code_of(starved), "compile.memory");
  EXPECT_EQ(contain([]() -> Result<int> { return 3; }), 3);

  // A graph that no frontend makes: a result without a node.
  ImportedModel model{std::make_shared<ir::Context>(), {}};
  model.function.name = "broken";
  const ir::Expr x = model.context->param("x", model.context->tensor(ir::DType::f32, {}));
  model.function.results = {x};  // and no such param
  model.function.result_names = {"y"};
  EXPECT_EQ(code_of(compile(std::move(model), {})), "internal.invariant");
}

TEST(Compiler, a_session_of_a_file_that_cannot_be_opened_says_so) {
  EXPECT_EQ(code_of(open("absent.tenon", {})), "file.open");
  EXPECT_EQ(code_of(open("absent.onnx", {.target = "vax"})), "target.unknown");
  EXPECT_EQ(code_of(open("absent.onnx", {}, /*use_cache=*/false)), "file.open");
}

}  // namespace
}  // namespace tenon::compiler
