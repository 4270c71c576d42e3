// A run whose sizes are known takes no memory: every way to the allocator is counted.
#include <atomic>
#include <cstdlib>

#include "c_api/testing.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TENON_SANITIZED
#endif
#endif

namespace {
std::atomic<size_t> taken{0};
}

#ifndef TENON_SANITIZED
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t n) {
  ++taken;
  return __libc_malloc(n);
}
void* calloc(size_t n, size_t each) {
  ++taken;
  return __libc_calloc(n, each);
}
void* realloc(void* p, size_t n) {
  ++taken;
  return __libc_realloc(p, n);
}
void* aligned_alloc(size_t alignment, size_t n) {
  ++taken;
  return __libc_memalign(alignment, n);
}
}
#endif

namespace tenon::c_api {
namespace {

TEST(Allocation, none_in_a_run_whose_sizes_are_known) {
#ifdef TENON_SANITIZED
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  const ModelHandle model = model_of(runtime::two_kernels());
  const PoolHandle pool = pool_of(2);
  const InstanceHandle instance = instance_of(model.get(), pool.get());
  Floats x({300, 70}, 1);
  Floats other({300, 70}, 2);
  std::vector<float> y(x.values.size());
  const size_t first = taken;
  const tenon_tensor a = x.tensor();
  const tenon_tensor b = other.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &a));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_GT(taken.load(), first);  // the count counts
  ASSERT_OK(tenon_set_deadline(instance.get(), uint64_t{3600} * 1000000000));
  ASSERT_OK(tenon_bind_output(instance.get(), 0, y.data(), y.size() * sizeof(float)));
  ASSERT_OK(tenon_run(instance.get()));
  const size_t before = taken;
  bool good = true;
  for (int i = 0; i < 20; ++i) {
    good = good && tenon_bind_input(instance.get(), 0, i % 2 == 0 ? &a : &b) == nullptr;
    good = good && tenon_run(instance.get()) == nullptr;
  }
  EXPECT_EQ(taken.load(), before);
  EXPECT_TRUE(good);
  EXPECT_EQ(y[0], 5.0F);
}

}  // namespace
}  // namespace tenon::c_api
