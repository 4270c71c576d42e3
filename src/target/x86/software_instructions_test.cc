#include "target/x86/software_instructions.h"

#include <gtest/gtest.h>
#include <ucontext.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "support/cpu.h"
#include "target/x86/software_operand.h"
#include "target/x86/software_tiles.h"

namespace tenon::target::testing {
namespace {

volatile sig_atomic_t carried_out = 0;

/// A dot product taken apart: c[lane] += a[lane] . b[lane] on `lanes` groups of 32 bits.
struct Dot {
  bool halves;  // bf16, else bytes
  int lanes, c, a;
  int b = -1;                     // a register, or
  const std::byte* at = nullptr;  // memory,
  bool broadcast = false;         // of one group
  int length = 0;
};

// ---- registers in the signal's frame (the layout that XSAVE gives)

struct Registers {
  std::byte* area;
  [[nodiscard]] uint64_t& present() const {
    return *reinterpret_cast<uint64_t*>(area + 512);  // which components were saved
  }
  static constexpr uint64_t kHighHalves = 4;

  void read(int number, std::byte (&value)[32]) const {
    std::memcpy(value, area + 160 + 16 * number, 16);
    if ((present() & kHighHalves) != 0) {
      std::memcpy(value + 16, area + 576 + 16 * number, 16);
    } else {
      std::memset(value + 16, 0, 16);
    }
  }
  void write(int number, const std::byte (&value)[32]) const {
    if ((present() & kHighHalves) == 0) std::memset(area + 576, 0, 256);
    present() |= kHighHalves | 2;
    std::memcpy(area + 160 + 16 * number, value, 16);
    std::memcpy(area + 576 + 16 * number, value + 16, 16);
  }
};

// ---- decoding

/// The operand behind ModRM, a register or memory.
void last_operand(const ucontext_t& context, const uint8_t* start, const uint8_t* modrm,
                  HighBits high, int scale, Dot& out) {
  if (*modrm >> 6 == 3) {
    out.b = (*modrm & 7) | high.base << 3 | (scale > 1 ? high.index << 4 : 0);
    out.length = static_cast<int>(modrm + 1 - start);
    return;
  }
  const MemoryOperand memory = memory_operand(context, modrm, high, scale);
  out.at = reinterpret_cast<const std::byte*>(memory.start + memory.index);
  out.length = static_cast<int>(memory.end - start);
}

std::optional<Dot> decode(const ucontext_t& context) {
  const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  const bool wide_prefix = code[0] == 0x62;
  if (!wide_prefix && code[0] != 0xc4) return std::nullopt;
  const HighBits high(code[1]);
  const int vvvv = (~code[2] >> 3) & 15;
  Dot out{wide_prefix, 0, 0, vvvv};
  const uint8_t* opcode = code + (wide_prefix ? 4 : 3);
  int scale = 1;
  if (wide_prefix) {
    // EVEX.F3.0F38.W0 52, no register above 15, no mask, 128 or 256 bits.
    const int length = (code[3] >> 5) & 3;
    if ((code[1] & 0x1f) != 0x12 || (code[2] & 0x87) != 0x06 || *opcode != 0x52 || length > 1 ||
        (code[3] & 0x8f) != 0x08)
      return std::nullopt;
    out.lanes = length == 0 ? 4 : 8;
    out.broadcast = (code[3] & 0x10) != 0;
    scale = out.broadcast ? 4 : 4 * out.lanes;
  } else {
    // VEX.66.0F38.W0 50
    if ((code[1] & 0x1f) != 2 || (code[2] & 0x83) != 1 || *opcode != 0x50) return std::nullopt;
    out.lanes = (code[2] & 4) != 0 ? 8 : 4;
  }
  out.c = ((opcode[1] >> 3) & 7) | high.reg << 3;
  last_operand(context, code, opcode + 1, high, scale, out);
  if (out.b > 15) return std::nullopt;
  return out;
}

// ---- carrying out

float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? 0.0F : x; }

float half(uint32_t bits) { return flushed(std::bit_cast<float>(bits << 16)); }

uint32_t halves_dot(uint32_t sum, uint32_t a, uint32_t b) {
  float total = flushed(std::bit_cast<float>(sum));
  for (const int shift : {16, 0})
    total = flushed(std::fma(half((a >> shift) & 0xffff), half((b >> shift) & 0xffff), total));
  return std::bit_cast<uint32_t>(total);
}

uint32_t bytes_dot(uint32_t sum, uint32_t a, uint32_t b) {
  for (int i = 0; i < 32; i += 8)
    sum += static_cast<uint32_t>(static_cast<int32_t>((a >> i) & 0xff) *
                                 static_cast<int8_t>((b >> i) & 0xff));
  return sum;
}

void carry_out(const Dot& dot, const Registers& registers) {
  std::byte a[32], b[32], c[32];
  registers.read(dot.a, a);
  registers.read(dot.c, c);
  if (dot.b >= 0) registers.read(dot.b, b);
  for (int lane = 0; lane < 8; ++lane) {
    uint32_t sum, x, y;
    std::memcpy(&sum, c + 4 * lane, 4);
    std::memcpy(&x, a + 4 * lane, 4);
    if (lane >= dot.lanes) {
      sum = 0;  // the rest of the register is cleared
    } else {
      std::memcpy(&y, dot.b >= 0 ? b + 4 * lane : dot.at + (dot.broadcast ? 0 : 4 * lane), 4);
      sum = dot.halves ? halves_dot(sum, x, y) : bytes_dot(sum, x, y);
    }
    std::memcpy(c + 4 * lane, &sum, 4);
  }
  registers.write(dot.c, c);
}

/// EVEX.66.0F38.W0 7C: a general register in every lane, no register above 15, no mask, 128 or 256
/// bits. The length, or 0.
int carry_out_broadcast(const ucontext_t& context, const Registers& registers) {
  const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  if (code[0] != 0x62 || (code[1] & 0x1f) != 0x12 || code[2] != 0x7d || (code[3] & 0xdf) != 0x08 ||
      code[4] != 0x7c || code[5] >> 6 != 3)
    return 0;
  const HighBits high(code[1]);
  const uint64_t value = general_register(context, (code[5] & 7) | high.base << 3);
  std::byte lanes[32] = {};
  for (int at = 0; at < ((code[3] & 0x20) != 0 ? 32 : 16); at += 4)
    std::memcpy(lanes + at, &value, 4);
  registers.write((code[5] >> 3 & 7) | high.reg << 3, lanes);
  return 6;
}

/// The instruction's length; 0: it is not known.
int carry_out_here(const ucontext_t& context) {
  const Registers registers{reinterpret_cast<std::byte*>(context.uc_mcontext.fpregs)};
  if (const std::optional<Dot> dot = decode(context)) {
    carry_out(*dot, registers);
    return dot->length;
  }
  if (const int length = carry_out_broadcast(context, registers)) return length;
  return carry_out_on_tiles(context);
}

void on_illegal(int, siginfo_t*, void* raw) {
  auto& context = *static_cast<ucontext_t*>(raw);
  const int length = carry_out_here(context);
  if (length == 0) {
    (void)std::signal(SIGILL, SIG_DFL);
    return;
  }
  context.uc_mcontext.gregs[REG_RIP] += length;
  carried_out = carried_out + 1;
}

}  // namespace

SoftwareInstructions::SoftwareInstructions() {
  // A CPU with tiles carries them out itself; Linux lets a process use them that asks first, and
  // without that ends it between the first instruction, which it allows, and the second.
  (void)has_feature("amx-tile");
  carried_out = 0;
  release_software_tiles();
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before_);
}

SoftwareInstructions::~SoftwareInstructions() { sigaction(SIGILL, &before_, nullptr); }

int64_t SoftwareInstructions::count() { return carried_out; }

namespace {

TEST(SoftwareInstructions, other_illegal_instructions_end_the_process) {
  const SoftwareInstructions all;
  EXPECT_EXIT(asm volatile("ud2"), ::testing::KilledBySignal(SIGILL), "");
}

}  // namespace

}  // namespace tenon::target::testing
