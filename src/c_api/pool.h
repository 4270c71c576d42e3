// How the pool of an instance is made.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/thread_pool.h"
#include "support/result.h"

namespace tenon::c_api {

/// 0 threads: default_threads(). Refuses others than 0 to TENON_MAX_THREADS ("run.threads").
[[nodiscard]] Result<std::shared_ptr<runtime::ThreadPool>> make_pool(
    int32_t threads, runtime::ParallelFor caller = {}, const runtime::WorkerOptions& workers = {});

}  // namespace tenon::c_api
