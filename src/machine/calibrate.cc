#include "machine/calibrate.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "machine/machine.h"
#include "support/cpuid.h"

namespace tenon::machine {
namespace {

using Wide = float __attribute__((vector_size(64), aligned(64)));
using Half = float __attribute__((vector_size(32), aligned(32)));

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Best rate over runs that together take about `budget` seconds; `work` does `amount` units.
template <class Work>
double best_rate(double amount, double budget, const Work& work) {
  double best = 0;
  const double start = seconds();
  do {
    const double before = seconds();
    work();
    best = std::max(best, amount / (seconds() - before));
  } while (seconds() - start < budget);
  return best;
}

// Accumulators enough to hide the latency of four cycles on two pipes, with room for both operands.
// The empty assembler statement makes the compiler keep every product.
#define TENON_FMA_LOOP(Vector, count)                        \
  std::array<Vector, count> sums{};                          \
  Vector x{};                                                \
  Vector y{};                                                \
  for (int64_t i = 0; i < steps; ++i) {                      \
    _Pragma("unroll") for (size_t j = 0; j < (count); ++j) { \
      sums[j] = __builtin_elementwise_fma(x, y, sums[j]);    \
      __asm__ volatile("" : "+v"(sums[j]));                  \
    }                                                        \
  }

__attribute__((target("avx512f"), noinline)) void fma_512(int64_t steps) {
  TENON_FMA_LOOP(Wide, 12)
}
__attribute__((target("avx2,fma"), noinline)) void fma_256(int64_t steps) {
  TENON_FMA_LOOP(Half, 12)
}

#define TENON_READ_LOOP(Vector)                                                 \
  const auto* p = static_cast<const Vector*>(data);                             \
  for (int64_t i = 0; i < bytes / static_cast<int64_t>(sizeof(Vector)); i += 8) \
    _Pragma("unroll") for (int64_t j = 0; j < 8; ++j) {                         \
      Vector v = p[i + j];                                                      \
      __asm__ volatile("" : : "v"(v));                                          \
    }

/// `bytes` is a multiple of 512.
__attribute__((target("avx512f"), noinline)) void read_512(const void* data, int64_t bytes) {
  TENON_READ_LOOP(Wide)
}
__attribute__((target("avx2"), noinline)) void read_256(const void* data, int64_t bytes) {
  TENON_READ_LOOP(Half)
}

class Pages {
 public:
  explicit Pages(size_t bytes) : bytes_(bytes) {
    at_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at_ == MAP_FAILED) at_ = nullptr;
    if (at_ == nullptr) return;
    madvise(at_, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(at_)[i] = 1;
  }
  ~Pages() {
    if (at_ != nullptr) munmap(at_, bytes_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  [[nodiscard]] const void* data() const { return at_; }

 private:
  void* at_ = nullptr;
  size_t bytes_;
};

constexpr int64_t kMostDramBytes = int64_t{64} << 20;

}  // namespace

Peaks calibrate() {
  Peaks peaks;
  const bool wide = has_feature("avx512f");
  if (!wide && (!has_feature("avx2") || !has_feature("fma"))) return peaks;
  constexpr int64_t kSteps = 20000;
  const double flops = static_cast<double>(kSteps) * 12 * 2 * (wide ? 16 : 8);
  peaks.f32_gflops =
      best_rate(flops, 0.012, [&] { wide ? fma_512(kSteps) : fma_256(kSteps); }) * 1e-9;
  const Machine& m = host();
  const int64_t dram =
      std::min(kMostDramBytes, std::max(2 * m.l3_bytes, int64_t{16} << 20)) / 512 * 512;
  const Pages pages(static_cast<size_t>(dram));
  if (pages.data() == nullptr) return peaks;
  const auto read_rate = [&](int64_t bytes, double budget) {
    const int64_t passes = std::max<int64_t>(1, (int64_t{2} << 20) / bytes);
    const auto work = [&] {
      for (int64_t i = 0; i < passes; ++i)
        wide ? read_512(pages.data(), bytes) : read_256(pages.data(), bytes);
    };
    return best_rate(static_cast<double>(bytes * passes), budget, work) * 1e-9;
  };
  peaks.l1_gbs = read_rate(m.l1_bytes / 2 / 512 * 512, 0.004);
  peaks.l2_gbs = read_rate(m.l2_bytes / 2 / 512 * 512, 0.006);
  peaks.dram_gbs = read_rate(dram, 0.02);
  return peaks;
}

}  // namespace tenon::machine
