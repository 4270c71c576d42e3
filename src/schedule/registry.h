// The table of schedule primitives as data: what a trace line may say and the function behind it.
// Rows stand in primitives/primitives.def; whoever needs all primitives (parser, fuzzer, help) asks
// here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/schedule.h"

namespace tenon::schedule {

/// What an argument of a primitive is.
enum class Kind : uint8_t {
  loop,          // a loop's name
  loops,         // names of loops, all that follow
  block,         // a block's name
  target,        // a loop or a block
  buffer,        // a buffer's name
  scope,         // global, scratch or reg
  element_type,  // as types print
  tail,          // predicate, peel or pad
  instruction,   // a machine's instruction
  word,          // letters, digits, _ and dots
  factor,        // an integer
  numbers,       // a list of integers
  factors,       // the factors of ir::Packing
  permutation,   // the perm of ir::Packing
};

struct Parameter {
  Kind kind;
  std::string_view key = "";        // written as `key = value`; a bare value is read too
  std::string_view otherwise = "";  // the value where none is given; "" where one must be
};

struct Primitive {
  std::string_view name;
  std::vector<Parameter> parameters;
  Result<primitives::Edited> (*apply)(const Program& program, std::span<const Argument> arguments);
};

/// All of them, in the order of the table.
[[nodiscard]] std::span<const Primitive> primitive_table();
/// nullptr where none has that name.
[[nodiscard]] const Primitive* find_primitive(std::string_view name);
/// As a user may write it: `split(loop, factor, tail = predicate)`.
[[nodiscard]] std::string signature(const Primitive& primitive);

/// Arguments of a primitive: their values, and the texts of those that speak of decisions (empty:
/// as the value prints).
struct Arguments {
  std::vector<Argument> values;
  std::vector<std::string> texts;
};
/// The value of a decision; nullopt: there is none of that name.
using FindDecision = std::function<std::optional<Value>(std::string_view)>;
/// Arguments as written to values of the primitive's parameters; refuses what does not fit.
[[nodiscard]] Result<Arguments> parse_arguments(const Primitive& primitive,
                                                std::span<const std::string> written,
                                                const FindDecision& find);
/// The inverse, as traces print them.
[[nodiscard]] std::vector<std::string> format_arguments(const Primitive& primitive,
                                                        std::span<const Argument> values,
                                                        std::span<const std::string> texts = {});

}  // namespace tenon::schedule
