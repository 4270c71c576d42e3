#include "artifact/file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "support/file.h"
#include "support/hash.h"

namespace tenon::artifact {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "tenon_artifact_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/m.tenon";
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  static Model sample() {
    static const std::vector<std::byte> code(100, std::byte{0xc3});
    static const std::vector<std::byte> weights(300, std::byte{7});
    Model m;
    m.name = "sample";
    m.producer = "test";
    m.target = "x86-64-v3";
    m.precision = "f32";
    m.symbols = {"batch"};
    m.inputs = {{"x", DType::f32, {{"batch", 0, -1}, {"4", kNone, 4}}},
                {"k", DType::f32, {{"75", kNone, 75}}, kNone, 1}};
    m.outputs = {{"y", DType::f32, {{"batch", 0}, {"4", 1}}, 1}};
    m.kernels = {{"relu", "relu", "batch x 4", "key", 2, kNone}};
    m.entries = {{"k0", 0}, {"k1", 50}};
    m.registers = {0, 4, 0, 1, 0};
    m.size_ops = {{SizeOpCode::input_extent, DType::i64, 0, 0, 0, 0, 0},
                  {SizeOpCode::mul, DType::i64, 0, 2, 0, 1, 0}};
    m.stages = {{0, 2, 0, 1, 0}};
    m.blocks = {2};
    m.slots = {
        {SlotKind::input, 0, kNone}, {SlotKind::arena, 0, 4}, {SlotKind::constant, 1, kNone}};
    m.calls = {{0, 2, 0, 1}};
    m.buffer_list = {0, 1};
    m.register_list = {0};
    m.steps = {{StepKind::stage}, {StepKind::launch, 0, 1, 3, 4, 0}};
    m.messages = {"broken"};
    m.code = code;
    m.constants = {{weights.data(), 5}, {weights.data(), 300}, {weights.data(), 0}};
    return m;
  }

  std::vector<std::byte> written(const Model& m) {
    EXPECT_TRUE(write(m, path_).has_value());
    const auto file = MappedFile::open(path_);
    const auto bytes = (*file)->bytes();
    return {bytes.begin(), bytes.end()};
  }

  static std::string code_of(const Result<Model>& r) {
    return r ? "" : r.error().diagnostics[0].code;
  }

  /// Makes the checksums right again after the bytes were changed, so that only validation
  /// protects.
  static void repair(std::vector<std::byte>& b) {
    uint64_t metadata_size = 0;
    std::memcpy(&metadata_size, &b[32], 8);
    if (metadata_size <= b.size() - kPage) put(b, 40, hash_bytes(&b[kPage], metadata_size));
    put(b, 80, hash_bytes(b.data() + kPage, b.size() - kPage));
    put(b, 16, 0);
    put(b, 16, hash_bytes(b.data(), kPage));
  }
  static void put(std::vector<std::byte>& b, size_t at, uint64_t v) { std::memcpy(&b[at], &v, 8); }

  std::string folder_, path_;
};

TEST_F(FileTest, round_trip_keeps_everything) {
  const Model m = sample();
  const auto bytes = written(m);
  const auto r = read(path_);
  ASSERT_TRUE(r.has_value()) << r.error().text();
  EXPECT_EQ(r->name, m.name);
  EXPECT_EQ(r->target, m.target);
  EXPECT_EQ(r->symbols, m.symbols);
  EXPECT_EQ(r->messages, m.messages);
  ASSERT_EQ(r->inputs.size(), 2u);
  EXPECT_EQ(r->inputs[0].dims[1].extent, 4);
  EXPECT_EQ(r->inputs[1].constant, 1u);
  EXPECT_EQ(r->outputs[0].dims[1].reg, 1u);
  EXPECT_EQ(r->kernels[0].flops, 2u);
  EXPECT_EQ(r->entries[1].offset, 50u);
  EXPECT_EQ(r->registers, m.registers);
  EXPECT_EQ(r->size_ops, m.size_ops);
  EXPECT_EQ(r->stages, m.stages);
  EXPECT_EQ(r->slots, m.slots);
  EXPECT_EQ(r->steps, m.steps);
  EXPECT_TRUE(std::equal(r->code.begin(), r->code.end(), m.code.begin(), m.code.end()));
  ASSERT_EQ(r->constants.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(r->constants[i].size, m.constants[i].size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(r->constants[i].bytes) % 64, 0u);
    EXPECT_EQ(std::memcmp(r->constants[i].bytes, m.constants[i].bytes, m.constants[i].size), 0);
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(r->code.data()) % kPage, 0u);
  EXPECT_EQ(constant_bytes(*r), 305u);
  // Writing what was read gives the same bytes.
  EXPECT_EQ(written(*r), bytes);
}

TEST_F(FileTest, other_files_and_versions_are_refused_by_name) {
  auto bytes = written(sample());
  EXPECT_EQ(code_of(read(folder_ + "/none.tenon")), "file.open");
  EXPECT_EQ(code_of(parse({}, "x")), "artifact.magic");
  const std::string text = "not a model at all";
  EXPECT_EQ(code_of(parse(std::as_bytes(std::span(text)), "x")), "artifact.magic");
  bytes[8] = std::byte{99};
  EXPECT_EQ(code_of(parse(bytes, "x")), "artifact.version");
}

TEST_F(FileTest, every_truncation_is_refused) {
  const auto bytes = written(sample());
  for (size_t n = 0; n < bytes.size(); n += n < kPage + 700 ? 1 : 97) {
    const std::string code = code_of(parse(std::span(bytes).first(n), "x"));
    EXPECT_EQ(code, n < 8 ? "artifact.magic" : "artifact.truncated") << n;
  }
}

TEST_F(FileTest, every_flipped_bit_is_refused) {
  auto bytes = written(sample());
  ASSERT_TRUE(parse(bytes, "x").has_value());
  for (size_t bit = 0; bit < bytes.size() * 8; bit += bit < (kPage + 64) * 8 ? 7 : 61) {
    const auto mask = std::byte{static_cast<uint8_t>(1U << (bit % 8))};
    bytes[bit / 8] ^= mask;
    EXPECT_FALSE(parse(bytes, "x").has_value()) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST_F(FileTest, metadata_is_verified_even_when_the_rest_is_not) {
  auto bytes = written(sample());
  const ReadOptions quick{.verify_whole = false};
  bytes.back() ^= std::byte{1};
  EXPECT_TRUE(parse(bytes, "x", quick).has_value());
  EXPECT_EQ(code_of(parse(bytes, "x")), "artifact.checksum");
  bytes[kPage] ^= std::byte{1};
  EXPECT_EQ(code_of(parse(bytes, "x", quick)), "artifact.checksum");
}

TEST_F(FileTest, damage_with_right_checksums_never_crashes) {
  const auto good = written(sample());
  uint64_t metadata_size = 0;
  std::memcpy(&metadata_size, &good[32], 8);
  const char* wanted = std::getenv("TENON_TEST_SEED");
  const uint32_t seed = wanted != nullptr ? static_cast<uint32_t>(std::atoll(wanted)) : 20240607;
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    auto bytes = good;
    const int flips = 1 + static_cast<int>(rng() % 3);
    for (int i = 0; i < flips; ++i) {
      const bool header = rng() % 8 == 0;
      const size_t at = header ? 12 + rng() % 76 : kPage + rng() % metadata_size;
      bytes[at] = rng() % 2 == 0 ? static_cast<std::byte>(rng()) : bytes[at] ^ std::byte{1};
    }
    repair(bytes);
    accepted += parse(bytes, "x").has_value() ? 1 : 0;
  }
  EXPECT_LT(accepted, 20000);
}

TEST_F(FileTest, missing_instruction_is_named) {
  Model m = sample();
  m.needs = {"warp9"};
  const auto bytes = written(m);
  const auto r = parse(bytes, "x");
  EXPECT_EQ(code_of(r), "artifact.cpu");
  EXPECT_NE(r.error().text().find("warp9"), std::string::npos);
  EXPECT_TRUE(parse(bytes, "x", {.check_cpu = false}).has_value());
}

TEST_F(FileTest, validate_refuses_indices_out_of_range) {
  const auto broken = [](auto change) {
    Model m = sample();
    change(m);
    const Status status = validate(m);
    if (!status) EXPECT_EQ(status.error().diagnostics[0].code, "artifact.invalid");
    return !status.has_value();
  };
  EXPECT_FALSE(broken([](Model&) {}));
  EXPECT_TRUE(broken([](Model& m) { m.outputs[0].slot = 3; }));
  EXPECT_TRUE(broken([](Model& m) { m.entries[1].offset = 100; }));
  EXPECT_TRUE(broken([](Model& m) { m.size_ops[1].b = 5; }));
  EXPECT_TRUE(broken([](Model& m) { m.size_ops[0].b = 2; }));
  EXPECT_TRUE(broken([](Model& m) { m.size_ops[0].code = static_cast<SizeOpCode>(200); }));
  EXPECT_TRUE(broken([](Model& m) { m.stages[0].ops = 3; }));
  EXPECT_TRUE(broken([](Model& m) { m.slots[2].index = 3; }));
  EXPECT_TRUE(broken([](Model& m) { m.slots[0].kind = static_cast<SlotKind>(77); }));
  EXPECT_TRUE(broken([](Model& m) { m.calls[0].buffers = UINT32_MAX; }));
  EXPECT_TRUE(broken([](Model& m) { m.steps[1].b = 2; }));
  EXPECT_TRUE(broken([](Model& m) { m.steps[1].kind = static_cast<StepKind>(55); }));
  EXPECT_TRUE(broken([](Model& m) { m.steps.push_back({StepKind::jump, 4}); }));
  EXPECT_TRUE(broken([](Model& m) { m.steps.push_back({StepKind::swap, 0, 0}); }));
}

TEST_F(FileTest, models_of_this_process_are_not_written) {
  Model m = sample();
  m.functions = {nullptr, nullptr};
  const Status status = write(m, path_);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().diagnostics[0].code, "artifact.in_process");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(DTypes, narrow_floats_round_trip_every_pattern) {
  for (const DType type : {DType::f16, DType::bf16, DType::f8e4m3fn, DType::f8e4m3fnuz,
                           DType::f8e5m2, DType::f8e5m2fnuz, DType::f4e2m1}) {
    const uint32_t patterns = type == DType::f4e2m1 ? 16 : 1U << (8 * info(type).bytes);
    for (uint32_t bits = 0; bits < patterns; ++bits) {
      std::byte in[2];
      std::byte out[2] = {};
      std::memcpy(in, &bits, 2);
      const double v = load_double(type, in);
      if (std::isnan(v)) continue;
      store_double(type, out, v);
      EXPECT_EQ(std::memcmp(in, out, info(type).bytes), 0) << info(type).name << " " << bits;
    }
  }
}

TEST(DTypes, integers_wrap_to_their_width) {
  std::byte b[8];
  store_int(DType::i4, b, 9);
  EXPECT_EQ(load_int(DType::i4, b), -7);
  store_int(DType::u2, b, 7);
  EXPECT_EQ(load_int(DType::u2, b), 3);
  store_int(DType::i16, b, 65535);
  EXPECT_EQ(load_int(DType::i16, b), -1);
  EXPECT_EQ(parse_dtype("bf16"), DType::bf16);
  EXPECT_FALSE(parse_dtype("f31").has_value());
}

}  // namespace
}  // namespace tenon::artifact
