// Dot products that this CPU lacks, carried out in software on the very object code. Tests only.
#pragma once

#include <csignal>
#include <cstdint>

namespace tenon::target::testing {

/// While it lives, an illegal vpdpbusd (VEX) or vdpbf16ps (EVEX, no mask) on registers 0 to 15 of
/// 128 or 256 bits computes its result in the signal's frame, where the registers are restored
/// from. Every other illegal instruction ends the process as ever. One at a time.
class SoftwareDots {
 public:
  SoftwareDots();
  ~SoftwareDots();
  SoftwareDots(const SoftwareDots&) = delete;
  SoftwareDots& operator=(const SoftwareDots&) = delete;
  /// How many were carried out.
  [[nodiscard]] static int64_t count();

 private:
  struct sigaction before_ = {};
};

}  // namespace tenon::target::testing
