#include "ir/node.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "ir/dtype.h"
#include "ir/keys.h"
#include "support/check.h"
#include "support/hash.h"

namespace tenon::ir {
namespace {

constexpr std::string_view strip_underscore(std::string_view name) {
  if (name.ends_with('_')) name.remove_suffix(1);
  return name;
}

/// What an attribute holds: the index of its alternative in AttrValue.
enum class Holds : int8_t {
  number = -1,
  integer = 0,
  text = 2,
  integers,
  exprs,
  constant,
  function,
  kernel
};
static_assert(
    std::is_same_v<std::variant_alternative_t<static_cast<size_t>(Holds::kernel), AttrValue>,
                   const Kernel*>);

struct KeyInfo {
  std::string_view name;
  Holds holds;
};
constexpr std::array<KeyInfo, kKeyCount> kKeys{{
#define TENON_KEY(name, kind, doc) {strip_underscore(#name), Holds::kind},
#include "ir/ops.def"
}};

std::vector<Key> parse_keys(std::string_view text) {
  std::vector<Key> keys;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto* found = std::ranges::find(kKeys, text.substr(0, comma), &KeyInfo::name);
    TENON_CHECK(found != kKeys.end(), std::string(text));
    keys.push_back(static_cast<Key>(found - kKeys.begin()));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return keys;
}

/// exp and its relatives as compiled polynomials: up to 4 ulp (6e-8 each).
constexpr double kSeries = 2.5e-7;
/// pow and inverse hyperbolic functions: errors of an inner logarithm are magnified.
constexpr double kMagnified = 2e-6;

int operands_of(OpClass c) {
  return c == OpClass::ternary ? 3 : c == OpClass::binary || c == OpClass::comparison ? 2 : 1;
}

struct OpTable {
  std::vector<OpInfo> rows;
  std::vector<Op> ops;
  std::unordered_map<std::string_view, size_t> by_name;
  OpTable() {
#define TENON_OP(name, class_, stages, lo, hi, keys, doc) \
  rows.push_back({strip_underscore(#name), stages, lo, hi, parse_keys(keys), doc, OpClass::class_});
#define TENON_SCALAR(name, class_, domain, cost, error, keys, doc)                      \
  rows.push_back({strip_underscore(#name), "GLT", operands_of(OpClass::class_),         \
                  operands_of(OpClass::class_), parse_keys(keys), doc, OpClass::class_, \
                  Domain::domain, cost, error});
#include "ir/ops.def"
    for (size_t i = 0; i < rows.size(); ++i) {
      ops.push_back(static_cast<Op>(i));
      by_name.emplace(rows[i].name, i);
    }
  }
};
const OpTable& table() {
  static const OpTable t;
  return t;
}

uint64_t hash_string(std::string_view s) { return std::hash<std::string_view>{}(s); }

uint64_t hash_value(const AttrValue& value) {
  struct Visitor {
    uint64_t operator()(int64_t v) const { return static_cast<uint64_t>(v); }
    uint64_t operator()(double v) const {
      uint64_t bits = 0;
      std::memcpy(&bits, &v, sizeof bits);
      return bits;
    }
    uint64_t operator()(const std::string& v) const { return hash_string(v); }
    uint64_t operator()(const std::vector<int64_t>& v) const {
      uint64_t h = v.size();
      for (int64_t x : v) h = hash_mix(h, static_cast<uint64_t>(x));
      return h;
    }
    uint64_t operator()(const std::vector<Expr>& v) const {
      uint64_t h = v.size();
      for (Expr x : v) h = hash_mix(h, x->id);
      return h;
    }
    uint64_t operator()(ConstantRef v) const { return v->hash; }
    uint64_t operator()(const Function* v) const { return reinterpret_cast<uintptr_t>(v); }
    uint64_t operator()(const Kernel* v) const { return reinterpret_cast<uintptr_t>(v); }
  };
  return hash_mix(value.index(), std::visit(Visitor{}, value));
}

/// Bitwise for doubles, so that NaN literals and -0 intern properly; by content for constants.
bool same_value(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<double>(&a))
    return std::memcmp(x, std::get_if<double>(&b), sizeof(double)) == 0;
  if (const auto* x = std::get_if<ConstantRef>(&a)) {
    const ConstantRef p = *x;
    const ConstantRef q = *std::get_if<ConstantRef>(&b);
    if (p == q) return true;
    if (p->hash != q->hash || p->size != q->size) return false;
    return p->size == 0 || std::memcmp(p->bytes, q->bytes, p->size) == 0;
  }
  return a == b;
}

bool same_attrs(std::span<const Attr> a, std::span<const Attr> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Attr& x, const Attr& y) {
    return x.key == y.key && same_value(x.value, y.value);
  });
}

struct NodeHash {
  size_t operator()(Expr n) const { return n->hash; }
};
struct NodeEqual {
  bool operator()(Expr a, Expr b) const {
    return a->hash == b->hash && a->op == b->op && a->type == b->type &&
           std::equal(a->operands.begin(), a->operands.end(), b->operands.begin(),
                      b->operands.end()) &&
           same_attrs(a->attrs, b->attrs);
  }
};

uint64_t hash_type(const TypeData& t) {
  uint64_t h = hash_mix(static_cast<uint64_t>(t.kind), static_cast<uint64_t>(t.dtype));
  h = hash_mix(h, static_cast<uint64_t>(t.scope));
  h = hash_mix(h, static_cast<uint64_t>(t.lanes));
  for (Expr e : t.shape) h = hash_mix(h, e->hash);
  for (Type f : t.fields) h = hash_mix(h, f->id);
  return h;
}
struct TypeHash {
  size_t operator()(Type t) const { return hash_type(*t); }
};
struct TypeEqual {
  bool operator()(Type a, Type b) const {
    return a->kind == b->kind && a->dtype == b->dtype && a->scope == b->scope &&
           a->lanes == b->lanes && a->shape == b->shape && a->fields == b->fields;
  }
};

/// Storage of one node with its operands and attributes behind it.
struct StoredNode {
  Node node;
  std::vector<Expr> operands;
  std::vector<Attr> attrs;
};

}  // namespace

const OpInfo& info(Op op) { return table().rows[static_cast<size_t>(op)]; }
std::string_view role_name(ParamRole role) {
  static constexpr std::array<std::string_view, 5> kNames{"in", "out", "const", "inout", "state"};
  return kNames[static_cast<size_t>(role)];
}

std::string_view key_name(Key key) { return kKeys[static_cast<size_t>(key)].name; }
int alternative_of(Key key) { return static_cast<int>(kKeys[static_cast<size_t>(key)].holds); }
const Op* parse_op(std::string_view name) {
  const auto found = table().by_name.find(name);
  return found == table().by_name.end() ? nullptr : &table().ops[found->second];
}
std::span<const Op> all_ops() { return table().ops; }
bool is_elementwise(Op op) {
  switch (info(op).op_class) {
    case OpClass::unary:
    case OpClass::test:
    case OpClass::binary:
    case OpClass::comparison:
    case OpClass::ternary:
      return true;
    default:
      return false;
  }
}
bool is_load(Op op) { return op == Op::load || op == Op::masked_load; }
bool is_comparison(Op op) { return info(op).op_class == OpClass::comparison; }
bool is_predicate(Op op) { return is_comparison(op) || info(op).op_class == OpClass::test; }
bool is_defined(Op op, DType type) {
  switch (info(op).domain) {
    case Domain::real:
      return is_float(type);
    case Domain::integer:
      return is_integer(type);
    case Domain::bits:
      return !is_float(type);
    case Domain::number:
      return is_float(type) || is_integer(type);
    case Domain::any:
      return true;
  }
  return false;
}

const AttrValue* Node::find(Key key) const {
  for (const Attr& a : attrs)
    if (a.key == key) return &a.value;
  return nullptr;
}

namespace {
template <class T>
const T& typed(const Node& node, Key key) {
  const AttrValue* value = node.find(key);
  TENON_CHECK(value != nullptr && std::holds_alternative<T>(*value),
              std::string(info(node.op).name) + " has no attribute " + std::string(key_name(key)) +
                  " of that type");
  return std::get<T>(*value);
}
}  // namespace

int64_t Node::int_attr(Key key) const { return typed<int64_t>(*this, key); }
int64_t Node::int_attr_or(Key key, int64_t otherwise) const {
  return find(key) == nullptr ? otherwise : typed<int64_t>(*this, key);
}
double Node::float_attr(Key key) const { return typed<double>(*this, key); }
const std::string& Node::string_attr(Key key) const { return typed<std::string>(*this, key); }
std::string_view Node::string_attr_or(Key key, std::string_view otherwise) const {
  return find(key) == nullptr ? otherwise : std::string_view(typed<std::string>(*this, key));
}
const std::vector<int64_t>& Node::ints_attr(Key key) const {
  return typed<std::vector<int64_t>>(*this, key);
}
const std::vector<Expr>& Node::exprs_attr(Key key) const {
  return typed<std::vector<Expr>>(*this, key);
}
ConstantRef Node::constant_attr() const { return typed<ConstantRef>(*this, Key::data); }
const Function* Node::function_attr(Key key) const { return typed<const Function*>(*this, key); }
const Kernel* Node::kernel_attr() const { return typed<const Kernel*>(*this, Key::kernel); }

struct Context::Impl {
  std::deque<StoredNode> nodes;
  std::unordered_set<Expr, NodeHash, NodeEqual> interned;
  std::deque<TypeData> types;
  std::unordered_set<Type, TypeHash, TypeEqual> interned_types;
  std::deque<ConstantData> constants;
  std::vector<std::unique_ptr<Function>> functions;
  std::unordered_map<std::string, const Function*> keyed_functions;
  std::vector<std::shared_ptr<const Kernel>> kernels;
  std::unordered_map<Expr, std::string> locations;
  int64_t next_uid = 0;

  Type intern(TypeData data) {
    if (const auto found = interned_types.find(&data); found != interned_types.end()) return *found;
    data.id = static_cast<uint32_t>(types.size());
    types.push_back(std::move(data));
    interned_types.insert(&types.back());
    return &types.back();
  }
};

Context::Context() : impl_(std::make_unique<Impl>()) {
  index_ = scalar(DType::i64);
  bool_ = scalar(DType::boolean);
  TypeData data;
  data.kind = TypeKind::void_;
  void_ = impl_->intern(std::move(data));
}
Context::~Context() = default;

Type Context::tensor(DType dtype, std::span<const Expr> shape, Scope scope) {
  TypeData data;
  data.dtype = dtype;
  data.scope = scope;
  data.shape.assign(shape.begin(), shape.end());
  return impl_->intern(std::move(data));
}

Type Context::tensor(DType dtype, std::initializer_list<int64_t> shape) {
  std::vector<Expr> extents;
  for (int64_t n : shape) extents.push_back(i64(n));
  return tensor(dtype, extents);
}

Type Context::scalar(DType dtype, int lanes) {
  TypeData data;
  data.dtype = dtype;
  data.lanes = lanes;
  return impl_->intern(std::move(data));
}

Type Context::tuple(std::span<const Type> fields) {
  TypeData data;
  data.kind = TypeKind::tuple;
  data.fields.assign(fields.begin(), fields.end());
  return impl_->intern(std::move(data));
}

Expr Context::make(Op op, Type type, std::span<const Expr> operands, std::vector<Attr> attrs) {
  std::sort(attrs.begin(), attrs.end(), [](const Attr& a, const Attr& b) { return a.key < b.key; });
  uint64_t h = hash_mix(static_cast<uint64_t>(op), type->id);
  for (Expr e : operands) h = hash_mix(h, e->id);
  for (const Attr& a : attrs)
    h = hash_mix(hash_mix(h, static_cast<uint64_t>(a.key)), hash_value(a.value));
  const Node probe{op, 0, type, h, operands, attrs};
  if (const auto found = impl_->interned.find(&probe); found != impl_->interned.end())
    return *found;
  StoredNode& stored = impl_->nodes.emplace_back();
  stored.operands.assign(operands.begin(), operands.end());
  stored.attrs = std::move(attrs);
  stored.node = {
      op, static_cast<uint32_t>(impl_->nodes.size() - 1), type, h, stored.operands, stored.attrs};
  impl_->interned.insert(&stored.node);
  return &stored.node;
}

Expr Context::make(Op op, Type type, std::initializer_list<Expr> operands,
                   std::vector<Attr> attrs) {
  return make(op, type, std::span<const Expr>(operands.begin(), operands.size()), std::move(attrs));
}

Expr Context::imm(Type scalar, int64_t value) {
  return make(Op::imm, scalar, {}, {{Key::value, wrap_to(scalar->dtype, value)}});
}

Expr Context::imm_f(Type scalar, double value) {
  return make(Op::imm, scalar, {}, {{Key::value, round_to(scalar->dtype, value)}});
}

Expr Context::var(std::string name) { return var(std::move(name), index_); }
Expr Context::var(std::string name, Type scalar) {
  return make(Op::var, scalar, {}, {{Key::name, std::move(name)}, {Key::uid, impl_->next_uid++}});
}
Expr Context::param(std::string name, Type type) {
  return make(Op::param, type, {}, {{Key::name, std::move(name)}, {Key::uid, impl_->next_uid++}});
}
Expr Context::buffer(std::string name, Type type) {
  return make(Op::buffer, type, {}, {{Key::name, std::move(name)}, {Key::uid, impl_->next_uid++}});
}

Expr Context::rebuild(Expr like, Type type, std::span<const Expr> operands) {
  return make(like->op, type, operands, std::vector<Attr>(like->attrs.begin(), like->attrs.end()));
}

Expr Context::constant(Type type, const void* bytes, uint64_t size, std::string name,
                       std::shared_ptr<const void> owner) {
  ConstantData data;
  data.size = size;
  data.name = std::move(name);
  data.hash = hash_bytes(bytes, size);
  data.bytes = static_cast<const std::byte*>(bytes);
  data.owner = std::move(owner);
  const ConstantRef probe = &data;
  const std::vector<Attr> attrs{{Key::data, probe}};
  const uint64_t h = hash_mix(hash_mix(hash_mix(static_cast<uint64_t>(Op::constant), type->id),
                                       static_cast<uint64_t>(Key::data)),
                              hash_value(attrs[0].value));
  const Node node{Op::constant, 0, type, h, {}, attrs};
  if (const auto found = impl_->interned.find(&node); found != impl_->interned.end()) return *found;
  if (data.owner == nullptr) {
    auto copy = std::make_shared<std::vector<std::byte>>(data.bytes, data.bytes + size);
    data.bytes = copy->data();
    data.owner = std::move(copy);
  }
  impl_->constants.push_back(std::move(data));
  return make(Op::constant, type, {}, {{Key::data, ConstantRef{&impl_->constants.back()}}});
}

Expr Context::constant(Type type, const ConstantData& data) {
  const size_t before = impl_->nodes.size();
  const Expr node = make(Op::constant, type, {}, {{Key::data, ConstantRef{&data}}});
  if (impl_->nodes.size() == before) return node;
  // A new node: let it own the description, which compares equal to the one it was made with.
  impl_->constants.push_back(data);
  impl_->nodes.back().attrs[0].value = ConstantRef{&impl_->constants.back()};
  return node;
}

const Function* Context::add(std::unique_ptr<Function> function) {
  return impl_->functions.emplace_back(std::move(function)).get();
}
const Function* Context::add(std::unique_ptr<Function> function, std::string key) {
  return impl_->keyed_functions[std::move(key)] = add(std::move(function));
}
const Function* Context::find_function(const std::string& key) const {
  const auto found = impl_->keyed_functions.find(key);
  return found == impl_->keyed_functions.end() ? nullptr : found->second;
}
const Kernel* Context::add(std::shared_ptr<const Kernel> kernel) {
  return impl_->kernels.emplace_back(std::move(kernel)).get();
}

void Context::set_location(Expr node, std::string_view location) {
  if (location.empty()) return;
  std::string& have = impl_->locations[node];
  if (have.empty()) {
    have = location;
  } else if (have.find(location) == std::string::npos && have.size() < 200) {
    have += ", ";
    have += location;
  }
}
std::string_view Context::location(Expr node) const {
  const auto found = impl_->locations.find(node);
  return found == impl_->locations.end() ? std::string_view{} : std::string_view(found->second);
}

size_t Context::node_count() const { return impl_->nodes.size(); }

}  // namespace tenon::ir
