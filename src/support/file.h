// Files: read-only mappings, and writing that leaves either the whole new file or nothing behind,
// also when the process is interrupted.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "support/result.h"

namespace tenon {

/// A whole file mapped read-only; unmapped with the last owner. An empty file has an empty range.
class MappedFile {
 public:
  /// Refuses directories and files that cannot be read ("file.open", "file.read").
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// The whole of a text file, or of standard input for "-".
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// A file that is removed when this goes out of scope, and also when the process is interrupted, if
/// remove_temporaries_on_signals() was called.
class TemporaryName {
 public:
  TemporaryName() = default;
  explicit TemporaryName(std::string path);
  TemporaryName(TemporaryName&& other) noexcept;
  TemporaryName& operator=(TemporaryName&& other) noexcept;
  ~TemporaryName() { remove(); }

  [[nodiscard]] const std::string& path() const { return path_; }  // "" when there is none
  /// Forgets the file, which has become something else.
  void release();

 private:
  void remove();
  std::string path_;
  int slot_ = -1;
};

/// Makes SIGINT, SIGTERM and SIGHUP remove what is still temporary before they end the process. For
/// main programs.
void remove_temporaries_on_signals();

/// Writes a file under its final name only at `commit`. Until then the data belongs to a nameless
/// file (or, where the file system has none, to a temporary one that the destructor removes).
/// Folders, devices and pipes are refused: the file would take their place. Links stay; what they
/// lead to is written.
class AtomicFile {
 public:
  [[nodiscard]] static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  /// Appends.
  [[nodiscard]] Status write(std::span<const std::byte> bytes);
  /// Overwrites bytes written before.
  [[nodiscard]] Status write_at(size_t offset, std::span<const std::byte> bytes);
  /// Gives the file its name, replacing an older file of that name.
  [[nodiscard]] Status commit();

 private:
  AtomicFile() = default;
  std::string path_;
  TemporaryName temporary_;  // none while the file has no name
  int fd_ = -1;
};

/// Makes a folder, and those that it lies in, where they are missing ("file.write").
[[nodiscard]] Status make_folder(const std::string& path);

/// Writes out what was printed. What did not arrive, since a disk is full, is an error
/// ("file.write").
[[nodiscard]] Status flush_output();

/// Writes a small file in one go, atomically.
[[nodiscard]] Status write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace tenon
