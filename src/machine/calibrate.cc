#include "machine/calibrate.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "machine/machine.h"
#include "support/cpu.h"

namespace tenon::machine {
namespace {

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
#define TENON_FMA_LOOP(Vector, in_register)                        \
  std::array<Vector, kAccumulators> sums{};                        \
  Vector x{};                                                      \
  Vector y{};                                                      \
  for (int64_t i = 0; i < steps; ++i) {                            \
    _Pragma("unroll") for (size_t j = 0; j < kAccumulators; ++j) { \
      sums[j] = __builtin_elementwise_fma(x, y, sums[j]);          \
      __asm__ volatile("" : "+" in_register(sums[j]));             \
    }                                                              \
  }

#define TENON_READ_LOOP(Vector, in_register)                                    \
  const auto* p = static_cast<const Vector*>(data);                             \
  for (int64_t i = 0; i < bytes / static_cast<int64_t>(sizeof(Vector)); i += 8) \
    _Pragma("unroll") for (int64_t j = 0; j < 8; ++j) {                         \
      Vector v = p[i + j];                                                      \
      __asm__ volatile("" : : in_register(v));                                  \
    }

constexpr size_t kAccumulators = 12;

/// The same loops for vectors of one width.
struct Loops {
  int vector_bytes = 0;  // 0: this CPU lacks what the rows of machines have in common
  void (*fma)(int64_t steps) = nullptr;
  void (*read)(const void* data, int64_t bytes) = nullptr;  // a multiple of 512
};

#if defined(__x86_64__)
using Wide = float __attribute__((vector_size(64), aligned(64)));
using Half = float __attribute__((vector_size(32), aligned(32)));

__attribute__((target("avx512f"), noinline)) void fma_512(int64_t steps) {
  TENON_FMA_LOOP(Wide, "v")
}
__attribute__((target("avx2,fma"), noinline)) void fma_256(int64_t steps) {
  TENON_FMA_LOOP(Half, "v")
}
__attribute__((target("avx512f"), noinline)) void read_512(const void* data, int64_t bytes) {
  TENON_READ_LOOP(Wide, "v")
}
__attribute__((target("avx2"), noinline)) void read_256(const void* data,
                                                        int64_t bytes){TENON_READ_LOOP(Half, "v")}

Loops loops() {
  if (has_feature("avx512f")) return {64, fma_512, read_512};
  if (has_feature("avx2") && has_feature("fma")) return {32, fma_256, read_256};
  return {};
}
#elif defined(__aarch64__)
using Vector = float __attribute__((vector_size(16), aligned(16)));

__attribute__((noinline)) void fma_128(int64_t steps) { TENON_FMA_LOOP(Vector, "w") }
__attribute__((noinline)) void read_128(const void* data,
                                        int64_t bytes){TENON_READ_LOOP(Vector, "w")}

Loops loops() {
  return {16, fma_128, read_128};
}
#endif

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
  const Loops run = loops();
  if (run.vector_bytes == 0) return peaks;
  constexpr int64_t kSteps = 20000;
  const int lanes = run.vector_bytes / 4;
  const double flops = static_cast<double>(kSteps) * kAccumulators * 2 * lanes;
  peaks.f32_gflops = best_rate(flops, 0.012, [&] { run.fma(kSteps); }) * 1e-9;
  const Machine& m = host();
  const int64_t dram =
      std::min(kMostDramBytes, std::max(2 * m.l3_bytes, int64_t{16} << 20)) / 512 * 512;
  const Pages pages(static_cast<size_t>(dram));
  if (pages.data() == nullptr) return peaks;
  const auto read_rate = [&](int64_t bytes, double budget) {
    const int64_t passes = std::max<int64_t>(1, (int64_t{2} << 20) / bytes);
    const auto work = [&] {
      for (int64_t i = 0; i < passes; ++i) run.read(pages.data(), bytes);
    };
    return best_rate(static_cast<double>(bytes * passes), budget, work) * 1e-9;
  };
  peaks.l1_gbs = read_rate(m.l1_bytes / 2 / 512 * 512, 0.004);
  peaks.l2_gbs = read_rate(m.l2_bytes / 2 / 512 * 512, 0.006);
  peaks.dram_gbs = read_rate(dram, 0.02);
  return peaks;
}

}  // namespace tenon::machine
