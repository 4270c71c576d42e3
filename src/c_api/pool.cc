// Threads that instances share.
#include "c_api/pool.h"

#include <sched.h>

#include <algorithm>

#include "c_api/objects.h"
#include "runtime/thread_pool.h"

namespace tenon::c_api {
namespace {

Result<runtime::WorkerOptions> read_workers(const tenon_pool_options& o) {
  runtime::WorkerOptions workers;
  workers.niceness = o.niceness;
  if (o.spin != 0) workers.spin = std::chrono::nanoseconds(std::max<int64_t>(o.spin, 0));
  constexpr int32_t kWidestStep = 39;  // from 19 to -20
  if (o.niceness < -kWidestStep || o.niceness > kWidestStep)
    return fail("api.value", cat("niceness ", o.niceness, " is not -39 to 39"));
  if (o.cpu_count > 0) TENON_TRY_VOID(require(o.cpus, "options->cpus"));
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return workers;  // nobody can tell
  for (size_t i = 0; i < o.cpu_count; ++i) {
    if (o.cpus[i] < 0 || o.cpus[i] >= CPU_SETSIZE ||
        !CPU_ISSET(static_cast<size_t>(o.cpus[i]), &allowed))
      return fail("api.value", cat("the process may not use processor ", o.cpus[i],
                                   "; take one of its affinity mask"));
    workers.cpus.push_back(o.cpus[i]);
  }
  return workers;
}

}  // namespace

Result<std::shared_ptr<runtime::ThreadPool>> make_pool(int32_t threads, runtime::ParallelFor caller,
                                                       const runtime::WorkerOptions& workers) {
  if (threads < 0 || threads > TENON_MAX_THREADS)
    return fail("run.threads", cat("cannot run with ", threads, " threads; give 1 to ",
                                   TENON_MAX_THREADS, ", or 0 for all cores"));
  if (threads == 0) threads = runtime::default_threads();
  // shared: by instances
  return caller.run != nullptr ? std::make_shared<runtime::ThreadPool>(threads, caller)
                               : std::make_shared<runtime::ThreadPool>(threads, workers);
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_pool_create(const tenon_pool_options* options, tenon_pool** pool) {
  if (pool != nullptr) *pool = nullptr;
  return call({"tenon_pool_create"}, [&]() -> Status {
    TENON_TRY_VOID(require(pool, "pool"));
    TENON_TRY(const auto o, read_struct(options));
    TENON_TRY(const runtime::WorkerOptions workers, read_workers(o));
    TENON_TRY(auto made, make_pool(o.threads, {o.parallel_for, o.parallel_user}, workers));
    if (made->threads() < o.threads)
      Log{o.log, o.log_user}(TENON_LOG_WARNING, "pool",
                             cat("the system gives ", made->threads(), " of ", o.threads,
                                 " threads; results are the same"));
    *pool = new tenon_pool{std::move(made)};
    return {};
  });
}

int32_t tenon_pool_threads(const tenon_pool* pool) {
  return pool == nullptr ? 0 : pool->pool->threads();
}

void tenon_pool_release(tenon_pool* pool) { delete pool; }
