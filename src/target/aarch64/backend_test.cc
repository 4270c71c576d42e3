// How relocations of AArch64 are filled in, and which do not fit.
#include "target/aarch64/backend.h"

#include <gtest/gtest.h>
#include <llvm/BinaryFormat/ELF.h>

namespace tenon::target::aarch64 {
namespace {

using via_llvm::Relocated;
using namespace llvm::ELF;

/// An instruction at 0x1008 after a relocation against an address.
std::pair<Relocated, uint32_t> relocated(uint32_t type, uint64_t target, uint32_t word) {
  std::vector<std::byte> blob(0x2000);
  via_llvm::put<uint32_t>(blob, 0x1008, word);
  const Relocated how = backend().relocate(blob, {type, 0x1008, target});
  uint32_t out = 0;
  __builtin_memcpy(&out, &blob[0x1008], sizeof out);
  return {how, out};
}
std::pair<Relocated, uint32_t> done(uint32_t word) { return {Relocated::done, word}; }

TEST(AArch64, relocations_fill_in_their_bits) {
  // adrp x3, two pages on, one page back
  EXPECT_EQ(relocated(R_AARCH64_ADR_PREL_PG_HI21, 0x3ffc, 0x90000003), done(0xd0000003));
  EXPECT_EQ(relocated(R_AARCH64_ADR_PREL_PG_HI21, 0x10, 0x90000003), done(0xf0ffffe3));
  // add x3, x3, #0x7f8; ldrb, ldrh, ldr w, ldr x, ldr q from [x3, #0x7f0]
  EXPECT_EQ(relocated(R_AARCH64_ADD_ABS_LO12_NC, 0x57f8, 0x91000063), done(0x911fe063));
  EXPECT_EQ(relocated(R_AARCH64_LDST8_ABS_LO12_NC, 0x57f0, 0x39400063), done(0x395fc063));
  EXPECT_EQ(relocated(R_AARCH64_LDST16_ABS_LO12_NC, 0x57f0, 0x79400063), done(0x794fe063));
  EXPECT_EQ(relocated(R_AARCH64_LDST32_ABS_LO12_NC, 0x57f0, 0xb9400063), done(0xb947f063));
  EXPECT_EQ(relocated(R_AARCH64_LDST64_ABS_LO12_NC, 0x57f0, 0xf9400063), done(0xf943f863));
  EXPECT_EQ(relocated(R_AARCH64_LDST128_ABS_LO12_NC, 0x57f0, 0x3dc00063), done(0x3dc1fc63));
  // bl and b, forward and back
  EXPECT_EQ(relocated(R_AARCH64_CALL26, 0x1108, 0x94000000), done(0x94000040));
  EXPECT_EQ(relocated(R_AARCH64_JUMP26, 0x1000, 0x14000000), done(0x17fffffe));
  EXPECT_EQ(relocated(R_AARCH64_PREL32, 0x1000, 0), done(0xfffffff8));
}

TEST(AArch64, relocations_out_of_reach_or_unknown_are_told) {
  const auto how = [](uint32_t type, uint64_t target) { return relocated(type, target, 0).first; };
  EXPECT_EQ(how(R_AARCH64_CALL26, 0x1008 + (uint64_t{1} << 27) - 4), Relocated::done);
  EXPECT_EQ(how(R_AARCH64_CALL26, 0x1008 + (uint64_t{1} << 27)), Relocated::out_of_range);
  EXPECT_EQ(how(R_AARCH64_PREL32, uint64_t{1} << 32), Relocated::out_of_range);
  EXPECT_EQ(how(R_AARCH64_ADR_PREL_PG_HI21, uint64_t{1} << 33), Relocated::out_of_range);
  EXPECT_EQ(how(R_AARCH64_ABS64, 0), Relocated::unknown_type);
  EXPECT_EQ(how(R_AARCH64_ADR_GOT_PAGE, 0), Relocated::unknown_type);
}

}  // namespace
}  // namespace tenon::target::aarch64
