#include "runtime/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "runtime/npy.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

std::string number(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

std::string json_number(double v, const char* format = "%.9g") {
  if (!std::isfinite(v)) return "null";
  char text[40];
  std::snprintf(text, sizeof text, format, v);
  return text;
}

template <class Load>
Summary summarize_with(int64_t count, Load load) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (count <= 0) return {kNan, kNan, kNan};
  Summary s{load(0), 0, load(0)};
  bool nan = false;
  for (int64_t i = 0; i < count; ++i) {
    const double v = load(i);
    nan = nan || std::isnan(v);
    s.min = std::min(s.min, v);
    s.max = std::max(s.max, v);
    s.mean += v;
  }
  s.mean /= static_cast<double>(count);
  return nan ? Summary{kNan, kNan, kNan} : s;
}

}  // namespace

Summary summarize(const TensorView& tensor) {
  if (tensor.dtype == DType::f32) {
    const auto* data = static_cast<const float*>(tensor.data);
    return summarize_with(tensor.count(), [&](int64_t i) { return static_cast<double>(data[i]); });
  }
  const auto* data = static_cast<const std::byte*>(tensor.data);
  const int64_t width = artifact::info(tensor.dtype).element_bytes;
  return summarize_with(tensor.count(), [&](int64_t i) {
    return artifact::load_double(tensor.dtype, data + i * width);
  });
}

std::string milliseconds(double seconds) {
  const double ms = seconds * 1e3;
  int decimals = 3;
  if (ms > 0 && ms < 0.1) decimals = std::min(2 - static_cast<int>(std::floor(std::log10(ms))), 9);
  char text[400];  // as long as the largest double
  std::snprintf(text, sizeof text, "%.*f ms", decimals, ms);
  return text;
}

Latency summarize_latency(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double q) {
    return seconds[static_cast<size_t>(q * static_cast<double>(seconds.size() - 1) + 0.5)];
  };
  return {seconds.front(), at(0.5), at(0.9), at(0.99), seconds.size()};
}

std::vector<NamedTensor> outputs_of(const Executor& executor) {
  std::vector<NamedTensor> all;
  for (size_t i = 0; i < executor.output_count(); ++i)
    all.push_back({executor.model().outputs()[i].name, executor.output(i)});
  return all;
}

std::string outputs_text(std::span<const NamedTensor> tensors) {
  std::vector<std::array<std::string, 4>> rows;
  std::array<size_t, 3> width{};
  for (const NamedTensor& t : tensors) {
    const Summary s = summarize(t.tensor);
    rows.push_back(
        {t.name, std::string(artifact::info(t.tensor.dtype).name), shape_text(t.tensor.dims),
         cat("min ", number(s.min), "  mean ", number(s.mean), "  max ", number(s.max))});
    for (size_t c = 0; c < 3; ++c) width[c] = std::max(width[c], rows.back()[c].size());
  }
  std::string out;
  for (auto& row : rows) {
    for (size_t c = 0; c < 3; ++c) {
      row[c].resize(width[c] + 2, ' ');
      out += row[c];
    }
    out += row[3] + "\n";
  }
  return out;
}

std::string outputs_json(std::span<const NamedTensor> tensors) {
  std::string out = "[";
  for (const NamedTensor& t : tensors) {
    const Summary s = summarize(t.tensor);
    std::string dims;
    for (int64_t d : t.tensor.dims) dims += cat(dims.empty() ? "" : ", ", d);
    out += cat(out.size() > 1 ? ", " : "", "{\"name\": ", json_quote(t.name),
               ", \"type\": ", json_quote(artifact::info(t.tensor.dtype).name), ", \"shape\": [",
               dims, "], \"min\": ", json_number(s.min), ", \"mean\": ", json_number(s.mean),
               ", \"max\": ", json_number(s.max), "}");
  }
  return out + "]";
}

std::string latency_text(const Latency& latency) {
  return cat("min ", milliseconds(latency.min), ", median ", milliseconds(latency.median), ", p90 ",
             milliseconds(latency.p90), ", p99 ", milliseconds(latency.p99), " over ",
             latency.count, latency.count == 1 ? " run" : " runs");
}

std::string latency_json(const Latency& l) {
  return cat("{\"min\": ", json_number(l.min), ", \"median\": ", json_number(l.median),
             ", \"p90\": ", json_number(l.p90), ", \"p99\": ", json_number(l.p99),
             ", \"count\": ", l.count, "}");
}

std::string output_file(const std::string& folder, std::string name) {
  for (char& c : name)
    if (c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20) c = '_';
  if (name.empty() || name[0] == '.') name = "_" + name;
  return cat(folder, "/", name, ".npy");
}

Status save_outputs(std::span<const NamedTensor> tensors, const std::string& folder) {
  TENON_TRY_VOID(make_folder(folder));
  for (const NamedTensor& t : tensors)
    TENON_TRY_VOID(write_npy(output_file(folder, t.name), t.tensor));
  return {};
}

}  // namespace tenon::runtime
