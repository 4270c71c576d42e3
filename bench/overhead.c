/* How long tenon_run takes on a bound instance: overhead MODEL.tenon RUNS. Inputs are floats of one
 * fixed shape. Prints the median of 50 rounds, in nanoseconds. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tenon/tenon.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void must(tenon_error* error) {
  if (!error) return;
  fprintf(stderr, "%s\n", tenon_error_text(error));
  exit(1);
}

int main(int argc, char** argv) {
  const long runs = argc > 2 ? atol(argv[2]) : 1000;
  enum { kRounds = 50 };
  double times[kRounds];
  tenon_model* model = NULL;
  tenon_pool* pool = NULL;
  tenon_instance* instance = NULL;
  tenon_instance_options options = {sizeof options};
  tenon_pool_options one = {sizeof one};
  tenon_model_info info = {sizeof info};
  tenon_value value = {sizeof value};
  tenon_tensor x = {sizeof x};
  one.threads = 1;
  must(tenon_load(argv[1], NULL, &model));
  must(tenon_pool_create(&one, &pool));
  options.pool = pool;
  must(tenon_instance_create(model, &options, &instance));
  must(tenon_model_describe(model, &info));
  must(tenon_model_input(model, 0, &value));
  x.type = value.type;
  x.rank = value.rank;
  x.shape = value.extents;
  x.bytes = sizeof(float);
  for (int32_t d = 0; d < value.rank; ++d) x.bytes *= (size_t)value.extents[d];
  x.data = calloc(1, x.bytes);
  for (size_t i = 0; i < info.input_count; ++i) must(tenon_bind_input(instance, i, &x));
  must(tenon_run(instance));
  for (int r = 0; r < kRounds; ++r) {
    const double start = now();
    for (long i = 0; i < runs; ++i) must(tenon_run(instance));
    times[r] = (now() - start) / (double)runs;
  }
  qsort(times, kRounds, sizeof times[0], compare);
  printf("%.1f\n", times[kRounds / 2]);
  tenon_instance_release(instance);
  tenon_pool_release(pool);
  tenon_model_release(model);
  free(x.data);
  return 0;
}
