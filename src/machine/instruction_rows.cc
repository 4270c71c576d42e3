// The instructions: what each needs, takes and means.
#include <algorithm>
#include <set>

#include "ir/rewrite.h"
#include "machine/instruction.h"

namespace tenon::machine {
namespace {

bool has(const std::vector<std::string>& features, std::string_view feature) {
  return std::ranges::find(features, feature) != features.end();
}
bool has(const Machine& m, std::string_view feature) { return has(m.needs, feature); }

struct Types {
  std::string c, a, b;
};

std::string product_of(const Types& t, const std::string& a, const std::string& b) {
  const auto wide = [&](const std::string& type, const std::string& load) {
    return type == t.c ? load : "cast<" + t.c + ">(" + load + ")";
  };
  return wide(t.a, a) + " * " + wide(t.b, b) + " init " + t.c + "(0)";
}

/// A product of a strided a and rows of b that lie side by side, accumulated in order of kk.
std::string tile_body(const std::string& name, const Types& t, const std::string& combine) {
  return "kernel @" + name + "[mr, nr, rows, k](c: out " + t.c + "[mr, nr], a: in " + t.a +
         "[rows, k], b: in " + t.b +
         "[k, nr]) {\n"
         "  for i in serial(rows) { for j in serial(nr) { for kk in serial(k) {\n"
         "    block c(vi: s = i, vj: s = j, vk: r = kk) note \"init=done\" {\n"
         "      c[vi, vj] " +
         combine + "= " + product_of(t, "a[vi, vk]", "b[vk, vj]") + "\n    }\n  } } }\n}\n";
}

/// The same in steps of `group` neighbours in a row of a, which lie side by side for each column of
/// b; `some` of them, where fewer are left.
std::string grouped_body(const std::string& name, const Types& t, const std::string& combine,
                         const std::string& group) {
  return "kernel @" + name + "[mr, nr, rows, k, some](c: out " + t.c + "[mr, nr], a: in " + t.a +
         "[rows, k * " + group + "], b: in " + t.b + "[k, nr, " + group +
         "]) {\n"
         "  for i in serial(rows) { for j in serial(nr) { for kk in serial(k) {\n"
         "    for q in serial(some) {\n"
         "    block c(vi: s = i, vj: s = j, vk: r = kk, vq: r = q) note \"init=done\" {\n"
         "      c[vi, vj] " +
         combine + "= " + product_of(t, "a[vi, vk * " + group + " + vq]", "b[vk, vj, vq]") +
         "\n    }\n  } } } }\n}\n";
}

/// Elements of a that are in registers at once: where products read no memory, several are loaded
/// ahead.
int64_t elements_in_flight(const Machine& m) { return has(m, "asimd") ? 4 : 1; }

/// What a tile keeps in registers beside its accumulators, a row of b, and elements of a.
struct More {
  int64_t for_columns = 0;  // for each vector of columns
  int64_t once = 0;
  int64_t narrowest = 1;  // lanes of the shortest vector that there is
};

/// mr and nr, and behind them heights of tails, ascending.
bool are_sizes(std::span<const int64_t> params) {
  if (params.size() < 2 || params[0] < 1 || params[1] < 1) return false;
  int64_t below = 0;
  for (const int64_t height : params.subspan(2)) {
    if (height <= below || height >= params[0]) return false;
    below = height;
  }
  return true;
}

/// mr rows of nr / lanes accumulators. Columns that are no multiple of a vector take narrower ones.
bool registers_hold(const Machine& m, int64_t lanes, std::span<const int64_t> params,
                    const More& more) {
  if (!are_sizes(params)) return false;
  const int64_t mr = params[0];
  const int64_t nr = params[1];
  while (nr % lanes != 0) lanes /= 2;
  const int64_t columns = nr / lanes;
  return lanes >= more.narrowest && mr <= 64 && columns <= 64 &&
         (mr + 1 + more.for_columns) * columns + elements_in_flight(m) + more.once <=
             m.vector_registers;
}

/// Integers are multiplied before they are added.
template <ir::DType kType>
bool tile_fits(const Machine& m, std::span<const int64_t> params) {
  return registers_hold(m, m.lanes(kType), params, {.once = ir::is_float(kType) ? 0 : 1});
}

/// Groups of 32 bits. The longest vectors of x86 are another feature's than the others.
bool bytes_fit(const Machine& m, std::span<const int64_t> params) {
  return (m.vector_bytes < 64 || has(m, "avx512vnni")) &&
         registers_hold(m, m.vector_bytes / 4, params, {.narrowest = 4});
}

/// Beside them a column's excess and the constant that moves bytes to the other kind of sign.
bool moved_bytes_fit(const Machine& m, std::span<const int64_t> params) {
  return bytes_fit(m, params) &&
         registers_hold(m, m.vector_bytes / 4, params, {.for_columns = 1, .once = 1});
}

/// x86 multiplies an unsigned byte by a signed one, AArch64 two of a kind, and with i8mm both ways.
bool bytes_of_a_kind_fit(const Machine& m, std::span<const int64_t> params) {
  return has(m, "asimddp") ? bytes_fit(m, params) : moved_bytes_fit(m, params);
}
bool bytes_of_both_kinds_fit(const Machine& m, std::span<const int64_t> params) {
  return has(m, "asimddp") && !has(m, "i8mm") ? moved_bytes_fit(m, params) : bytes_fit(m, params);
}

bool widened_bytes_fit(const Machine& m, std::span<const int64_t> params) {
  return (m.vector_bytes < 64 || has(m, "avx512bw")) &&
         registers_hold(m, m.vector_bytes / 4, params, {.once = 1, .narrowest = 4});
}

bool halves_fit(const Machine& m, std::span<const int64_t> params) {
  return registers_hold(m, m.vector_bytes / 4, params, {.narrowest = 4});
}

/// Tiles of c, which take one of a for their rows and one of b for their columns. The columns fill
/// theirs.
bool matrix_tiles_hold(const Machine& m, std::span<const int64_t> params) {
  if (!are_sizes(params) || m.tiles.registers == 0) return false;
  const int64_t lanes = m.tiles.row_bytes / 4;
  const int64_t rows = (params[0] + m.tiles.rows - 1) / m.tiles.rows, columns = params[1] / lanes;
  return params[1] % lanes == 0 && rows * columns + rows + columns <= m.tiles.registers;
}

template <ir::DType kType>
Instruction tile(std::string_view name, const Types& types, const std::string& combine) {
  return {name,
          {"fma", "asimd"},
          {"mr", "nr"},
          {1, 0, 1},
          tile_body(std::string(name), types, combine),
          tile_fits<kType>};
}

/// Products of four bytes each into 32 bits, which never saturate.
Instruction byte_tile(std::string_view name, const std::string& a, const std::string& b) {
  return {name,
          {"avx512vnni", "avxvnni", "asimddp"},
          {"mr", "nr"},
          {1, 1, 2},
          grouped_body(std::string(name), {"i32", a, b}, "sum", "4"),
          a == b ? bytes_of_a_kind_fit : bytes_of_both_kinds_fit};
}

/// The same on a matrix unit, which multiplies all pairs of signs.
Instruction matrix_tile(std::string_view name, const std::string& a, const std::string& b) {
  return {name,
          {"amx-int8"},
          {"mr", "nr"},
          {1, 1, 2},
          grouped_body(std::string(name), {"i32", a, b}, "sum", "4"),
          matrix_tiles_hold};
}

/// Products of two bytes each, which 16 bits hold before they are multiplied.
Instruction widened_byte_tile(std::string_view name, const std::string& a, const std::string& b) {
  return {name,
          {"avx2"},
          {"mr", "nr"},
          {1, 1, 2},
          grouped_body(std::string(name), {"i32", a, b}, "sum", "2"),
          widened_bytes_fit};
}

/// Products of two words each, of 16 bits: of a they were widened before, of b they may be now.
Instruction word_tile(std::string_view name, const std::string& b) {
  return {name,
          {"avx2"},
          {"mr", "nr"},
          {1, 1, 2},
          grouped_body(std::string(name), {"i32", "i16", b}, "sum", "2"),
          widened_bytes_fit};
}

std::vector<Instruction> make_rows() {
  using ir::DType;
  return {
      byte_tile("dot4_tile_u8i8", "u8", "i8"),
      byte_tile("dot4_tile_i8u8", "i8", "u8"),
      byte_tile("dot4_tile_i8i8", "i8", "i8"),
      byte_tile("dot4_tile_u8u8", "u8", "u8"),
      matrix_tile("amx_tile_u8i8", "u8", "i8"),
      matrix_tile("amx_tile_i8u8", "i8", "u8"),
      matrix_tile("amx_tile_i8i8", "i8", "i8"),
      matrix_tile("amx_tile_u8u8", "u8", "u8"),
      widened_byte_tile("dot2_tile_u8i8", "u8", "i8"),
      widened_byte_tile("dot2_tile_i8u8", "i8", "u8"),
      widened_byte_tile("dot2_tile_i8i8", "i8", "i8"),
      widened_byte_tile("dot2_tile_u8u8", "u8", "u8"),
      word_tile("dot2_tile_i16i8", "i8"),
      word_tile("dot2_tile_i16u8", "u8"),
      word_tile("dot2_tile_i16", "i16"),
      {"dot2_tile_bf16",
       {"avx512bf16", "bf16"},
       {"mr", "nr"},
       {1, 1, 2},
       grouped_body("dot2_tile_bf16", {"f32", "bf16", "bf16"}, "fma", "2"),
       halves_fit,
       Instruction::Numerics::subnormals_are_zero},
      {"amx_tile_bf16",
       {"amx-bf16"},
       {"mr", "nr"},
       {1, 1, 2},
       grouped_body("amx_tile_bf16", {"f32", "bf16", "bf16"}, "fma", "2"),
       matrix_tiles_hold,
       Instruction::Numerics::subnormals_are_zero},
      tile<DType::f32>("fma_tile", {"f32", "f32", "f32"}, "fma"),
      tile<DType::f64>("fma_tile_f64", {"f64", "f64", "f64"}, "fma"),
      tile<DType::f32>("fma_tile_bf16", {"f32", "bf16", "bf16"}, "fma"),
      tile<DType::f32>("fma_tile_f16", {"f32", "f16", "f16"}, "fma"),
      tile<DType::f32>("fma_tile_f32bf16", {"f32", "f32", "bf16"}, "fma"),
      tile<DType::f32>("fma_tile_f32f16", {"f32", "f32", "f16"}, "fma"),
      tile<DType::i32>("mul_tile_i32", {"i32", "i32", "i32"}, "sum"),
      tile<DType::i32>("mul_tile_u8i8", {"i32", "u8", "i8"}, "sum"),
      tile<DType::i32>("mul_tile_i8u8", {"i32", "i8", "u8"}, "sum"),
      tile<DType::i32>("mul_tile_i8i8", {"i32", "i8", "i8"}, "sum"),
      tile<DType::i32>("mul_tile_u8u8", {"i32", "u8", "u8"}, "sum"),
  };
}

}  // namespace

std::span<const Instruction> instructions() {
  static const std::vector<Instruction> all = make_rows();
  return all;
}

bool has_instruction(const Machine& machine, const Instruction& row) {
  return row.needs.empty() || std::ranges::any_of(row.needs, [&](std::string_view f) {
           return has(machine, f) || has(machine.units, f);
         });
}

std::vector<std::string> used_units(const Machine& machine, const ir::Kernel& kernel) {
  std::set<std::string> used;
  for (ir::Expr e : ir::post_order(std::span(&kernel.body, 1))) {
    if (e->op != ir::Op::instr) continue;
    for (const std::string_view f : find_instruction(ir::InstrView{e}.name())->needs)
      if (has(machine.units, f)) used.emplace(f);
  }
  return {used.begin(), used.end()};
}

}  // namespace tenon::machine
