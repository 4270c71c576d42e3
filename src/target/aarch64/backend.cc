#include "target/aarch64/backend.h"

#include <llvm/BinaryFormat/ELF.h>
#include <llvm/Support/TargetSelect.h>

namespace tenon::target::aarch64 {
namespace {

using via_llvm::LibraryFunction;
using via_llvm::Relocated;
using via_llvm::Relocation;

// mov x3,x0; subs x2,x2,16; b.lo 2f; 1: ldr q0,[x1],16; str q0,[x3],16; subs x2,x2,16; b.hs 1b;
// 2: adds x2,x2,16; b.eq 4f; 3: ldrb w4,[x1],1; strb w4,[x3],1; subs x2,x2,1; b.ne 3b; 4: ret
constexpr uint32_t kMemcpy[] = {0xaa0003e3, 0xf1004042, 0x540000a3, 0x3cc10420, 0x3c810460,
                                0xf1004042, 0x54ffffa2, 0xb1004042, 0x540000a0, 0x38401424,
                                0x38001464, 0xf1000442, 0x54ffffa1, 0xd65f03c0};
// mov x3,x0; dup v0.16b,w1; subs x2,x2,16; b.lo 2f; 1: str q0,[x3],16; subs x2,x2,16; b.hs 1b;
// 2: adds x2,x2,16; b.eq 4f; 3: strb w1,[x3],1; subs x2,x2,1; b.ne 3b; 4: ret
constexpr uint32_t kMemset[] = {0xaa0003e3, 0x4e010c20, 0xf1004042, 0x54000083, 0x3c810460,
                                0xf1004042, 0x54ffffc2, 0xb1004042, 0x54000080, 0x38001461,
                                0xf1000442, 0x54ffffc1, 0xd65f03c0};
// cbz x2,3f; sub x3,x0,x1; cmp x3,x2; b.lo 4f; mov x3,x0; 2: ldrb w4,[x1],1; strb w4,[x3],1;
// subs x2,x2,1; b.ne 2b; 3: ret; 4: sub x2,x2,1; ldrb w4,[x1,x2]; strb w4,[x0,x2]; cbnz x2,4b; ret
constexpr uint32_t kMemmove[] = {0xb4000122, 0xcb010003, 0xeb02007f, 0x540000e3, 0xaa0003e3,
                                 0x38401424, 0x38001464, 0xf1000442, 0x54ffffa1, 0xd65f03c0,
                                 0xd1000442, 0x38626824, 0x38226804, 0xb5ffffa2, 0xd65f03c0};

template <size_t kCount>
std::string_view code(const uint32_t (&words)[kCount]) {
  return {reinterpret_cast<const char*>(words), sizeof words};
}

std::span<const LibraryFunction> library() {
  static const LibraryFunction kLibrary[] = {
      {"memcpy", code(kMemcpy)}, {"memset", code(kMemset)}, {"memmove", code(kMemmove)}};
  return kLibrary;
}

/// Bits of an instruction: the value's low bits at its place.
Relocated fill(std::span<std::byte> blob, uint64_t place, uint32_t value, unsigned first) {
  uint32_t word = 0;
  __builtin_memcpy(&word, blob.subspan(place, sizeof word).data(), sizeof word);
  via_llvm::put(blob, place, word | value << first);
  return Relocated::done;
}

/// The low 12 bits of an address, in units of 2^shift bytes: an immediate of loads and stores.
Relocated fill_low(std::span<std::byte> blob, const Relocation& r, unsigned shift) {
  constexpr uint64_t kPage = 4096;
  return fill(blob, r.place, static_cast<uint32_t>(r.target % kPage >> shift), 10);
}

/// Where `value` fits into `bits` bits with a sign.
bool fits(int64_t value, int bits) {
  return value >= -(int64_t{1} << (bits - 1)) && value < int64_t{1} << (bits - 1);
}

Relocated relocate(std::span<std::byte> blob, const Relocation& r) {
  using namespace llvm::ELF;
  const auto distance = static_cast<int64_t>(r.target - r.place);
  switch (r.type) {
    case R_AARCH64_ADR_PREL_PG_HI21: {
      // Pages of 4 KiB, whatever the system's are: the blob starts at one.
      const auto pages = static_cast<int64_t>((r.target >> 12) - (r.place >> 12));
      if (!fits(pages, 21)) return Relocated::out_of_range;
      const auto bits = static_cast<uint32_t>(pages);
      (void)fill(blob, r.place, bits & 3, 29);
      return fill(blob, r.place, bits >> 2 & 0x7ffff, 5);
    }
    case R_AARCH64_ADD_ABS_LO12_NC:
    case R_AARCH64_LDST8_ABS_LO12_NC:
      return fill_low(blob, r, 0);
    case R_AARCH64_LDST16_ABS_LO12_NC:
      return fill_low(blob, r, 1);
    case R_AARCH64_LDST32_ABS_LO12_NC:
      return fill_low(blob, r, 2);
    case R_AARCH64_LDST64_ABS_LO12_NC:
      return fill_low(blob, r, 3);
    case R_AARCH64_LDST128_ABS_LO12_NC:
      return fill_low(blob, r, 4);
    case R_AARCH64_CALL26:
    case R_AARCH64_JUMP26:
      if (!fits(distance, 28)) return Relocated::out_of_range;
      return fill(blob, r.place, static_cast<uint32_t>(distance >> 2) & 0x3ffffff, 0);
    case R_AARCH64_PREL32:
      if (!fits(distance, 32)) return Relocated::out_of_range;
      via_llvm::put(blob, r.place, static_cast<int32_t>(distance));
      return Relocated::done;
    case R_AARCH64_PREL64:
      via_llvm::put(blob, r.place, distance);
      return Relocated::done;
    default:
      return Relocated::unknown_type;
  }
}

void register_with_llvm() {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
}

}  // namespace

const via_llvm::Backend& backend() {
  static const via_llvm::Backend row{
      .triple = "aarch64-unknown-linux-gnu",
      .cpu = "generic",
      .register_with_llvm = register_with_llvm,
      .decorate = nullptr,
      .instructions = instructions(),
      .mathematics = {},
      .library = library(),
      .relocate = relocate,
  };
  return row;
}

}  // namespace tenon::target::aarch64
