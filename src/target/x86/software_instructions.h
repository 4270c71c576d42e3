// Instructions that this CPU lacks, carried out in software on the very object code. Tests only.
#pragma once

#include <csignal>
#include <cstdint>

namespace tenon::target::testing {

/// While it lives, each of these that is illegal here is carried out:
///   vpdpbusd (VEX), vdpbf16ps and vpbroadcastd of a general register (EVEX, no mask) on registers
///     0 to 15 of 128 or 256 bits: the result goes into the signal's frame, where the registers are
///     restored from;
///   those of AMX with tiles of int8 and bf16 (software_tiles.h), on tiles in this process' memory.
/// Every other illegal instruction, and a use of tiles that AMX refuses, ends the process as ever.
/// One at a time.
class SoftwareInstructions {
 public:
  SoftwareInstructions();
  ~SoftwareInstructions();
  SoftwareInstructions(const SoftwareInstructions&) = delete;
  SoftwareInstructions& operator=(const SoftwareInstructions&) = delete;
  /// How many were carried out.
  [[nodiscard]] static int64_t count();

 private:
  struct sigaction before_ = {};
};

}  // namespace tenon::target::testing
