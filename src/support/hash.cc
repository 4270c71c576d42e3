#include "support/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tenon {

uint64_t hash_bytes(const void* data, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}

HashStream::HashStream() : state_(XXH3_createState()) {
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_));
}
HashStream::~HashStream() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }
void HashStream::update(const void* data, size_t size) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_), data, size);
}
uint64_t HashStream::digest() const {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state_));
}

}  // namespace tenon
