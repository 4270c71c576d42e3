// Byte streams of the metadata section: a writer, and a reader that never goes past its end and
// never allocates more than the stream can fill.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace tenon::artifact {

class Encoder {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void value(const T& v) {
    const auto* p = reinterpret_cast<const std::byte*>(&v);
    bytes_.insert(bytes_.end(), p, p + sizeof v);
  }
  void text(const std::string& s) {
    value(static_cast<uint32_t>(s.size()));
    const auto* p = reinterpret_cast<const std::byte*>(s.data());
    bytes_.insert(bytes_.end(), p, p + s.size());
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void table(const std::vector<T>& rows) {
    value(static_cast<uint64_t>(rows.size()));
    const auto* p = reinterpret_cast<const std::byte*>(rows.data());
    bytes_.insert(bytes_.end(), p, p + rows.size() * sizeof(T));
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// After a read past the end every later read gives zeros, and ok() is false.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void value(T& v) {
    if (!take(sizeof v)) return;
    std::memcpy(&v, bytes_.data() + at_ - sizeof v, sizeof v);
  }
  void text(std::string& s) {
    uint32_t n = 0;
    value(n);
    if (take(n)) s.assign(reinterpret_cast<const char*>(bytes_.data() + at_ - n), n);
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void table(std::vector<T>& rows) {
    const uint64_t n = count(sizeof(T));
    rows.resize(n);
    if (n > 0 && take(n * sizeof(T)))
      std::memcpy(rows.data(), bytes_.data() + at_ - n * sizeof(T), n * sizeof(T));
  }
  /// A count of rows of at least `least` bytes each; 0 when the stream cannot hold so many.
  [[nodiscard]] uint64_t count(size_t least) {
    uint64_t n = 0;
    value(n);
    if (ok_ && n <= (bytes_.size() - at_) / least) return n;
    ok_ = false;
    return 0;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && at_ == bytes_.size(); }

 private:
  bool take(uint64_t n) {
    ok_ = ok_ && n <= bytes_.size() - at_;
    if (ok_) at_ += n;
    return ok_;
  }
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace tenon::artifact
