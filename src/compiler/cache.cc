#include "compiler/cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "artifact/file.h"
#include "support/code_file.h"
#include "support/file.h"
#include "support/hash.h"
#include "support/text.h"

namespace tenon::compiler {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr uint64_t kDefaultLimit = uint64_t{8} << 30;

std::string hex(uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

/// What a file is without reading it; "" when it is not there.
std::string identity(const std::string& path) {
  struct stat s{};
  if (stat(path.c_str(), &s) != 0) return "";
  return std::to_string(s.st_dev) + ":" + std::to_string(s.st_ino) + ":" +
         std::to_string(s.st_size) + ":" + std::to_string(s.st_mtim.tv_sec) + "." +
         std::to_string(s.st_mtim.tv_nsec);
}

std::string content_hash(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return "";
  return hex(hash_bytes((*file)->bytes().data(), (*file)->bytes().size()));
}

std::string identity_path(const std::string& path) {
  const std::string id = identity(path);
  return Cache::folder() + "/files/" + hex(hash_bytes(id.data(), id.size())) + ".json";
}

/// The model's content hash with that of its data files, if the table knows it and nothing changed.
std::optional<std::string> known_content(const std::string& path) {
  std::ifstream in(identity_path(path));
  const json row = json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!row.is_object() || row.value("identity", "") != identity(path)) return std::nullopt;
  const json external = row.value("external", json::object());
  for (const auto& [file, id] : external.items())
    if (!id.is_string() || id.get<std::string>() != identity(file)) return std::nullopt;
  std::string content = row.value("content", "");
  if (content.empty()) return std::nullopt;
  return content;
}

/// Oldest entries go first until the folder fits.
void shrink(const std::string& folder, uint64_t limit) {
  struct Entry {
    fs::file_time_type used;
    uint64_t size;
    fs::path path;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, error)) {
    if (e.path().extension() != ".tenon") continue;
    std::error_code gone;
    const uint64_t size = e.file_size(gone);
    const auto used = e.last_write_time(gone);
    if (gone) continue;  // another process removed it
    entries.push_back({used, size, e.path()});
    total += size;
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& e : entries) {
    if (total <= limit) break;
    fs::remove(e.path, error);
    total -= e.size;
  }
}

}  // namespace

Result<uint64_t> cache_limit() {
  const char* text = std::getenv("TENON_CACHE_SIZE");
  if (text == nullptr || *text == 0) return kDefaultLimit;
  const char* end = text + std::strlen(text);
  uint64_t value = 0;
  const auto read = std::from_chars(text, end, value);
  const std::string_view unit(read.ptr, static_cast<size_t>(end - read.ptr));
  const size_t power = unit.size() == 1 ? std::string_view("KMGT").find(unit) + 1 : 0;
  const bool known = unit.empty() || power > 0;
  if (read.ec != std::errc{} || !known || value > (UINT64_MAX >> (10 * power)))
    return fail("usage", cat("environment variable TENON_CACHE_SIZE '", text,
                             "' is not a size such as 500M or 8G"));
  return value << (10 * power);
}

std::string Cache::folder() {
  if (const char* own = std::getenv("TENON_CACHE_DIR"); own != nullptr && *own != 0) return own;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != 0)
    return std::string(xdg) + "/tenon";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.cache/tenon";
}

Cache::Cache(std::string model_path, std::string options)
    : model_path_(std::move(model_path)), options_(std::move(options)) {
  // A rebuilt compiler makes other code.
  options_ += "|" + identity(code_file());
}

std::string Cache::entry_path(const std::string& content) const {
  const std::string key = content + "|" + options_;
  return folder() + "/" + hex(hash_bytes(key.data(), key.size())) + ".tenon";
}

std::optional<std::string> Cache::find() const {
  const std::optional<std::string> content = known_content(model_path_);
  if (!content) return std::nullopt;
  std::string path = entry_path(*content);
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);
  return path;
}

bool Cache::store(const artifact::Model& model,
                  const std::vector<std::string>& external_files) const {
  std::error_code error;
  fs::create_directories(folder() + "/files", error);
  if (error) return false;
  std::string content = content_hash(model_path_);
  json external = json::object();
  for (const std::string& file : external_files) {
    external[file] = identity(file);
    content += content_hash(file);
  }
  if (content.empty() || !artifact::write(model, entry_path(content))) return false;
  const std::string row = json{
      {"identity", identity(model_path_)},
      {"content", content},
      {"external", external}}.dump();
  const bool stored =
      write_file(identity_path(model_path_), std::as_bytes(std::span(row))).has_value();
  shrink(folder(), cache_limit().value_or(kDefaultLimit));
  return stored;
}

}  // namespace tenon::compiler
