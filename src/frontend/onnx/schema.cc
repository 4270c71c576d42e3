#include "frontend/onnx/schema.h"

#include <algorithm>
#include <tuple>

namespace tenon::onnx_import {
namespace {

using Name = std::pair<std::string_view, std::string_view>;
Name name_of(const Schema& s) { return {s.domain, s.name}; }

/// All versions of one operator, ascending.
std::span<const Schema> versions_of(std::string_view domain, std::string_view name) {
  const auto all = schema_tables().schemas;
  const Name key{domain, name};
  const auto first = std::lower_bound(
      all.begin(), all.end(), key, [](const Schema& s, const Name& k) { return name_of(s) < k; });
  auto last = first;
  while (last != all.end() && name_of(*last) == key) ++last;
  return {first, last};
}

}  // namespace

const Schema* find_schema(std::string_view domain, std::string_view name, int64_t opset) {
  const Schema* found = nullptr;
  for (const Schema& s : versions_of(domain, name))
    if (s.since_version <= opset) found = &s;
  return found;
}

bool is_known_operator(std::string_view domain, std::string_view name) {
  return !versions_of(domain, name).empty();
}

std::span<const SchemaFormal> inputs_of(const Schema& schema) {
  return schema_tables().formals.subspan(static_cast<size_t>(schema.first_input),
                                         static_cast<size_t>(schema.inputs));
}

std::span<const SchemaAttribute> attributes_of(const Schema& schema) {
  return schema_tables().attributes.subspan(static_cast<size_t>(schema.first_attribute),
                                            static_cast<size_t>(schema.attributes));
}

}  // namespace tenon::onnx_import
