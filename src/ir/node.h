// The one node type of Tenon, its types, and the context that interns both.
//
// A Node is an immutable value: operator, type, operands, attributes. Equal nodes of one Context
// are the same pointer, so equality is pointer equality and common subexpressions need no pass.
// Nominal nodes (param, var, buffer) carry a unique id and are equal only to themselves. Graphs,
// loop programs and target code are sets of operators (ops.def), told apart by the verifier.
//
// Meaning shared by all stages (details in ops.def):
//   integers   two's complement, wrap on overflow; division by zero gives 0
//   floats     IEEE 754, round to nearest even, no reassociation, no contraction except `fma`;
//              NaN propagates through max and min; a NaN's payload is unspecified
//   order      graph nodes are pure; loop statements run in order; `parallel` iterations are
//              independent, as are those of `vector` loops, reductions into one element aside
//   access     an index out of range is illegal, never silently clamped, unless the operator says
//              so
//   lanes      at the target stage a scalar type may have lanes (f32x16): a value is then that many
//              elements. Elementwise operators work lane by lane on operands of equal lanes; a
//              `select` with one condition for all lanes evaluates the chosen arm alone, one with a
//              condition for each lane both arms. A load or store with vectors among its indices
//              touches one element a lane. A masked access touches those whose mask is true; of the
//              others a load gives unspecified values. `reduce_lanes` combines lane i with lane
//              i + n/2 of n, then so on with the first halves: an order, as for any sum
//
// Thread safety: a Context is used by one thread at a time; nodes may be read by any number.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ir/dtype.h"

namespace tenon::ir {

class Context;
struct Node;
struct Function;
struct Kernel;
struct TypeData;

/// A node seen as a value: tensor, scalar, statement.
using Expr = const Node*;
using Type = const TypeData*;

enum class Op : uint8_t {
#define TENON_OP_NAME(name) name,
#include "ir/op_names.def"
};

/// Attribute names; their rows say what each holds.
enum class Key : uint8_t {
#define TENON_KEY_NAME(name) name,
#include "ir/op_names.def"
};
inline constexpr int kKeyCount = 0
#define TENON_KEY_NAME(name) +1
#include "ir/op_names.def"
    ;

/// Bytes of a tensor literal. The bytes live in `owner` (heap or a mapped file) and are row-major
/// elements in packed storage (support/packed.h). Two constants are equal when type and content
/// hash are.
struct ConstantData {
  uint64_t hash = 0;
  const std::byte* bytes = nullptr;
  uint64_t size = 0;
  std::string name;  // of the first initializer with these bytes; informative
  std::shared_ptr<const void>
      owner;  // shared: several graphs and the packager keep a mapping alive
};
using ConstantRef = const ConstantData*;

using AttrValue = std::variant<int64_t, double, std::string, std::vector<int64_t>,
                               std::vector<Expr>, ConstantRef, const Function*, const Kernel*>;
struct Attr {
  Key key;
  AttrValue value;
  bool operator==(const Attr&) const = default;
};

enum class TypeKind : uint8_t { tensor, tuple, void_ };

/// Where a buffer lives. `global`: frame or arena memory that every thread sees. `scratch`: memory
/// of one worker, lives for one parallel iteration. `reg`: accumulators of one iteration, accessed
/// with indices that are constant after unrolling. `tile`: matrix-unit registers.
enum class Scope : uint8_t { global, scratch, reg, tile };

struct TypeData {
  TypeKind kind = TypeKind::tensor;
  DType dtype = DType::f32;
  Scope scope = Scope::global;
  int lanes = 1;             // of a scalar; more than 1: a vector, at the target stage only
  std::vector<Expr> shape;   // i64 scalars; empty for a scalar
  std::vector<Type> fields;  // of a tuple
  uint32_t id = 0;           // order of creation in the context

  [[nodiscard]] bool is_tensor() const { return kind == TypeKind::tensor; }
  [[nodiscard]] bool is_scalar() const { return is_tensor() && shape.empty(); }
  [[nodiscard]] bool is_vector() const { return lanes > 1; }
  [[nodiscard]] int rank() const { return static_cast<int>(shape.size()); }
};
/// Most lanes of a type: a register of bytes, and room for twice as wide ones.
inline constexpr int kMostLanes = 128;

struct Node {
  Op op;
  uint32_t id;  // order of creation in the context: deterministic, for ordering and side tables
  Type type;
  uint64_t hash;
  std::span<const Expr> operands;
  std::span<const Attr> attrs;  // sorted by key

  [[nodiscard]] Expr operand(size_t i) const { return operands[i]; }
  /// The attribute, or nullptr when the node does not carry it.
  [[nodiscard]] const AttrValue* find(Key key) const;
  // Typed access; the attribute must be there and hold that alternative.
  [[nodiscard]] int64_t int_attr(Key key) const;
  [[nodiscard]] int64_t int_attr_or(Key key, int64_t otherwise) const;
  [[nodiscard]] double float_attr(Key key) const;
  [[nodiscard]] const std::string& string_attr(Key key) const;
  [[nodiscard]] std::string_view string_attr_or(Key key, std::string_view otherwise) const;
  [[nodiscard]] const std::vector<int64_t>& ints_attr(Key key) const;
  [[nodiscard]] const std::vector<Expr>& exprs_attr(Key key) const;
  [[nodiscard]] ConstantRef constant_attr() const;
  [[nodiscard]] const Function* function_attr(Key key) const;
  [[nodiscard]] const Kernel* kernel_attr() const;

  [[nodiscard]] DType dtype() const { return type->dtype; }
  [[nodiscard]] const std::vector<Expr>& shape() const { return type->shape; }
  [[nodiscard]] int rank() const { return type->rank(); }
};

/// The `class` column of ops.def.
enum class OpClass : uint8_t {
  leaf,    // no operands: parameters, variables, buffers, literals
  unary,   // elementwise, one operand; the result has the operand's element type (cast: its own)
  test,    // elementwise, one operand; the result is bool
  binary,  // elementwise, two operands
  comparison,  // elementwise, two operands; the result is bool
  ternary,     // elementwise, three operands
  tensor,      // graph: movement, reductions, contractions, windows, scans, gathers
  structure,   // graph: tuples, calls, control flow
  access,      // loop: reads memory
  lanes,       // target: makes vectors, or takes them apart
  statement,   // loop: has no value
};
/// The `domain` column of ops.def: element types for which a graph may use an elementwise operator.
enum class Domain : uint8_t { real, integer, bits, number, any };

struct OpInfo {
  std::string_view name;    // as the text form spells it, without a trailing underscore
  std::string_view stages;  // letters of "GLT"
  int min_operands, max_operands;
  std::vector<Key> keys;
  std::string_view doc;
  OpClass op_class = OpClass::leaf;
  // Elementwise operators only.
  Domain domain = Domain::any;
  int cost = 1;      // of one element, in additions
  double error = 0;  // relative, of compiled code on f32
};
inline constexpr int kSlowCost = 8;   // a division: worth a buffer rather than a second computation
inline constexpr int kCallCost = 30;  // a polynomial: worth a loop of its own
/// Every operator, in the order of the table.
[[nodiscard]] std::span<const Op> all_ops();
[[nodiscard]] const OpInfo& info(Op op);
[[nodiscard]] std::string_view key_name(Key key);
/// The operator of that text-form name, if there is one.
[[nodiscard]] const Op* parse_op(std::string_view name);

/// True for elementwise operators (the unary, binary and ternary rows, cast included).
[[nodiscard]] bool is_elementwise(Op op);
/// True for load and masked_load.
[[nodiscard]] bool is_load(Op op);
/// True for eq, ne, lt, le, gt, ge.
[[nodiscard]] bool is_comparison(Op op);
/// True for comparisons, is_nan and is_inf: elementwise operators with a bool result.
[[nodiscard]] bool is_predicate(Op op);
/// True if the element type is in the operator's domain.
[[nodiscard]] bool is_defined(Op op, DType type);

/// Owns and interns nodes and types. One for a model, one for each kernel.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // ---- types
  [[nodiscard]] Type tensor(DType dtype, std::span<const Expr> shape, Scope scope = Scope::global);
  [[nodiscard]] Type tensor(DType dtype, std::initializer_list<int64_t> shape);
  [[nodiscard]] Type scalar(DType dtype, int lanes = 1);
  [[nodiscard]] Type index() { return index_; }  // i64 scalar
  [[nodiscard]] Type boolean() { return bool_; }
  [[nodiscard]] Type void_type() { return void_; }
  [[nodiscard]] Type tuple(std::span<const Type> fields);

  // ---- nodes
  /// The node; attributes in any order, each key once. Does not infer or check types: builders in
  /// src/ops and expr.h do.
  [[nodiscard]] Expr make(Op op, Type type, std::span<const Expr> operands,
                          std::vector<Attr> attrs = {});
  [[nodiscard]] Expr make(Op op, Type type, std::initializer_list<Expr> operands,
                          std::vector<Attr> attrs = {});
  [[nodiscard]] Expr imm(Type scalar,
                         int64_t value);  // integer or boolean type; wrapped to its width
  [[nodiscard]] Expr imm_f(Type scalar, double value);  // float type; rounded to it
  [[nodiscard]] Expr i64(int64_t value) { return imm(index_, value); }
  [[nodiscard]] Expr bool_imm(bool value) { return imm(bool_, value ? 1 : 0); }
  // Nominal nodes: a new one at each call. Names need not be unique; the printer makes them so.
  [[nodiscard]] Expr var(std::string name);
  /// A variable of another scalar type, for `let`.
  [[nodiscard]] Expr var(std::string name, Type scalar);
  [[nodiscard]] Expr param(std::string name, Type type);
  [[nodiscard]] Expr buffer(std::string name, Type type);
  /// A node like `like` with other operands and type, same operator and attributes.
  [[nodiscard]] Expr rebuild(Expr like, Type type, std::span<const Expr> operands);

  /// A constant whose bytes are copied into the context, or referenced when `owner` is given.
  [[nodiscard]] Expr constant(Type type, const void* bytes, uint64_t size, std::string name = "",
                              std::shared_ptr<const void> owner = nullptr);

  /// The same literal as another context's; its bytes stay where they are.
  [[nodiscard]] Expr constant(Type type, const ConstantData& data);

  /// Takes ownership of a function or kernel that attributes refer to.
  const Function* add(std::unique_ptr<Function> function);
  /// The same under a key, by which find_function returns it: how equal composites share one body.
  const Function* add(std::unique_ptr<Function> function, std::string key);
  [[nodiscard]] const Function* find_function(const std::string& key) const;
  const Kernel* add(std::shared_ptr<const Kernel> kernel);

  // ---- source locations: a side table, united when nodes merge
  void set_location(Expr node, std::string_view location);
  /// "" when unknown.
  [[nodiscard]] std::string_view location(Expr node) const;

  [[nodiscard]] size_t node_count() const;

  /// Steps left for the hard questions about this context's expressions (budget.h).
  [[nodiscard]] int64_t proof_steps() const { return proof_steps_; }
  void use_proof_steps(int64_t steps) { proof_steps_ -= steps; }
  /// A copy of expressions does not bring new steps.
  void share_proof_steps(const Context& other) { proof_steps_ = other.proof_steps_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Type index_ = nullptr, bool_ = nullptr, void_ = nullptr;
  int64_t proof_steps_ = 1'000'000;
};

/// A value that a symbolic variable takes at run time: element `index` (row-major) of integer
/// tensor `tensor`, a node of the same function. A variable without a binding takes its value from
/// an input's extent (or --shape).
struct Binding {
  Expr var;
  Expr tensor;
  int64_t index;
};

/// A condition over symbolic variables that operators took for granted, such as n == m where a sum
/// of f32[n] and f32[m] stands. A run whose inputs break it is refused with the message.
struct Guard {
  Expr condition;  // bool, over variables
  std::string message;
};

/// A graph: pure nodes reached from the results. Also the body of composites, if and loop; those
/// are closed: they use only their own params (and symbolic variables of the outer function).
struct Function {
  std::string name;
  std::vector<Expr> params;
  std::vector<Expr> results;
  std::vector<std::string> result_names;  // of the model's outputs; empty for bodies
  std::vector<Binding> bindings;          // in an order in which they can be evaluated
  std::vector<Guard> guards;
};

/// What a kernel does with a parameter: reads it (in), writes every element that is read later
/// (out), reads a value that is known when the model is compiled (constant), or changes some of its
/// elements and leaves the others (inout). A function's parameters have roles too (param_role.h);
/// `state` is theirs alone.
enum class ParamRole : uint8_t { in, out, constant, inout, state };
[[nodiscard]] std::string_view role_name(ParamRole role);
[[nodiscard]] inline bool is_written(ParamRole role) {
  return role == ParamRole::out || role == ParamRole::inout;
}
[[nodiscard]] inline bool is_read(ParamRole role) { return role != ParamRole::out; }

/// How a constant's bytes become a kernel's buffer: logical axes are split by static factors,
/// padded with zeros and permuted. factors[d] = 0 leaves axis d whole; otherwise it becomes (d/f,
/// d%f). perm orders the resulting axes. Example: w[n, k] to [n/32, k, n%32] is factors {32, 0},
/// perm {0, 2, 1}.
struct Packing {
  std::vector<int64_t> factors;
  std::vector<int64_t> perm;
  bool operator==(const Packing&) const = default;
};

struct KernelParam {
  Expr buffer;
  ParamRole role;
  std::vector<Packing> packing;  // applied in order to the graph tensor's bytes; constants only
  /// Extents in which `packing` sees the constant, where axes were merged; empty: the graph
  /// tensor's.
  std::vector<int64_t> logical = {};
};

/// A loop program. `params` are the frame's buffers and `sizes` its integers, in that order.
/// Internal buffers are those that the body mentions beyond params; `buffers` lists them. Top-level
/// statements of the body (elements of its outermost seq) are launched one after another; each may
/// be one parallel loop. Owns its context.
struct Kernel {
  std::string name;  // informative, such as "dot_add_relu"; not part of its identity
  std::shared_ptr<Context>
      context;              // shared: a schedule step keeps the context of the program it changed
  std::vector<Expr> sizes;  // var nodes
  std::vector<KernelParam> params;
  std::vector<Expr> buffers;
  Expr body = nullptr;
  std::vector<std::string> trace;  // schedule primitives applied so far, one line each
  std::string host_function;       // of the program that runs the model, in place of a body
};

}  // namespace tenon::ir
