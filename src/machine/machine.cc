#include "machine/machine.h"

#include "machine/rows.h"
#include "support/cpu.h"

namespace tenon::machine {
namespace {

std::vector<Machine> make_rows() {
  std::vector<Machine> all = x86_rows();
  for (Machine& m : aarch64_rows()) all.push_back(std::move(m));
  return all;
}

/// Rows of other architectures never run here. Where none does, what is missing of the first tells
/// the user what kind of CPU is needed.
const Machine& best_row() {
  for (const auto& names : {preferred_x86_rows(), preferred_aarch64_rows()})
    for (const std::string_view name : names)
      if (const Machine* m = find_row(name); missing(*m).empty()) return *m;
  return rows().front();
}

Machine make_host() {
  Machine m = best_row();
  const Cache l1 = cache(1), l2 = cache(2), l3 = cache(3);
  if (l1.bytes > 0) m.l1_bytes = l1.bytes;
  if (l1.ways > 0) m.l1_ways = l1.ways;
  if (l1.line_bytes > 0) m.line_bytes = l1.line_bytes;
  if (l2.bytes > 0) m.l2_bytes = l2.bytes;
  if (l3.bytes > 0) m.l3_bytes = l3.bytes;
  std::erase_if(m.units, [](const std::string& unit) { return !has_feature(unit); });
  return m;
}

}  // namespace

std::span<const Machine> rows() {
  static const std::vector<Machine> all = make_rows();
  return all;
}

const Machine* find_row(std::string_view name) {
  for (const Machine& m : rows())
    if (m.name == name) return &m;
  return nullptr;
}

const Machine& host() {
  static const Machine m = make_host();
  return m;
}

std::vector<std::string> missing(const Machine& machine) {
  std::vector<std::string> names;
  for (const std::string& feature : machine.needs)
    if (!has_feature(feature)) names.push_back(feature);
  return names;
}

const std::string& cpu_name() { return cpu_id().name; }

}  // namespace tenon::machine
