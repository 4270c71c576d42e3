#include "support/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/text.h"

namespace tenon {
namespace {

std::string reason() { return std::strerror(errno); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Where a link leads, so that what is written to /dev/stdout is; else the path itself.
std::string behind_links(const std::string& path) {
  struct stat st{};
  if (lstat(path.c_str(), &st) != 0 || !S_ISLNK(st.st_mode)) return path;
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : path;
}

std::string temporary_name(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return cat(path, ".", getpid(), ".", counter.fetch_add(1), ".tmp");
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // Not to wait for a writer where the name is that of a pipe.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail("file.open", cat("cannot open '", path, "': ", reason()));
  struct stat st{};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return fail("file.open", cat("'", path, "' is not a regular file"));
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->size_ = static_cast<size_t>(st.st_size);
  if (file->size_ > 0) {
    void* data = mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      file->size_ = 0;
      close(fd);
      return fail("file.read", cat("cannot map '", path, "': ", reason()));
    }
    file->data_ = static_cast<const std::byte*>(data);
  }
  close(fd);
  return file;
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::string> read_file(const std::string& path) {
  std::string text;
  if (path == "-") {
    char buffer[1 << 16];
    while (const size_t n = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, n);
    return text;
  }
  TENON_TRY(const auto file, MappedFile::open(path));
  text.assign(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  return text;
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file;
  file.path_ = behind_links(path);
  struct stat st{};
  if (stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return fail("file.write", cat("cannot write '", path, "': ",
                                  S_ISDIR(st.st_mode) ? std::strerror(EISDIR)
                                                      : "it is a device or a pipe; name a file"));
  file.fd_ = open(folder_of(file.path_).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
  if (file.fd_ < 0) {
    const std::string name = temporary_name(file.path_);
    file.fd_ = open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
    if (file.fd_ >= 0) file.temporary_ = TemporaryName(name);
  }
  if (file.fd_ < 0) {
    return fail("file.write", cat("cannot write '", path, "': ", reason()));
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("file.write", cat("cannot write '", path_, "': ", reason()));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status AtomicFile::write_at(size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("file.write", cat("cannot write '", path_, "': ", reason()));
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<size_t>(n);
  }
  return {};
}

Status AtomicFile::commit() {
  // The bytes reach the disk before the name does, so that a crash leaves the old file or the new.
  if (fdatasync(fd_) != 0 && errno != EINVAL)
    return fail("file.write", cat("cannot write '", path_, "': ", reason()));
  if (temporary_.path().empty()) {
    // A nameless file can only be linked under a free name: at best the wanted one. Where that is
    // taken, a rename replaces it atomically.
    const std::string open_file = cat("/proc/self/fd/", fd_);
    if (linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      close(std::exchange(fd_, -1));
      return {};
    }
    const std::string name = temporary_name(path_);
    if (linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return fail("file.write", cat("cannot write '", path_, "': ", reason()));
    temporary_ = TemporaryName(name);
  }
  if (rename(temporary_.path().c_str(), path_.c_str()) != 0)
    return fail("file.write", cat("cannot write '", path_, "': ", reason()));
  temporary_.release();
  close(std::exchange(fd_, -1));
  return {};
}

Status make_folder(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    struct stat st{};
    // A folder that is there may lie in one that must not be written.
    if (stat(part.c_str(), &st) == 0) {
      if (!S_ISDIR(st.st_mode))
        return fail("file.write", cat("cannot make folder '", path, "': '", part,
                                      "' is a file; name another folder"));
    } else if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail("file.write", cat("cannot make folder '", part, "': ", reason()));
    }
    if (at == std::string::npos) return {};
  }
}

Status flush_output() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return {};
  return fail("file.write",
              cat("cannot write all of the standard output", errno == 0 ? "" : ": " + reason(),
                  "; let it go where there is space"));
}

Status write_file(const std::string& path, std::span<const std::byte> bytes) {
  TENON_TRY(AtomicFile file, AtomicFile::create(path));
  TENON_TRY_VOID(file.write(bytes));
  return file.commit();
}

}  // namespace tenon
