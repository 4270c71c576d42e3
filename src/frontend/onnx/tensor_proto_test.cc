// Tensor data: raw, typed and external; every size against what the file holds.
#include "frontend/onnx/tensor_proto.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "frontend/onnx/test_model.h"
#include "ops/unpacked.h"

namespace tenon::onnx_import::testing {
namespace {

namespace fs = std::filesystem;

std::string error_of(TensorProto tensor, ExternalFiles* files = nullptr) {
  const auto data = take_tensor(tensor, files);
  return data ? "" : data.error().text();
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << (text)

TEST(TensorProto, raw_data_is_moved_not_copied) {
  TensorProto t;
  t.set_data_type(TensorProto::FLOAT);
  t.add_dims(2);
  const float values[] = {1.5F, -2};
  t.set_raw_data(values, sizeof values);
  const auto data = take_tensor(t, nullptr);
  ASSERT_TRUE(data);
  EXPECT_EQ(reinterpret_cast<const float*>(data->bytes)[1], -2);
  EXPECT_FALSE(t.has_raw_data());
}

TEST(TensorProto, typed_fields_are_decoded) {
  TensorProto t;
  t.set_data_type(TensorProto::FLOAT16);
  t.add_dims(1);
  t.add_int32_data(0x3c00);
  auto data = take_tensor(t, nullptr);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->size, 2U);
  TensorProto b;
  b.set_data_type(TensorProto::BOOL);
  b.add_dims(2);
  b.add_int32_data(7);
  b.add_int32_data(0);
  data = take_tensor(b, nullptr);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->bytes[0], std::byte{1});
}

TEST(TensorProto, packed_types_stay_packed) {
  TensorProto t;
  t.set_data_type(TensorProto::INT4);
  t.add_dims(3);
  t.set_raw_data(std::string("\x7f\x08", 2));  // -1, 7, -8
  const auto data = take_tensor(t, nullptr);
  ASSERT_TRUE(data);
  ASSERT_EQ(data->size, 2U);
  const ops::Tensor values = ops::unpacked(data->dtype, data->shape, data->bytes);
  EXPECT_EQ(values.get_i(0), -1);
  EXPECT_EQ(values.get_i(1), 7);
  EXPECT_EQ(values.get_i(2), -8);
}

TEST(TensorProto, sizes_must_match) {
  EXPECT_CONTAINS(error_of(float_tensor("w", {3}, {1, 2})),
                  "dims need 3 elements, data holds 2 [onnx.tensor_size]");
  TensorProto raw = float_tensor("w", {3}, {});
  raw.set_raw_data("1234567");
  EXPECT_CONTAINS(error_of(raw), "dims need 12 bytes, data holds 7");
  EXPECT_CONTAINS(error_of(float_tensor("w", {int64_t{1} << 40, int64_t{1} << 40}, {})),
                  "overflows");
  EXPECT_CONTAINS(error_of(float_tensor("w", {int64_t{1} << 40}, {1})), "data holds 1");
  EXPECT_CONTAINS(error_of(float_tensor("w", {-1}, {1})), "negative");
  EXPECT_EQ(error_of(float_tensor("w", {0, 5}, {})), "");
}

TEST(TensorProto, element_types_must_be_known) {
  TensorProto t = float_tensor("w", {1}, {1});
  t.set_data_type(TensorProto::STRING);
  EXPECT_CONTAINS(error_of(t), "elements of type STRING");
  t.set_data_type(12345);
  EXPECT_CONTAINS(error_of(t), "data type 12345");
}

class External : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("tenon_external_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "inside");
    const float values[] = {1, 2, 3, 4};
    std::ofstream(folder_ / "inside" / "w.bin", std::ios::binary)
        .write(reinterpret_cast<const char*>(values), sizeof values);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static TensorProto tensor(const std::string& location, const std::string& offset = "",
                            const std::string& length = "", int64_t count = 2) {
    TensorProto t = float_tensor("w", {count}, {});
    t.set_data_location(TensorProto::EXTERNAL);
    const auto add = [&](const std::string& key, const std::string& value) {
      if (value.empty()) return;
      auto* entry = t.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    add("location", location);
    add("offset", offset);
    add("length", length);
    return t;
  }
  fs::path folder_;
};

TEST_F(External, data_is_referenced_in_the_mapped_file) {
  ExternalFiles files(folder_ / "inside");
  TensorProto t = tensor("w.bin", "8", "8");
  const auto data = take_tensor(t, &files);
  ASSERT_TRUE(data) << data.error().text();
  EXPECT_EQ(reinterpret_cast<const float*>(data->bytes)[0], 3);
  const auto file = files.open("w.bin");
  ASSERT_TRUE(file);
  EXPECT_EQ(data->bytes, (*file)->bytes().data() + 8);
}

TEST_F(External, ranges_must_lie_in_the_file) {
  ExternalFiles files(folder_ / "inside");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "12"), &files), "which has 16 [onnx.external_data]");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "18446744073709551615"), &files), "which has 16");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "18446744073709551616"), &files),
                  "not a count of bytes");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "-4"), &files), "not a count of bytes");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "0", "4"), &files), "its dims need 8");
  EXPECT_CONTAINS(error_of(tensor("w.bin", "0", "", 1LL << 40), &files), "which has 16");
}

TEST_F(External, paths_must_stay_in_the_folder) {
  std::ofstream(folder_ / "secret.bin") << "12345678";
  fs::create_symlink(folder_ / "secret.bin", folder_ / "inside" / "link.bin");
  fs::create_directory_symlink(folder_, folder_ / "inside" / "up");
  fs::create_hard_link(folder_ / "secret.bin", folder_ / "inside" / "hard.bin");
  ExternalFiles files(folder_ / "inside");
  EXPECT_CONTAINS(error_of(tensor("../secret.bin"), &files), "leads out of the model's folder");
  EXPECT_CONTAINS(error_of(tensor("a/../../secret.bin"), &files),
                  "leads out of the model's folder");
  EXPECT_CONTAINS(error_of(tensor((folder_ / "secret.bin").string()), &files), "absolute");
  EXPECT_CONTAINS(error_of(tensor("link.bin"), &files), "symbolic link");
  EXPECT_CONTAINS(error_of(tensor("up/secret.bin"), &files), "through a link");
  EXPECT_CONTAINS(error_of(tensor("hard.bin"), &files), "hard links");
  EXPECT_CONTAINS(error_of(tensor(""), &files), "has no name");
  EXPECT_CONTAINS(error_of(tensor(std::string("w.bin\0x", 7)), &files), "zero byte");
  EXPECT_CONTAINS(error_of(tensor("missing.bin"), &files), "missing.bin");
  EXPECT_CONTAINS(error_of(tensor("."), &files), "not a regular file");
  EXPECT_CONTAINS(error_of(tensor("w.bin")), "not possible here");
}

TEST_F(External, tensor_files_of_other_kinds_are_refused) {
  std::ofstream(folder_ / "t.pb", std::ios::binary)
      << float_tensor("t", {2}, {1, 2}).SerializeAsString();
  const auto tensor = read_tensor_file(folder_ / "t.pb");
  ASSERT_TRUE(tensor) << tensor.error().text();
  EXPECT_EQ(tensor->get_f(1), 2);
  // An optional: its element type (field 2) and the tensor (field 3).
  const std::string held = float_tensor("t", {2}, {1, 2}).SerializeAsString();
  std::ofstream(folder_ / "o.pb", std::ios::binary)
      << std::string("\x10\x01\x1a", 3) << static_cast<char>(held.size()) << held;
  EXPECT_FALSE(read_tensor_file(folder_ / "o.pb"));
  EXPECT_FALSE(read_tensor_file(folder_ / "none.pb"));
}

}  // namespace
}  // namespace tenon::onnx_import::testing
