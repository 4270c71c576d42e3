// The classic blocking: panels of b (kDepth x kCols) and of a (kRows x kDepth) are packed into
// contiguous memory and multiplied by a 4x8 kernel whose accumulators stay in vector registers.
#include "ops/contraction/gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "support/cpu.h"

namespace tenon::ops {
namespace {

constexpr int64_t kTileRows = 4;
constexpr int64_t kTileCols = 8;
constexpr int64_t kDepth = 256;
constexpr int64_t kRows = 96;
constexpr int64_t kCols = 512;

using Vec = double __attribute__((vector_size(32)));

/// acc[4, 8] += sum over k of a[k, 4] * b[k, 8], written into a row-major tile.
TENON_VECTOR_CLONES void tile(int64_t k, const double* a, const double* b, double* out) {
  Vec c00{}, c01{}, c10{}, c11{}, c20{}, c21{}, c30{}, c31{};
  for (int64_t i = 0; i < k; ++i, a += kTileRows, b += kTileCols) {
    Vec b0;
    Vec b1;
    std::memcpy(&b0, b, sizeof b0);
    std::memcpy(&b1, b + 4, sizeof b1);
    c00 += b0 * a[0];
    c01 += b1 * a[0];
    c10 += b0 * a[1];
    c11 += b1 * a[1];
    c20 += b0 * a[2];
    c21 += b1 * a[2];
    c30 += b0 * a[3];
    c31 += b1 * a[3];
  }
  const Vec rows[8] = {c00, c01, c10, c11, c20, c21, c30, c31};
  std::memcpy(out, rows, sizeof rows);
}

/// a[rows, depth] as tiles of 4 rows, k-major; missing rows are zero.
void pack_a(int64_t rows, int64_t depth, const double* a, int64_t lda, double* to) {
  for (int64_t i = 0; i < rows; i += kTileRows) {
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t r = 0; r < kTileRows; ++r) *to++ = i + r < rows ? a[(i + r) * lda + k] : 0;
  }
}

/// b[depth, cols] as tiles of 8 columns, k-major; missing columns are zero.
void pack_b(int64_t depth, int64_t cols, const double* b, int64_t ldb, double* to) {
  for (int64_t j = 0; j < cols; j += kTileCols) {
    const int64_t width = std::min(kTileCols, cols - j);
    for (int64_t k = 0; k < depth; ++k, to += kTileCols) {
      const double* from = b + k * ldb + j;
      for (int64_t r = 0; r < width; ++r) to[r] = from[r];
      for (int64_t r = width; r < kTileCols; ++r) to[r] = 0;
    }
  }
}

/// For few rows packing b costs more than it saves: c[m, n] += a * b, streaming b once.
TENON_VECTOR_CLONES void multiply_rows(int64_t m, int64_t n, int64_t k, const double* a,
                                       int64_t lda, const double* b, int64_t ldb, double* c,
                                       int64_t ldc) {
  const int64_t wide = n / 4 * 4;
  for (int64_t p = 0; p < k; ++p, b += ldb) {
    for (int64_t i = 0; i < m; ++i) {
      const double factor = a[i * lda + p];
      double* to = c + i * ldc;
      for (int64_t j = 0; j < wide; j += 4) {
        Vec x;
        Vec sum;
        std::memcpy(&x, b + j, sizeof x);
        std::memcpy(&sum, to + j, sizeof sum);
        sum += x * factor;
        std::memcpy(to + j, &sum, sizeof sum);
      }
      for (int64_t j = wide; j < n; ++j) to[j] += factor * b[j];
    }
  }
}

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// c[rows, cols] += packed a * packed b.
void multiply_panels(int64_t rows, int64_t cols, int64_t depth, const double* a, const double* b,
                     double* c, int64_t ldc) {
  double out[kTileRows * kTileCols];
  for (int64_t j = 0; j < cols; j += kTileCols) {
    for (int64_t i = 0; i < rows; i += kTileRows) {
      tile(depth, a + i * depth, b + j * depth, out);
      const int64_t height = std::min(kTileRows, rows - i);
      const int64_t width = std::min(kTileCols, cols - j);
      for (int64_t r = 0; r < height; ++r)
        for (int64_t s = 0; s < width; ++s) c[(i + r) * ldc + j + s] += out[r * kTileCols + s];
    }
  }
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
          int64_t ldb, double* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0);
  if (m < kTileRows) return multiply_rows(m, n, k, a, lda, b, ldb, c, ldc);
  std::vector<double> packed_a(static_cast<size_t>(kDepth * kRows));
  std::vector<double> packed_b(
      static_cast<size_t>(kDepth * std::min(kCols, round_up(n, kTileCols))));
  for (int64_t j = 0; j < n; j += kCols) {
    const int64_t cols = std::min(kCols, n - j);
    for (int64_t p = 0; p < k; p += kDepth) {
      const int64_t depth = std::min(kDepth, k - p);
      pack_b(depth, cols, b + p * ldb + j, ldb, packed_b.data());
      for (int64_t i = 0; i < m; i += kRows) {
        const int64_t rows = std::min(kRows, m - i);
        pack_a(rows, depth, a + i * lda + p, lda, packed_a.data());
        multiply_panels(rows, cols, depth, packed_a.data(), packed_b.data(), c + i * ldc + j, ldc);
      }
    }
  }
}

void gemm(int64_t m, int64_t n, int64_t k, const int64_t* a, int64_t lda, const int64_t* b,
          int64_t ldb, int64_t* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) {
    std::vector<uint64_t> row(static_cast<size_t>(n), 0);
    for (int64_t p = 0; p < k; ++p) {
      const auto factor = static_cast<uint64_t>(a[i * lda + p]);
      const int64_t* from = b + p * ldb;
      for (int64_t j = 0; j < n; ++j)
        row[static_cast<size_t>(j)] += factor * static_cast<uint64_t>(from[j]);
    }
    for (int64_t j = 0; j < n; ++j)
      c[i * ldc + j] = static_cast<int64_t>(row[static_cast<size_t>(j)]);
  }
}

}  // namespace tenon::ops
