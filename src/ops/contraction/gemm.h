// Matrix products of the reference: double precision, cache-blocked and packed, so that whole
// networks evaluate in seconds; and wrapping 64-bit integers.
#pragma once

#include <cstdint>

namespace tenon::ops {

/// c[m, n] = a[m, k] * b[k, n]; row-major with the given row strides. Sums are in double.
void gemm(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
          int64_t ldb, double* c, int64_t ldc);
/// The same modulo 2^64.
void gemm(int64_t m, int64_t n, int64_t k, const int64_t* a, int64_t lda, const int64_t* b,
          int64_t ldb, int64_t* c, int64_t ldc);

}  // namespace tenon::ops
