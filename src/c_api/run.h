// One run of an instance that the caller has the use of.
#pragma once

#include <chrono>

#include "tenon/tenon.h"

namespace tenon::c_api {

[[nodiscard]] tenon_error* run_now(tenon_instance& instance,
                                   std::chrono::steady_clock::time_point deadline) noexcept;

}  // namespace tenon::c_api
