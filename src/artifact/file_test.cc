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
    m.kernels = {{"relu", "relu", "batch x 4", "key", 2, kNone, "map", {"fma_tile"}}};
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
  EXPECT_EQ(r->kernels[0].schedule, "map");
  EXPECT_EQ(r->kernels[0].instructions, m.kernels[0].instructions);
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

TEST_F(FileTest, a_cut_file_says_where_it_ends) {
  const auto bytes = written(sample());
  const auto text = [&](size_t n) { return parse(std::span(bytes).first(n), "x").error().text(); };
  EXPECT_NE(text(kPage - 1).find("ends inside its header"), std::string::npos);
  EXPECT_NE(text(kPage).find("has 4096 bytes, its header says"), std::string::npos);
}

TEST_F(FileTest, models_without_code_or_constants_are_read) {
  Model m = sample();
  m.steps.pop_back();
  m.entries.clear();
  m.code = {};
  m.constants.clear();
  m.inputs.pop_back();
  m.slots.pop_back();
  const auto bytes = written(m);
  const auto r = parse(bytes, "x");
  ASSERT_TRUE(r.has_value()) << r.error().text();
  EXPECT_TRUE(r->code.empty());
  EXPECT_TRUE(r->constants.empty());
}

TEST_F(FileTest, sections_end_inside_the_file) {
  const auto good = written(sample());
  const auto field = [&](size_t at) {
    uint64_t v = 0;
    std::memcpy(&v, &good[at], 8);
    return v;
  };
  const auto outcome = [&](size_t at, uint64_t v) {
    auto bytes = good;
    put(bytes, at, v);
    repair(bytes);
    const auto r = parse(bytes, "x");
    return r ? "read" : r.error().text();
  };
  const uint64_t size = good.size();
  constexpr size_t kMetadataSize = 32, kCodeOffset = 48, kCodeSize = 56, kConstantsOffset = 64,
                   kConstantsSize = 72;
  ASSERT_EQ(field(kConstantsOffset) + field(kConstantsSize), size);
  const std::string outside = "the sections of 'x' lie outside the file; compile the model again";
  const std::pair<size_t, uint64_t> bad[] = {
      {kMetadataSize, size - kPage + 1},
      {kCodeOffset, 0},
      {kCodeOffset, kPage + 8},
      {kCodeOffset, size + kPage},
      {kCodeSize, size - field(kCodeOffset) + 1},
      {kConstantsOffset, 0},
      {kConstantsOffset, kPage + 64},
      {kConstantsOffset, size + kPage},
      {kConstantsSize, field(kConstantsSize) + 1},
  };
  for (const auto& [at, v] : bad)
    EXPECT_NE(outcome(at, v).find(outside), std::string::npos) << at << " " << v;
  EXPECT_EQ(outcome(kCodeSize, size - field(kCodeOffset)), "read");
  EXPECT_EQ(outcome(kCodeOffset, kPage), "read");
  auto bytes = good;
  bytes[12] = std::byte{1};  // the size of the header itself
  repair(bytes);
  EXPECT_EQ(code_of(parse(bytes, "x")), "artifact.checksum");
}

TEST_F(FileTest, constants_end_inside_their_section) {
  const auto good = written(sample());
  uint64_t metadata_size = 0;
  uint64_t section = 0;
  std::memcpy(&metadata_size, &good[32], 8);
  std::memcpy(&section, &good[72], 8);
  const auto outcome = [&](uint64_t offset, uint64_t size) {  // of the last constant, of no bytes
    auto bytes = good;
    put(bytes, kPage + metadata_size - 16, offset);
    put(bytes, kPage + metadata_size - 8, size);
    repair(bytes);
    const auto r = parse(bytes, "x");
    return r ? "read" : r.error().text();
  };
  const std::string outside = "a constant of 'x' lies outside its section; compile the model again";
  EXPECT_EQ(outcome(section, 0), "read");
  EXPECT_EQ(outcome(section - 64, 64), "read");
  const std::pair<uint64_t, uint64_t> bad[] = {
      {section + 64, 0}, {section, 1}, {section - 64, 65}, {0, UINT64_MAX}, {32, 1}};
  for (const auto& [offset, size] : bad)
    EXPECT_NE(outcome(offset, size).find(outside), std::string::npos) << offset << " " << size;
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

TEST_F(FileTest, models_of_this_process_are_not_written) {
  Model m = sample();
  m.functions = {nullptr, nullptr};
  const Status status = write(m, path_);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().diagnostics[0].code, "artifact.in_process");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace tenon::artifact
