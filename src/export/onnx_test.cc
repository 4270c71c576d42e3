// What the tests from outside (test/export_test.py) do not reach: constants beside the model, and
// graphs that no ONNX model imports as.
#include "export/onnx.h"

#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "frontend/onnx/import.h"

namespace tenon::onnx_export {
namespace {

compiler::Compilation compiled(const std::string& text) {
  compiler::Source source{"given.tir", std::as_bytes(std::span(text)), compiler::Format::text};
  auto model = compiler::read(source);
  EXPECT_TRUE(model.has_value()) << model.error().text();
  auto result = compiler::optimize(*std::move(model), {});
  EXPECT_TRUE(result.has_value()) << result.error().text();
  return *std::move(result);
}

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tenon-export-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

onnx::ModelProto read_model(const std::filesystem::path& path) {
  onnx::ModelProto model;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(model.ParseFromIstream(&file));
  return model;
}

std::string large_constant(size_t count) {
  std::string list;
  for (size_t i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + std::to_string(i);
  return list;
}

TEST(Export, large_constants_go_beside_the_model) {
  const Folder folder;
  const std::string size = "20000";
  const auto compilation = compiled(
      "model @m[n](x: f32[n, " + size + "]) -> (y) {\n  w = constant [" + large_constant(20000) +
      "] : f32[" + size + "]\n  b = broadcast(w) {dims = [1]} : f32[n, " + size +
      "]\n  y = add(x, b) : f32[n, " + size + "]\n  return y\n}\n");
  const std::string path = folder.path / "m.onnx";
  ASSERT_TRUE(write_onnx(compilation, {}, path, /*most_in_file=*/1000).has_value());
  const onnx::ModelProto model = read_model(path);
  ASSERT_EQ(model.graph().initializer_size(), 1);
  EXPECT_TRUE(model.graph().initializer(0).raw_data().empty());
  EXPECT_EQ(std::filesystem::file_size(path + ".data"), 80000U);
  // The importer finds them again.
  EXPECT_TRUE(onnx_import::import_file(path, {}).has_value());
}

TEST(Export, kernels_with_equal_bodies_share_a_function) {
  const Folder folder;
  const auto compilation = compiled(
      "model @m[n](x: f32[n, 8], w: f32[8, 8]) -> (y) {\n"
      "  a = dot(x, w) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [0]} : f32[n, "
      "8]\n"
      "  b = dot(a, w) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [0]} : f32[n, "
      "8]\n"
      "  return b\n}\n");
  const std::string path = folder.path / "m.onnx";
  ASSERT_TRUE(write_onnx(compilation, {}, path).has_value());
  const onnx::ModelProto model = read_model(path);
  EXPECT_EQ(model.graph().node_size(), 2);
  EXPECT_EQ(model.functions_size(), 1);
}

TEST(Export, facts_stand_at_their_nodes) {
  const Folder folder;
  const auto compilation =
      compiled("model @m[n](x: f32[n]) -> (y) {\n  y = exp(x) : f32[n]\n  return y\n}\n");
  const std::string path = folder.path / "m.onnx";
  ASSERT_TRUE(
      write_onnx(compilation, {{compilation.function.results[0], {{"time_us", "12"}}}}, path)
          .has_value());
  const onnx::ModelProto model = read_model(path);
  std::set<std::string> found;
  for (const auto& entry : model.graph().node(0).metadata_props())
    found.insert(entry.key() + "=" + entry.value());
  EXPECT_TRUE(found.contains("time_us=12"));
  EXPECT_TRUE(found.contains("kernel=exp"));
}

}  // namespace
}  // namespace tenon::onnx_export
