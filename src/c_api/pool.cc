// Threads that instances share.
#include "c_api/pool.h"

#include "c_api/objects.h"
#include "runtime/thread_pool.h"

namespace tenon::c_api {

Result<std::shared_ptr<runtime::ThreadPool>> make_pool(int32_t threads,
                                                       runtime::ParallelFor caller) {
  if (threads < 0 || threads > TENON_MAX_THREADS)
    return fail("run.threads", cat("cannot run with ", threads, " threads; give 1 to ",
                                   TENON_MAX_THREADS, ", or 0 for all cores"));
  if (threads == 0) threads = runtime::default_threads();
  // shared: by instances
  return caller.run != nullptr ? std::make_shared<runtime::ThreadPool>(threads, caller)
                               : std::make_shared<runtime::ThreadPool>(threads);
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_pool_create(const tenon_pool_options* options, tenon_pool** pool) {
  if (pool != nullptr) *pool = nullptr;
  return call({"tenon_pool_create"}, [&]() -> Status {
    TENON_TRY_VOID(require(pool, "pool"));
    TENON_TRY(const auto o, read_struct(options));
    TENON_TRY(auto made, make_pool(o.threads, {o.parallel_for, o.parallel_user}));
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
