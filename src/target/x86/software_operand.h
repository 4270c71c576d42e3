// The operand of an x86 instruction in memory, from its bytes and the registers of a signal's
// frame. Tests only.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <cstring>

namespace tenon::target::testing {

inline uint64_t general_register(const ucontext_t& context, int number) {
  static constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                   REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[number]]);
}

/// Highest bits of the numbers of an instruction's registers, as VEX and EVEX hold them.
struct HighBits {
  int reg, index, base;  // 0 or 1
  explicit HighBits(uint8_t prefix)
      : reg(~prefix >> 7 & 1), index(~prefix >> 6 & 1), base(~prefix >> 5 & 1) {}
};

struct MemoryOperand {
  uint64_t start = 0;  // base and displacement
  uint64_t index = 0;  // times its scale; to be added, or the distance of a tile's rows
  bool has_sib = false;
  const uint8_t* end = nullptr;  // of the operand's bytes
};

/// What a ModRM byte of another mode than 3 addresses; `scale` multiplies displacements of a byte.
inline MemoryOperand memory_operand(const ucontext_t& context, const uint8_t* modrm, HighBits high,
                                    int scale) {
  const auto read = [](const uint8_t* at) {
    int32_t value;
    std::memcpy(&value, at, sizeof value);
    return static_cast<uint64_t>(int64_t{value});
  };
  const int mode = *modrm >> 6;
  int base = *modrm & 7;
  const uint8_t* p = modrm + 1;
  MemoryOperand out;
  out.has_sib = base == 4;
  const bool relative = base == 5 && mode == 0;  // to the next instruction
  if (out.has_sib) {
    const int sib = *p++;
    const int index = (sib >> 3 & 7) | high.index << 3;
    base = sib & 7;
    if (index != 4) out.index = general_register(context, index) << (sib >> 6);
  }
  const bool absolute = out.has_sib && base == 5 && mode == 0;
  if (!absolute && !relative) out.start = general_register(context, base | high.base << 3);
  if (mode == 1) out.start += static_cast<uint64_t>(int64_t{static_cast<int8_t>(*p++)} * scale);
  if (mode == 2 || absolute || relative) {
    out.start += read(p);
    p += 4;
  }
  if (relative) out.start += reinterpret_cast<uint64_t>(p);
  out.end = p;
  return out;
}

}  // namespace tenon::target::testing
