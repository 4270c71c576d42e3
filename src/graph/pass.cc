#include "graph/pass.h"

#include <array>

#include "graph/fuse.h"

namespace tenon::graph {

std::span<const Pass> passes() {
  static constexpr std::array kTable{
      Pass{"decompose", "inline composites that have no lowering of their own", decompose, false},
      Pass{"shape_guards",
           "note what operators take for granted about symbolic extents; a run checks it",
           shape_guards, false},
      Pass{"canonicalize",
           "one spelling for equal things: nested reshapes, transposes, slices, casts",
           canonicalize},
      Pass{"fold_constants", "evaluate what depends on constants only", fold_constants},
      Pass{"common_subexpressions",
           "order commutative operands, so that interning merges equal nodes",
           common_subexpressions},
      Pass{"simplify_algebra", "cheaper equals: powers, products, 1x1 convolutions as dot",
           simplify_algebra},
      Pass{"sink_transposes",
           "move transposes towards the results until they cancel or are absorbed",
           sink_transposes},
      Pass{"absorb_scales",
           "batch norm and scales into the weights of the convolution or product before",
           absorb_scales},
      Pass{"phase_convolutions",
           "transposed convolutions as plain ones for all phases of their positions",
           phase_convolutions},
      Pass{"hoist_transposes", "transposes that are left move to where their operand was smaller",
           hoist_transposes},
      Pass{"fold_constants_again", "evaluate the weights that the passes above rewrote",
           fold_constants},
      Pass{"materialize_padding", "padding of convolutions and windows as a pad of its own",
           materialize_padding},
      Pass{"dead_code", "drop captured values and bindings that nothing reads", dead_code},
      Pass{"fuse", "group primitives into kernels and lower each group to a loop program",
           fuse_pass, false},
  };
  return kTable;
}

const Pass* find_pass(std::string_view name) {
  for (const Pass& p : passes())
    if (p.name == name) return &p;
  return nullptr;
}

Status fuse_pass(ir::Context& c, ir::Function& f) {
  f = fuse(c, f);
  return {};
}

}  // namespace tenon::graph
