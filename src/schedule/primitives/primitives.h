// The schedule primitives as functions on a program, declared by the rows of primitives.def;
// Schedule wraps them and keeps the trace.
#pragma once

#include <type_traits>

#include "schedule/program.h"
#include "schedule/registry.h"

namespace tenon::schedule::primitives {

/// Parameters that rows name: the C++ type of the value, and what traces know of it.
template <class T>
struct Takes {
  using Value = T;
  using Passed = std::conditional_t<std::is_integral_v<T>, T, const T&>;
};
struct Loop : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::loop};
};
struct Loops : Takes<Handles> {
  static constexpr Parameter kParameter{Kind::loops};
};
struct Block : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::block};
};
struct Target : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::target};
};
struct Buffer : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::buffer};
};
struct ScopeWord : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::scope};
};
struct ElementType : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::element_type};
};
struct Tail : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::tail, "tail", "predicate"};
};
struct Instruction : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::instruction};
};
struct Word : Takes<std::string> {
  static constexpr Parameter kParameter{Kind::word};
};
struct Factor : Takes<int64_t> {
  static constexpr Parameter kParameter{Kind::factor};
};
struct Numbers : Takes<std::vector<int64_t>> {
  static constexpr Parameter kParameter{Kind::numbers};
};
struct Factors : Takes<std::vector<int64_t>> {
  static constexpr Parameter kParameter{Kind::factors, "factors"};
};
struct Permutation : Takes<std::vector<int64_t>> {
  static constexpr Parameter kParameter{Kind::permutation, "perm"};
};

/// The type of a primitive's function.
template <class... Parameters>
using Function = Result<Edited>(const Program& p, typename Parameters::Passed...);

#define TENON_PRIMITIVE(function, name, ...) [[nodiscard]] Function<__VA_ARGS__> function;
#include "schedule/primitives/primitives.def"

// ---- shared by several of them

/// `statement` executed only where `condition` holds: blocks get it as predicate, other statements
/// an if.
[[nodiscard]] ir::Expr guard(ir::Context& c, ir::Expr statement, ir::Expr condition);
[[nodiscard]] std::string no_loop(const std::string& name);
[[nodiscard]] std::string no_block(const std::string& name);

}  // namespace tenon::schedule::primitives
