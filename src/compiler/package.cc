// The last step of the compiler: a graph of kernel calls becomes flat tables, with packed
// constants, a size program, an arena plan and linked code.
#include <algorithm>
#include <unordered_map>

#include "compiler/compiler.h"
#include "compiler/contain.h"
#include "compiler/package/packager.h"
#include "machine/instruction.h"
#include "support/check.h"

#ifndef TENON_VERSION
#define TENON_VERSION "dev"
#endif

namespace tenon::compiler {
namespace {

Status link_code(const Compilation& compilation, artifact::Model& model) {
  std::vector<target::Object> objects;
  objects.reserve(compilation.kernels.size());
  for (const auto& k : compilation.kernels)
    if (k->definition->host_function.empty()) objects.push_back(k->object);
  if (objects.empty()) return {};
  TENON_TRY(target::Blob blob, target::link(objects, *compilation.machine));
  std::unordered_map<std::string, uint64_t> offsets(blob.symbols.begin(), blob.symbols.end());
  for (artifact::Entry& e : model.entries) {
    const auto found = offsets.find(e.symbol);
    TENON_CHECK(found != offsets.end(), "a kernel's code is missing: " + e.symbol);
    e.offset = found->second;
  }
  auto bytes = std::make_shared<const std::vector<std::byte>>(
      std::move(blob.bytes));  // shared: the model's owner
  model.code = *bytes;
  model.owners.push_back(std::move(bytes));
  return {};
}

/// The machine's features, and those of its units that some kernel uses.
std::vector<std::string> needs_of(const Compilation& compilation) {
  std::vector<std::string> needs = compilation.machine->needs;
  for (const auto& k : compilation.kernels)
    for (std::string& unit : machine::used_units(*compilation.machine, *k->finalized))
      if (std::ranges::find(needs, unit) == needs.end()) needs.push_back(std::move(unit));
  return needs;
}

Result<artifact::Model> package_tables(const Compilation& compilation, const Options& options,
                                       PackageNotes* notes) {
  artifact::Model model;
  model.name = compilation.function.name;
  model.producer = "tenon " TENON_VERSION;
  model.precision = options.precision;
  model.target = compilation.machine->name;
  model.needs = needs_of(compilation);
  packaging::Packager packager(compilation, model, notes);
  TENON_TRY_VOID(packager.run());
  TENON_TRY_VOID(link_code(compilation, model));
  const Status valid = artifact::validate(model);
  TENON_CHECK(valid.has_value(), valid ? "" : valid.error().text());
  return model;
}

}  // namespace

Result<artifact::Model> package(const Compilation& compilation, const Options& options,
                                PackageNotes* notes) {
  return contain([&] { return package_tables(compilation, options, notes); });
}

}  // namespace tenon::compiler
