// The profile on a terminal, and what changed since another one.
#include "cli/report/text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "runtime/report.h"
#include "support/available_memory.h"
#include "support/json.h"
#include "support/text.h"

namespace tenon::cli {

using nlohmann::json;
using runtime::milliseconds;

namespace {

constexpr int kBarWidth = 24;

/// Whether the locale's characters are those of UTF-8.
bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == 0) continue;
    return std::strstr(value, "UTF-8") != nullptr || std::strstr(value, "utf8") != nullptr;
  }
  return false;
}

/// Eighths of characters, so that small shares are still told apart.
std::string bar(double share) {
  if (!speaks_utf8()) {
    std::string plain(static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth + 0.5), '#');
    return plain + std::string(kBarWidth - plain.size(), ' ');
  }
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBarWidth * 8 + 0.5);
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[eighths % 8];
  for (int i = (eighths + 7) / 8; i < kBarWidth; ++i) out += " ";
  return out;
}

/// Names come from the model: what a terminal would obey is shown as '?', and what is not UTF-8 as
/// U+FFFD.
std::string plain(const std::string& name) {
  auto text = json::parse(json_text(name)).get<std::string>();
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

/// The report's numbers are its own; those of a file may be anything.
double number(const json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : 0;
}
std::string words(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}
const json& part(const json& object, const char* key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto at = object.find(key);
  return at != object.end() ? *at : kNone;
}

void print_row(const json& r, double total, const std::string& name) {
  const double time = number(r, "time_s");
  if (time <= 0) return;
  std::printf("%s %5.1f%% %9.4f ms %5.0f%%  %9.1f %8.1f  %s\n", bar(time / total).c_str(),
              100 * time / total, time * 1e3, 100 * number(r, "sol_s") / time,
              number(r, "flops") / time * 1e-9, number(r, "bytes") / time * 1e-9,
              plain(name).c_str());
}

void print_heads(const std::string& what) {
  std::printf("\n%-*s %6s %12s %6s  %9s %8s  %s\n", kBarWidth, what.c_str(), "share", "time",
              "bound", "GFLOP/s", "GB/s", "");
}

}  // namespace

void print_profile(const json& report, size_t most) {
  const double total = std::max(number(report, "kernel_time_s"), 1e-12);
  const json& latency = report["latency_s"];
  const json& memory = report["memory_bytes"];
  const json& peaks = report["machine"]["peaks_of_a_core"];
  std::printf("%s on %d %s of %s\n", plain(words(report["model"], "file")).c_str(),
              static_cast<int>(number(report, "threads")),
              number(report, "threads") == 1 ? "thread" : "threads",
              plain(words(report["machine"], "cpu")).c_str());
  std::printf("latency: median %s, min %s over %.0f runs; kernels %s, bound %s\n",
              milliseconds(number(latency, "median")).c_str(),
              milliseconds(number(latency, "min")).c_str(), number(latency, "count"),
              milliseconds(total).c_str(), milliseconds(number(report, "sol_s")).c_str());
  std::printf("memory: weights %s, code %s, arena %s\n",
              bytes_text(static_cast<uint64_t>(number(memory, "weights"))).c_str(),
              bytes_text(static_cast<uint64_t>(number(memory, "code"))).c_str(),
              bytes_text(static_cast<uint64_t>(number(memory, "arena"))).c_str());
  std::printf("peaks of a core: %.1f GFLOP/s in f32", number(peaks, "f32_gflops"));
  for (const auto& [name, gops] : peaks["instruction_gops"].items())
    std::printf(", %s %.1f", name.c_str(), gops.get<double>());
  std::printf("; L2 %.0f, memory %.0f GB/s\n", number(peaks, "l2_gbs"), number(peaks, "dram_gbs"));
  print_heads("operators");
  for (const json& r : report["operators"]) {
    const auto kernels = static_cast<int>(number(r, "kernels"));
    print_row(r, total,
              cat(words(r, "operator"), " in ", kernels, kernels == 1 ? " kernel" : " kernels"));
  }
  print_heads("slowest kernels");
  const json& kernels = report["kernels"];
  for (size_t i = 0; i < std::min(most, kernels.size()); ++i) {
    const double calls = number(kernels[i], "calls");
    print_row(kernels[i], total,
              cat(words(kernels[i], "name"), " ", words(kernels[i], "shape"),
                  calls > 1.5 ? cat(", ", static_cast<int64_t>(calls + 0.5), " calls") : ""));
  }
  if (kernels.size() > most)
    std::printf("%zu more kernels; --top %zu shows all\n", kernels.size() - most, kernels.size());
}

void print_comparison(const json& report, const json& before, const std::string& name) {
  const double old_median = number(part(before, "latency_s"), "median");
  const double new_median = number(report["latency_s"], "median");
  std::printf("\nagainst %s: median %s then, %s now", plain(name).c_str(),
              milliseconds(old_median).c_str(), milliseconds(new_median).c_str());
  if (new_median > 0) std::printf(", %.2fx as fast", old_median / new_median);
  std::printf("\n");
  std::map<std::string, std::pair<double, double>> times;
  for (const json& r : part(before, "operators"))
    times[words(r, "operator")].first += number(r, "time_s");
  for (const json& r : report["operators"])
    times[words(r, "operator")].second += number(r, "time_s");
  std::vector<std::pair<std::string, std::pair<double, double>>> rows(times.begin(), times.end());
  const auto change = [](const auto& row) {
    return std::abs(row.second.second - row.second.first);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const auto& a, const auto& b) { return change(a) > change(b); });
  std::printf("%12s %12s %12s  operator\n", "then", "now", "change");
  for (const auto& [op, t] : rows)
    std::printf("%9.4f ms %9.4f ms %+9.4f ms  %s\n", t.first * 1e3, t.second * 1e3,
                (t.second - t.first) * 1e3, plain(op).c_str());
}

}  // namespace tenon::cli
