// What every function of the C API that compiles has in common: options of C, progress, stopping.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "artifact/model.h"
#include "c_api/call.h"
#include "compiler/compiler.h"
#include "runtime/model.h"
#include "support/result.h"
#include "tenon/compiler.h"

namespace tenon::c_api {

template <>
inline constexpr size_t kFirstBytes<tenon_compile_options> =
    offsetof(tenon_compile_options, reshape);

using MakeModel = std::function<Result<std::shared_ptr<const runtime::Model>>(
    const tenon_compile_options& given, const compiler::Options& options)>;

/// The options of C, which may be NULL, as those of the compiler, but for progress. Refuses values
/// that no option has ("api.value").
[[nodiscard]] Result<compiler::Options> compile_options(const tenon_compile_options* options);

/// The handle of what `make` gives under these options. Refuses "compile.stopped" once the caller's
/// progress function asked so.
[[nodiscard]] Result<tenon_model*> compile_with(const tenon_compile_options* options,
                                                const std::string& about, const MakeModel& make);

/// A compiled model, also one for another CPU, which does not run.
[[nodiscard]] Result<std::shared_ptr<const runtime::Model>> to_run(Result<artifact::Model> tables);

}  // namespace tenon::c_api
