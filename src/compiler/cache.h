// The disk cache of compiled models: XDG_CACHE_HOME/tenon (or ~/.cache/tenon, or TENON_CACHE_DIR).
//
// An entry's name is the hash of the model's content, the target, the options and the compiler
// itself. Hashing half a gigabyte at each start would cost more than the start, so a second table
// maps a file's identity (device, inode, size, time) to its content hash, with the external data
// files that belong to it. Entries appear by atomic rename and are removed oldest first when the
// cache outgrows its bound, so any number of processes may share it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "support/result.h"

namespace tenon::compiler {

class Cache {
 public:
  /// `options` names everything besides the file that changes the result: target, precision,
  /// passes.
  Cache(std::string model_path, std::string options);

  /// Where the entry is, if there is one; marks it as used just now.
  [[nodiscard]] std::optional<std::string> find() const;
  /// Stores a compiled model; `external_files` are the model's data files beside the model itself.
  /// A cache that cannot be written is not an error of the run: false is returned.
  bool store(const artifact::Model& model, const std::vector<std::string>& external_files) const;

  [[nodiscard]] static std::string folder();

 private:
  [[nodiscard]] std::string entry_path(const std::string& content) const;

  std::string model_path_, options_;
};

/// Bytes that the cache may hold: TENON_CACHE_SIZE (such as 500M or 8G), 8 GiB by default; "usage"
/// for another form.
[[nodiscard]] Result<uint64_t> cache_limit();

}  // namespace tenon::compiler
