#include "frontend/onnx/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tenon::onnx_import {
namespace {

struct FileDescriptor {
  int value;
  ~FileDescriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path,
                                                           bool follow_links) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow_links ? 0 : O_NOFOLLOW);
  const FileDescriptor file{::open(path.c_str(), flags)};
  if (file.value < 0 && errno == ELOOP && !follow_links)
    return fail("file.link", path.string() + ": is a symbolic link; put a copy of the file there");
  if (file.value < 0) return fail("file.open", path.string() + ": " + std::strerror(errno));
  struct stat info{};
  if (::fstat(file.value, &info) != 0)
    return fail("file.open", path.string() + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail("file.open", path.string() + ": not a regular file");
  if (!follow_links && info.st_nlink > 1)
    return fail("file.link",
                path.string() + ": has several hard links; put a copy of the file there");
  const auto size = static_cast<size_t>(info.st_size);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (mapped == MAP_FAILED) return fail("file.open", path.string() + ": " + std::strerror(errno));
    data = static_cast<const std::byte*>(mapped);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace tenon::onnx_import
