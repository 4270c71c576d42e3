#include "embed/interface.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "support/text.h"

namespace tenon::embed {
namespace {

using artifact::DType;
using artifact::kNone;

constexpr std::string_view kWords[] = {
    "alignas",  "alignof",  "and",       "and_eq",       "asm",       "auto",     "bitand",
    "bitor",    "bool",     "break",     "case",         "catch",     "char",     "char16_t",
    "char32_t", "char8_t",  "class",     "co_await",     "co_return", "co_yield", "compl",
    "concept",  "const",    "consteval", "constexpr",    "constinit", "continue", "decltype",
    "default",  "delete",   "do",        "double",       "else",      "enum",     "explicit",
    "export",   "extern",   "false",     "float",        "for",       "friend",   "goto",
    "if",       "inline",   "int",       "int64_t",      "long",      "mutable",  "namespace",
    "new",      "noexcept", "not",       "not_eq",       "nullptr",   "operator", "or",
    "or_eq",    "private",  "protected", "public",       "register",  "requires", "restrict",
    "return",   "short",    "signed",    "size_t",       "sizeof",    "static",   "struct",
    "switch",   "template", "this",      "thread_local", "throw",     "true",     "try",
    "typedef",  "typeid",   "typename",  "typeof",       "uint64_t",  "union",    "unsigned",
    "using",    "virtual",  "void",      "volatile",     "wchar_t",   "while",    "xor",
    "xor_eq",   "linux",    "unix"};

/// Names of one struct: no two that differ by case alone, since macros spell them in capitals.
class Names {
 public:
  std::string unique(std::string_view wanted) {
    const std::string base = c_name(wanted);
    std::string name = base;
    for (int n = 2; !taken_.insert(folded(name)).second; ++n) name = cat(base, "_", n);
    return name;
  }

 private:
  static std::string folded(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name;
  }
  std::set<std::string> taken_;
};

std::string c_type(DType type) {
  const artifact::DTypeInfo& row = artifact::info(type);
  if (type == DType::f32) return "float";
  if (type == DType::f64) return "double";
  return cat(row.kind == artifact::DTypeKind::sint ? "int" : "uint", row.element_bytes * 8, "_t");
}

template <class Dim>
std::string shape_of(const std::vector<Dim>& dims) {
  std::string text;
  for (const Dim& d : dims) text += (text.empty() ? "" : ", ") + d.text;
  return "[" + text + "]";
}

class Writer {
 public:
  explicit Writer(const artifact::Model& model)
      : m_(model), symbol_words_(model.symbols.size(), kNone) {}

  Interface run() {
    for (const artifact::Input& in : m_.inputs) add_dims(in);
    for (const artifact::Input& in : m_.inputs) add_input(in);
    const std::vector<bool> constant = constant_registers(m_);
    for (const artifact::Output& out : m_.outputs) add_output(out, constant);
    return std::move(face_);
  }

 private:
  static constexpr size_t kMostAxes = 4;

  uint32_t add_extent(std::string_view name, const std::string& text) {
    face_.extents.push_back({names_.unique(name), text, {}, face_.words});
    return face_.words++;
  }

  void add_dims(const artifact::Input& in) {
    std::vector<uint32_t>& words = face_.words_of_dims.emplace_back();
    for (size_t d = 0; d < in.dims.size(); ++d) {
      const artifact::InputDim& dim = in.dims[d];
      if (dim.extent >= 0) {
        words.push_back(kNone);
      } else if (dim.symbol == kNone) {
        words.push_back(add_extent(cat(in.name, "_", d), dim.text));
      } else {
        uint32_t& word = symbol_words_[dim.symbol];
        if (word == kNone) word = add_extent(m_.symbols[dim.symbol], m_.symbols[dim.symbol]);
        words.push_back(word);
      }
      for (ExtentMember& e : face_.extents)
        if (e.word == words.back() && e.axes.size() < kMostAxes)
          e.axes.push_back(cat("axis ", d, " of ", in.name));
    }
  }

  void add_input(const artifact::Input& in) {
    TensorMember t = tensor(in.name, in.dtype, shape_of(in.dims));
    t.is_written = in.role == artifact::InputRole::inout;
    t.is_optional = in.constant != kNone;
    t.rank = static_cast<uint32_t>(in.dims.size());
    if (std::ranges::all_of(in.dims, [](const auto& d) { return d.extent >= 0; })) {
      t.count = 1;
      for (const artifact::InputDim& d : in.dims) t.count *= d.extent;
    }
    face_.inputs.push_back(std::move(t));
  }

  void add_output(const artifact::Output& out, const std::vector<bool>& constant) {
    TensorMember t = tensor(out.name, out.dtype, shape_of(out.dims));
    t.is_written = t.is_optional = true;
    t.rank = static_cast<uint32_t>(out.dims.size());
    if (std::ranges::all_of(out.dims, [&](const auto& d) { return constant[d.reg]; })) {
      t.count = 1;
      for (const artifact::OutputDim& d : out.dims) t.count *= m_.registers[d.reg];
    } else {
      (void)names_.unique(t.member + "_bytes");
      (void)names_.unique(t.member + "_shape");
      t.room = face_.words++;
      t.extents = face_.words;
      face_.words += t.rank;
    }
    face_.outputs.push_back(std::move(t));
  }

  TensorMember tensor(const std::string& name, DType type, std::string shape) {
    TensorMember t;
    t.member = names_.unique(name);
    t.name = name;
    t.type = artifact::info(type).name;
    t.shape = std::move(shape);
    t.c_type = c_type(type);
    t.word = face_.words++;
    return t;
  }

  const artifact::Model& m_;
  Interface face_;
  Names names_;
  std::vector<uint32_t> symbol_words_;
};

}  // namespace

std::string c_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    out += u < 128 && (std::isalnum(u) != 0) ? c : '_';
  }
  if (out.empty() || std::isalpha(static_cast<unsigned char>(out[0])) == 0) out = "x" + out;
  if (std::ranges::find(kWords, out) != std::end(kWords)) out += "_";
  return out;
}

std::vector<bool> constant_registers(const artifact::Model& model) {
  std::vector<bool> constant(model.registers.size(), true);
  for (const artifact::SizeOp& op : model.size_ops)
    if (op.code != artifact::SizeOpCode::check) constant[op.dst] = false;
  return constant;
}

Interface interface_of(const artifact::Model& model) { return Writer(model).run(); }

}  // namespace tenon::embed
