#include "target/x86/software_dots.h"

#include <gtest/gtest.h>
#include <ucontext.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

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

uint64_t general(const ucontext_t& context, int number) {
  static constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                   REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[number]]);
}

template <class T>
int64_t displacement(const uint8_t* code) {
  T value;
  std::memcpy(&value, code, sizeof value);
  return value;
}

/// The operand behind ModRM; `scale` multiplies a displacement of one byte.
void operand(const ucontext_t& context, const uint8_t* start, const uint8_t* modrm, int high_base,
             int high_index, int scale, Dot& out) {
  const int mode = *modrm >> 6;
  int base = *modrm & 7;
  if (mode == 3) {
    out.b = base | high_base << 3 | (scale > 1 ? high_index << 4 : 0);
    out.length = static_cast<int>(modrm + 1 - start);
    return;
  }
  const uint8_t* p = modrm + 1;
  uint64_t address = 0;
  bool absolute = false;
  if (base == 4) {
    const int sib = *p++;
    const int index = ((sib >> 3) & 7) | high_index << 3;
    base = sib & 7;
    if (index != 4) address += general(context, index) << (sib >> 6);
    absolute = base == 5 && mode == 0;
  }
  const bool relative = (*modrm & 7) == 5 && mode == 0;
  if (!absolute && !relative) address += general(context, base | high_base << 3);
  int64_t offset = 0;
  if (mode == 1) offset = displacement<int8_t>(p++) * scale;
  if (mode == 2 || absolute || relative) {
    offset = displacement<int32_t>(p);
    p += 4;
  }
  if (relative) address += reinterpret_cast<uint64_t>(p);
  out.at = reinterpret_cast<const std::byte*>(address + static_cast<uint64_t>(offset));
  out.length = static_cast<int>(p - start);
}

std::optional<Dot> decode(const ucontext_t& context) {
  const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  const bool wide_prefix = code[0] == 0x62;
  if (!wide_prefix && code[0] != 0xc4) return std::nullopt;
  const int high_reg = (~code[1] >> 7) & 1;
  const int high_index = (~code[1] >> 6) & 1;
  const int high_base = (~code[1] >> 5) & 1;
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
  out.c = ((opcode[1] >> 3) & 7) | high_reg << 3;
  operand(context, code, opcode + 1, high_base, high_index, scale, out);
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

void on_illegal(int, siginfo_t*, void* raw) {
  auto& context = *static_cast<ucontext_t*>(raw);
  const std::optional<Dot> dot = decode(context);
  if (!dot) {
    (void)std::signal(SIGILL, SIG_DFL);
    return;
  }
  carry_out(*dot, {reinterpret_cast<std::byte*>(context.uc_mcontext.fpregs)});
  context.uc_mcontext.gregs[REG_RIP] += dot->length;
  carried_out = carried_out + 1;
}

}  // namespace

SoftwareDots::SoftwareDots() {
  carried_out = 0;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before_);
}

SoftwareDots::~SoftwareDots() { sigaction(SIGILL, &before_, nullptr); }

int64_t SoftwareDots::count() { return carried_out; }

namespace {

TEST(SoftwareDots, other_illegal_instructions_end_the_process) {
  const SoftwareDots dots;
  EXPECT_EXIT(asm volatile("ud2"), ::testing::KilledBySignal(SIGILL), "");
}

}  // namespace

}  // namespace tenon::target::testing
