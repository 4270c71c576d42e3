// The text form: parse(print(x)) == x for graphs (models) and loop programs (kernels).
//
//   model @mlp[batch](x: f32[batch, 768]) -> (y) {
//     t0 = constant #9f3a5c... "w" : f32[768, 10]
//     t1 = dot(x, t0) {contract_a = [1], contract_b = [0]} : f32[batch, 10] at "mlp.onnx:MatMul_3"
//     guard batch <= 512, "the table has 512 rows"
//     return t1
//   }
//   kernel @mine[n](x: in f32[n], y: out f32[n]) extern "mine" { }
//   kernel @relu[n](x: in f32[n], y: out f32[n]) {
//     for i in parallel(n) {
//       y[i] = max(x[i], f32(0))
//     }
//   }
//
// Statements: for V in KIND(EXTENT) note "..", if/else, while, let V: TYPE = VALUE { }, X[i] =
// VALUE, X[i] sum= VALUE init VALUE, block NAME(V: s = E, V: r = E) where E note ".." { }, instr
// NAME<1, 2>(..), fail(CODE), { } for a nested sequence. `t0 := EXPR` names a part of what follows
// and is no statement. At the target stage f32x16 is a vector; splat(x, 16), ramp(base, step, 16),
// shuffle(v, w, [1, 0]), lane(v, i) and reduce_lanes(sum, v) make and use them, and x[ramp(i, 1,
// 16) where MASK] is a place of several lanes. Scalars are infix (// floors, % is mod); literals
// but i64 and bool name their type: f32(0.5). Names with other characters than letters, digits, _
// and dots stand in backquotes; `;` starts a comment. Bodies of calls and kernels stand above the
// function that uses them. `trace` lines at the head of a kernel are the schedule that is to be
// applied to what follows (schedule/schedule.h). Errors carry FILE:LINE:COLUMN and the codes
// text.syntax, text.name, text.type, text.attribute, text.constant, text.result, text.depth,
// text.character, text.quote.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/node.h"
#include "support/result.h"

namespace tenon::ir {

struct PrintOptions {
  bool locations = false;  // at "file:node" behind statements
  bool constant_bytes =
      false;  // small constants are always printed in full; this prints all of them
};

[[nodiscard]] std::string print(Expr e);     // one expression or statement
[[nodiscard]] std::string print(Type type);  // f32[batch, 768]
[[nodiscard]] std::string print(const Context& c, const Function& f,
                                const PrintOptions& options = {});
[[nodiscard]] std::string print(const Kernel& kernel);
/// Text in which nominal names are replaced by their order of appearance and the kernel's name is
/// left out: equal text means equal code. The key for deduplication, caches and databases.
[[nodiscard]] std::string canonical_text(const Kernel& kernel);

/// A .tir file: any number of functions and kernels; the last `model` is the entry.
struct Module {
  std::shared_ptr<Context> context;  // shared with kernels
  std::vector<const Function*> functions;
  std::vector<std::shared_ptr<Kernel>> kernels;
  /// FILE:LINE:COLUMN of each trace line of each kernel.
  std::vector<std::vector<std::string>> trace_places;
};
/// Functions go into the context, a new one where none is given; each kernel has its own.
[[nodiscard]] Result<Module> parse(std::string_view text, std::string_view file,
                                   std::shared_ptr<Context> context = nullptr);

/// Symbolic extents by name, of a function that is made piece by piece.
using Symbols = std::vector<std::pair<std::string, Expr>>;
/// A parameter as a function's head has it behind the name: "f32[batch, 768]", "inout f32[8]",
/// "state f32[n, 64] reserve 4096". Names that are not among the symbols become symbols. Places in
/// errors are NAME:LINE:COLUMN.
[[nodiscard]] Result<Expr> parse_param(Context& c, const std::string& name, std::string_view text,
                                       Symbols& symbols);
/// Extents over known symbols: "batch, 12, 2 * n".
[[nodiscard]] Result<std::vector<Expr>> parse_extents(Context& c, std::string_view text,
                                                      const Symbols& symbols,
                                                      std::string_view what);

}  // namespace tenon::ir
