// Graphs, which tenon/graph.py gives their face.
#pragma once

#include "compile.h"

namespace tenon_python {

/// Adds _Graph and _operators to the module.
void define_graph(nb::module_& m);

}  // namespace tenon_python
