#include "runtime/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "support/file.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

class Npy : public testing::Test {
 protected:
  Npy() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tenon_npy_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Npy() override { std::filesystem::remove_all(folder_); }

  static std::vector<std::byte> file(const std::string& header, std::string data,
                                     char version = 1) {
    std::string s = cat("\x93NUMPY", version, '\0');
    s += static_cast<char>(header.size());
    s += static_cast<char>(header.size() >> 8);
    if (version > 1) s += std::string(2, '\0');
    s += header + data;
    const auto b = std::as_bytes(std::span(s));
    return {b.begin(), b.end()};
  }
  static std::string code_of(const Result<Tensor>& r) {
    return r ? "" : r.error().diagnostics[0].code;
  }
  std::string folder_;
};

TEST_F(Npy, round_trips_every_type) {
  for (int i = 0; i < artifact::kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    Tensor t{type, {2, 3}, {}};
    t.bytes.resize(6 * artifact::info(type).element_bytes);
    for (size_t j = 0; j < 6; ++j)
      artifact::store_int(type, &t.bytes[j * artifact::info(type).element_bytes],
                          static_cast<int64_t>(j % 2));
    const std::string path = cat(folder_, "/", i, ".npy");
    ASSERT_TRUE(write_npy(path, t.view()).has_value());
    auto back = read_npy(path);
    ASSERT_TRUE(back.has_value()) << back.error().text();
    const Tensor same = narrow_from_npy(std::move(*back), type);
    EXPECT_EQ(same.dtype, type);
    EXPECT_EQ(same.dims, t.dims);
    EXPECT_EQ(same.bytes, t.bytes) << artifact::info(type).name;
  }
}

TEST_F(Npy, scalars_and_empty_tensors) {
  for (const std::vector<int64_t>& dims :
       {std::vector<int64_t>{}, std::vector<int64_t>{0, 3}, std::vector<int64_t>{2}}) {
    Tensor t{DType::f32, dims, {}};
    t.bytes.resize(static_cast<size_t>(tensor_bytes(t.dtype, dims)));
    ASSERT_TRUE(write_npy(folder_ + "/s.npy", t.view()).has_value());
    const auto back = read_npy(folder_ + "/s.npy");
    ASSERT_TRUE(back.has_value()) << back.error().text();
    EXPECT_EQ(back->dims, dims);
  }
}

TEST_F(Npy, big_endian_and_fortran_order) {
  const auto big = parse_npy(
      file("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n", {"\0\1\1\0", 4}), "x");
  ASSERT_TRUE(big.has_value()) << big.error().text();
  EXPECT_EQ(artifact::load_int(DType::i16, big->bytes.data()), 1);
  EXPECT_EQ(artifact::load_int(DType::i16, &big->bytes[2]), 256);
  const auto fortran =
      parse_npy(file("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3)}", "abcdef", 2), "x");
  ASSERT_TRUE(fortran.has_value()) << fortran.error().text();
  const std::string expected = "acebdf";
  EXPECT_EQ(std::memcmp(fortran->bytes.data(), expected.data(), 6), 0);
}

TEST_F(Npy, bad_files_get_a_message) {
  const auto code = [&](const std::string& header, const std::string& data = "") {
    return code_of(parse_npy(file(header, data), "x"));
  };
  EXPECT_EQ(code_of(parse_npy({}, "x")), "npy.format");
  EXPECT_EQ(code_of(parse_npy(std::as_bytes(std::span("hello world, this is text")), "x")),
            "npy.format");
  EXPECT_EQ(code("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "abcd"),
            "npy.truncated");
  EXPECT_EQ(code("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
            "npy.truncated");
  EXPECT_EQ(code("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
            "npy.format");
  EXPECT_EQ(code("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), "npy.format");
  EXPECT_EQ(code("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"), "npy.format");
  EXPECT_EQ(code("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "12345678"),
            "npy.type");
  EXPECT_EQ(code("{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", "12345678"),
            "npy.type");
  EXPECT_EQ(code("{'descr': '<f4', 'shape': (1,)}", "1234"), "npy.format");
  EXPECT_EQ(code("{"), "npy.format");
  EXPECT_EQ(code_of(read_npy(folder_ + "/none.npy")), "file.open");
}

TEST_F(Npy, headers_as_other_programs_write_them) {
  const std::string header = "{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }";
  for (const char version : {'\1', '\2', '\3'}) {
    const auto t = parse_npy(file(header, {"\2\1", 2}, version), "x");
    ASSERT_TRUE(t.has_value()) << t.error().text();
    EXPECT_EQ(artifact::load_int(DType::i16, t->bytes.data()), 258);
  }
  EXPECT_EQ(code_of(parse_npy(file(header, {"\2\1", 2}, 4), "x")), "npy.format");
  EXPECT_EQ(code_of(parse_npy(file(header, {"\2\1", 2}, 0), "x")), "npy.format");
  const auto dims = [](const std::string& text, const std::string& data) {
    const auto t = parse_npy(file(text, data), "x");
    return t ? t->dims : std::vector<int64_t>{-1};
  };
  // Python 2 wrote long integers; quotes and blanks may differ.
  EXPECT_EQ(dims("{\"descr\":\"=i1\",\n\"fortran_order\":True,\t\"shape\":(2L,1L)}", "ab"),
            (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(dims("{'descr': '|u1', 'fortran_order': False, 'shape': ()}", "a"),
            (std::vector<int64_t>{}));
  for (const std::string wrong :
       {"{'descr': '!i1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'i1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|i1', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': 1}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (1,), 'more': (1,)}",
        "{'descr': '|i1' 'fortran_order': False, 'shape': (1,)}", "'descr'"})
    EXPECT_EQ(dims(wrong, "abcdefgh"), (std::vector<int64_t>{-1})) << wrong;
}

TEST_F(Npy, sixty_four_axes_are_the_most) {
  const auto of_rank = [](size_t rank) {
    std::string shape;
    for (size_t i = 0; i < rank; ++i) shape += "1,";
    return "{'descr': '|i1', 'fortran_order': False, 'shape': (" + shape + ")}";
  };
  const auto most = parse_npy(file(of_rank(64), "a"), "x");
  ASSERT_TRUE(most.has_value()) << most.error().text();
  EXPECT_EQ(most->dims.size(), 64u);
  EXPECT_EQ(code_of(parse_npy(file(of_rank(65), "a"), "x")), "npy.format");
}

TEST_F(Npy, files_cut_anywhere_are_refused) {
  for (const char version : {'\1', '\2'}) {
    const auto whole = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                            std::string(8, 'x'), version);
    ASSERT_TRUE(parse_npy(whole, "x").has_value());
    for (size_t n = 0; n < whole.size(); ++n)
      EXPECT_EQ(code_of(parse_npy(std::span(whole).first(n), "x")),
                n < 10 ? "npy.format" : "npy.truncated")
          << n;
  }
}

TEST_F(Npy, one_byte_elements_have_no_byte_order) {
  const auto header_of = [&](DType type) {
    const std::vector<std::byte> zeros(8);
    const std::vector<int64_t> one{1};
    EXPECT_TRUE(write_npy(folder_ + "/h.npy", {type, one, zeros.data()}).has_value());
    const auto f = MappedFile::open(folder_ + "/h.npy");
    return std::string(reinterpret_cast<const char*>((*f)->bytes().data()) + 10, 40);
  };
  EXPECT_NE(header_of(DType::i8).find("'|i1'"), std::string::npos);
  EXPECT_NE(header_of(DType::boolean).find("'|b1'"), std::string::npos);
  EXPECT_NE(header_of(DType::i16).find("'<i2'"), std::string::npos);
  EXPECT_NE(header_of(DType::bf16).find("'<f4'"), std::string::npos);
  EXPECT_NE(header_of(DType::f8e5m2).find("'<f4'"), std::string::npos);
  EXPECT_NE(header_of(DType::i4).find("'|i1'"), std::string::npos);
  EXPECT_NE(header_of(DType::u4).find("'|u1'"), std::string::npos);
}

TEST_F(Npy, damaged_files_never_crash) {
  const auto good =
      file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n", std::string(16, 'x'));
  const uint32_t seed = 4711;
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  for (int i = 0; i < 50000; ++i) {
    auto bytes = good;
    for (int n = 0; n < 3; ++n) bytes[rng() % bytes.size()] = static_cast<std::byte>(rng());
    bytes.resize(rng() % 4 == 0 ? rng() % bytes.size() : bytes.size());
    (void)parse_npy(bytes, "x");
  }
}

TEST_F(Npy, numpy_sees_the_documented_layout) {
  const Tensor t{DType::i8, {1}, {std::byte{5}}};
  ASSERT_TRUE(write_npy(folder_ + "/l.npy", t.view()).has_value());
  const auto f = MappedFile::open(folder_ + "/l.npy");
  const auto b = (*f)->bytes();
  EXPECT_EQ(b.size() % 64, 1u);
  EXPECT_EQ(b[b.size() - 2], std::byte{'\n'});
}

}  // namespace
}  // namespace tenon::runtime
