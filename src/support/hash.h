// Hashing: a 64-bit mixer for interning and XXH3 (xxHash) for content.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon {

/// Mixes `value` into `seed`; not stable across releases, so never written to a file.
[[nodiscard]] constexpr uint64_t hash_mix(uint64_t seed, uint64_t value) {
  uint64_t x = (seed ^ value) * 0x9e3779b97f4a7c15ULL;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  return x ^ (x >> 32) ^ (seed << 7);
}

/// XXH3-64 of a byte range: stable, for checksums and cache keys.
[[nodiscard]] uint64_t hash_bytes(const void* data, size_t size, uint64_t seed = 0);

/// The same hash of bytes that arrive in pieces.
class HashStream {
 public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;
  void update(const void* data, size_t size);
  [[nodiscard]] uint64_t digest() const;

 private:
  void* state_;
};

}  // namespace tenon
