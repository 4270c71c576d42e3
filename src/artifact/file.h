// Reading and writing `.tenon` files.
//
// Layout, little-endian:
//   header     one page: magic, version, sizes and checksums (header itself, metadata, everything
//   after
//              the header; all XXH3-64)
//   metadata   every table of Model, counts before contents
//   code       page aligned, padded to a page
//   constants  page aligned; each 64-byte aligned
// A file is native code and as trusted as a shared library; checks guard against damage and
// accidents.
#pragma once

#include <string>

#include "artifact/model.h"
#include "support/result.h"

namespace tenon::artifact {

inline constexpr uint32_t kFormatVersion = 4;
inline constexpr uint64_t kPage = 4096;

struct ReadOptions {
  bool verify_whole = true;  // code and constants too; off for the compile cache's own files
  bool check_cpu = true;     // refuse code that this CPU cannot run
};

/// Maps the file; code and constants point into the mapping. Errors: "artifact.magic" (not a
/// compiled model), "artifact.version", "artifact.truncated", "artifact.checksum", "artifact.cpu",
/// "artifact.invalid".
[[nodiscard]] Result<Model> read(const std::string& path, const ReadOptions& options = {});

/// The same from memory; `bytes` must outlive the model.
[[nodiscard]] Result<Model> parse(std::span<const std::byte> bytes, const std::string& name,
                                  const ReadOptions& options = {});

/// The bytes that a file has, as its first page says. Errors are those of `read` about it.
[[nodiscard]] Result<uint64_t> file_bytes(std::span<const std::byte> page, const std::string& name);

/// Writes atomically: the file appears whole or not at all.
[[nodiscard]] Status write(const Model& model, const std::string& path);

/// True if the bytes begin like a compiled model of any version.
[[nodiscard]] bool is_artifact(std::span<const std::byte> bytes);

/// "artifact.cpu" with the names of the features that this CPU lacks.
[[nodiscard]] Status check_cpu(const Model& model, const std::string& name);

}  // namespace tenon::artifact
