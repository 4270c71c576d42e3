#include "target/x86/software_tiles.h"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

#include "support/cpu.h"
#include "target/x86/software_instructions.h"
#include "target/x86/software_operand.h"

namespace tenon::target::testing {
namespace {

// ---- the state of a thread (Intel's manual, "Intel AMX")

constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

struct Tile {
  int rows = 0, bytes = 0;  // of a row; 0: the tile is not there
  uint8_t data[kRows][kRowBytes] = {};
};
Tile tiles[kTiles];
bool configured = false;

/// The state that ldtilecfg loads: palette, first row, widths of rows in bytes, rows.
bool configure(const uint8_t* memory) {
  Tile next[kTiles];
  if (memory[0] == 0) {
    release_software_tiles();
    return true;
  }
  const auto all_zero = [&](int begin, int end) {
    return std::all_of(memory + begin, memory + end, [](uint8_t byte) { return byte == 0; });
  };
  if (memory[0] != 1 || !all_zero(1, 16) || !all_zero(32, 48) || !all_zero(56, 64)) return false;
  for (int i = 0; i < kTiles; ++i) {
    next[i].bytes = memory[16 + 2 * i] | memory[17 + 2 * i] << 8;
    next[i].rows = memory[48 + i];
    if (next[i].bytes > kRowBytes || next[i].rows > kRows ||
        (next[i].bytes == 0) != (next[i].rows == 0))
      return false;
  }
  std::copy(std::begin(next), std::end(next), tiles);
  configured = true;
  return true;
}

// ---- decoding

enum class Kind : uint8_t { configure, release, zero, load, store, product };
enum class Product : uint8_t {
  signed_signed,
  signed_unsigned,
  unsigned_signed,
  unsigned_unsigned,
  halves
};

struct TileInstruction {
  Kind kind;
  int tile = 0, a = 0, b = 0;
  Product product = {};
  MemoryOperand memory = {};
  int length = 0;
};

enum Prefix : uint8_t { none, p66, pf3, pf2 };

std::optional<Product> product_of(uint8_t opcode, int prefix) {
  if (opcode == 0x5c && prefix == pf3) return Product::halves;
  if (opcode != 0x5e) return std::nullopt;
  constexpr Product kByPrefix[] = {Product::unsigned_unsigned, Product::unsigned_signed,
                                   Product::signed_unsigned, Product::signed_signed};
  return kByPrefix[prefix];
}

/// VEX.128.0F38.W0; a tile's number has three bits.
std::optional<TileInstruction> decode(const ucontext_t& context) {
  const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return std::nullopt;
  const HighBits high(code[1]);
  const int prefix = code[2] & 3, third = ~code[2] >> 3 & 15;
  const uint8_t opcode = code[3], modrm = code[4];
  const bool in_memory = modrm >> 6 != 3;
  TileInstruction out{Kind::product, modrm >> 3 & 7, modrm & 7, third};
  out.length = 5;
  if (in_memory) {
    out.memory = memory_operand(context, code + 4, high, 1);
    out.length = static_cast<int>(out.memory.end - code);
  }
  if (const auto product = product_of(opcode, prefix)) {
    out.product = *product;
    if (in_memory || high.reg != 0 || high.base != 0 || third > 7) return std::nullopt;
    return out;
  }
  if (third != 0 || high.reg != 0) return std::nullopt;
  if (opcode == 0x49 && prefix == none && in_memory && out.tile == 0) {
    out.kind = Kind::configure;
  } else if (opcode == 0x49 && prefix == none && modrm == 0xc0) {
    out.kind = Kind::release;
  } else if (opcode == 0x49 && prefix == pf2 && !in_memory && out.a == 0) {
    out.kind = Kind::zero;
  } else if (opcode == 0x4b && prefix != none && out.memory.has_sib) {
    out.kind = prefix == pf3 ? Kind::store : Kind::load;
  } else {
    return std::nullopt;
  }
  return out;
}

// ---- carrying out

float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? 0.0F : x; }

template <class T>
T element(const Tile& tile, int row, int column) {
  T value;
  std::memcpy(&value, tile.data[row] + static_cast<size_t>(column) * sizeof(T), sizeof(T));
  return value;
}

float half(const Tile& tile, int row, int column) {
  return flushed(std::bit_cast<float>(uint32_t{element<uint16_t>(tile, row, column)} << 16));
}

/// Even and odd steps of k are added up apart, then together, then to what was there.
uint32_t halves_sum(uint32_t before, const Tile& a, int row, const Tile& b, int column) {
  float sums[2] = {};
  for (int k = 0; k < a.bytes / 4; ++k)
    for (int q = 0; q < 2; ++q)
      sums[q] = flushed(std::fma(half(a, row, 2 * k + q), half(b, k, 2 * column + q), sums[q]));
  const float sum = flushed(sums[0] + sums[1]);
  return std::bit_cast<uint32_t>(flushed(flushed(std::bit_cast<float>(before)) + sum));
}

uint32_t bytes_sum(uint32_t before, Product kind, const Tile& a, int row, const Tile& b,
                   int column) {
  const bool a_signed = kind == Product::signed_signed || kind == Product::signed_unsigned;
  const bool b_signed = kind == Product::signed_signed || kind == Product::unsigned_signed;
  for (int k = 0; k < a.bytes / 4; ++k)
    for (int q = 0; q < 4; ++q) {
      const auto x = element<uint8_t>(a, row, 4 * k + q);
      const auto y = element<uint8_t>(b, k, 4 * column + q);
      before += static_cast<uint32_t>((a_signed ? static_cast<int8_t>(x) : int{x}) *
                                      (b_signed ? static_cast<int8_t>(y) : int{y}));
    }
  return before;
}

bool multiply(const TileInstruction& i) {
  Tile& c = tiles[i.tile];
  const Tile &a = tiles[i.a], &b = tiles[i.b];
  if (i.tile == i.a || i.tile == i.b || i.a == i.b || c.bytes % 4 != 0 || a.bytes % 4 != 0 ||
      c.rows != a.rows || c.bytes != b.bytes || a.bytes / 4 != b.rows || b.rows == 0)
    return false;
  for (int row = 0; row < c.rows; ++row)
    for (int column = 0; column < c.bytes / 4; ++column) {
      const auto before = element<uint32_t>(c, row, column);
      const uint32_t after = i.product == Product::halves
                                 ? halves_sum(before, a, row, b, column)
                                 : bytes_sum(before, i.product, a, row, b, column);
      std::memcpy(c.data[row] + size_t{4} * static_cast<size_t>(column), &after, 4);
    }
  return true;
}

bool move(const TileInstruction& i) {
  Tile& tile = tiles[i.tile];
  if (i.kind != Kind::store) std::memset(tile.data, 0, sizeof tile.data);
  for (int row = 0; row < tile.rows; ++row) {
    auto* memory =
        reinterpret_cast<uint8_t*>(i.memory.start + static_cast<uint64_t>(row) * i.memory.index);
    const auto bytes = static_cast<size_t>(tile.bytes);
    if (i.kind == Kind::load) std::memcpy(tile.data[row], memory, bytes);
    if (i.kind == Kind::store) std::memcpy(memory, tile.data[row], bytes);
  }
  return true;
}

bool carry_out(const TileInstruction& i) {
  switch (i.kind) {
    case Kind::configure:
      return configure(reinterpret_cast<const uint8_t*>(i.memory.start + i.memory.index));
    case Kind::release:
      release_software_tiles();
      return true;
    case Kind::product:
      return configured && multiply(i);
    default:
      return configured && tiles[i.tile].rows != 0 && move(i);
  }
}

}  // namespace

int carry_out_on_tiles(const ucontext_t& context) {
  const std::optional<TileInstruction> instruction = decode(context);
  return instruction && carry_out(*instruction) ? instruction->length : 0;
}

void release_software_tiles() {
  for (Tile& tile : tiles) tile = {};
  configured = false;
}

namespace {

// ---- what a compiler makes of its intrinsics, against plain loops

struct Configuration {
  uint8_t palette = 1, first_row = 0, reserved[14] = {};
  uint16_t bytes[8] = {}, more_bytes[8] = {};
  uint8_t rows[8] = {}, more_rows[8] = {};
};

/// Tile 0 of the result, 1 of a, 2 of b.
Configuration shapes(int rows, int steps, int columns) {
  Configuration c;
  c.bytes[0] = c.bytes[2] = static_cast<uint16_t>(4 * columns);
  c.bytes[1] = static_cast<uint16_t>(4 * steps);
  c.rows[0] = c.rows[1] = static_cast<uint8_t>(rows);
  c.rows[2] = static_cast<uint8_t>(steps);
  return c;
}

using Words = std::vector<uint32_t>;
using Multiply = void (*)(const Configuration&, uint32_t* c, const uint32_t* a, const uint32_t* b);

#define TENON_TILE_PRODUCT(name)                                                                  \
  __attribute__((target("amx-int8,amx-bf16"))) void name(const Configuration& shape, uint32_t* c, \
                                                         const uint32_t* a, const uint32_t* b) {  \
    _tile_loadconfig(&shape);                                                                     \
    _tile_zero(0);                                                                                \
    _tile_loadd(0, c, 64);                                                                        \
    _tile_stream_loadd(1, a, shape.bytes[1]);                                                     \
    _tile_loadd(2, b, shape.bytes[2]);                                                            \
    _tile_##name(0, 1, 2);                                                                        \
    _tile_stored(0, c, 64);                                                                       \
    _tile_release();                                                                              \
  }
TENON_TILE_PRODUCT(dpbssd)
TENON_TILE_PRODUCT(dpbsud)
TENON_TILE_PRODUCT(dpbusd)
TENON_TILE_PRODUCT(dpbuud)
TENON_TILE_PRODUCT(dpbf16ps)
#undef TENON_TILE_PRODUCT

int byte_of(uint32_t word, int i, bool is_signed) {
  const auto byte = static_cast<uint8_t>(word >> 8 * i);
  return is_signed ? static_cast<int8_t>(byte) : int{byte};
}

TEST(SoftwareTiles, multiply_bytes_of_each_sign) {
  struct Case {
    Multiply multiply;
    bool a_signed, b_signed;
  };
  std::mt19937 random(7);
  const SoftwareInstructions all;
  for (const Case& t : {Case{dpbssd, true, true}, Case{dpbsud, true, false},
                        Case{dpbusd, false, true}, Case{dpbuud, false, false}})
    for (const auto& [rows, steps, columns] : {std::array{16, 16, 16}, {1, 3, 5}, {7, 16, 16}}) {
      Words c(256), a(static_cast<size_t>(rows * steps)), b(static_cast<size_t>(steps * columns));
      for (Words* words : {&c, &a, &b})
        for (uint32_t& word : *words) word = static_cast<uint32_t>(random());
      Words expected = c;
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
          for (int q = 0; q < 4 * steps; ++q)
            expected[static_cast<size_t>(16 * i + j)] += static_cast<uint32_t>(
                byte_of(a[static_cast<size_t>(i * steps + q / 4)], q % 4, t.a_signed) *
                byte_of(b[static_cast<size_t>(q / 4 * columns + j)], q % 4, t.b_signed));
      t.multiply(shapes(rows, steps, columns), c.data(), a.data(), b.data());
      EXPECT_EQ(c, expected);
    }
}

TEST(SoftwareTiles, multiply_halves_and_take_subnormals_for_zero) {
  const SoftwareInstructions all;
  const auto word = [](float x) { return std::bit_cast<uint32_t>(x); };
  const auto pair = [&](float even, float odd) {
    return word(even) >> 16 | (word(odd) & ~0xffffU);
  };
  Words c(256);
  c[0] = word(10);
  c[1] = word(1e-39F);
  const Words a{pair(2, 3), pair(1e-39F, 1)}, b{pair(5, 7), pair(0, 0), pair(1e30F, 1), pair(1, 0)};
  dpbf16ps(shapes(1, 2, 2), c.data(), a.data(), b.data());
  EXPECT_EQ(c[0], word(10 + 2 * 5 + 3 * 7 + 1));
  EXPECT_EQ(c[1], word(0));
}

TEST(SoftwareTiles, what_amx_refuses_ends_the_process) {
  if (has_feature("amx-int8")) GTEST_SKIP() << "this CPU refuses by itself";
  const SoftwareInstructions all;
  Words c(256), a(256), b(256);
  const auto multiply = [&](const Configuration& shape) {
    dpbssd(shape, c.data(), a.data(), b.data());
  };
  multiply(shapes(4, 4, 4));
  Configuration too_high = shapes(4, 4, 4);
  too_high.rows[3] = 17;
  Configuration shapes_differ = shapes(4, 4, 4);
  shapes_differ.rows[2] = 3;
  Configuration half_a_tile = shapes(4, 4, 4);
  half_a_tile.rows[1] = 0;
  Configuration palette = shapes(4, 4, 4);
  palette.palette = 2;
  for (const Configuration& shape : {too_high, shapes_differ, half_a_tile, palette})
    EXPECT_EXIT(multiply(shape), ::testing::KilledBySignal(SIGILL), "");
}

}  // namespace
}  // namespace tenon::target::testing
