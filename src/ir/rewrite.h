// Walking and rebuilding node DAGs. Every driver here is iterative and visits a node once, so a
// chain of 100,000 nodes neither overflows the stack nor takes more than linear time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

/// Nodes reached from `roots` (operands, and exprs in attributes and shapes when `with_exprs`),
/// operands before users, in a deterministic order.
[[nodiscard]] std::vector<Expr> post_order(std::span<const Expr> roots, bool with_exprs = false);

using Map = std::unordered_map<Expr, Expr>;

/// `root` with every node in `map` replaced by its image (not rewritten further), types' extents
/// and expression attributes included; integer arithmetic is folded again while rebuilding.
[[nodiscard]] Expr substitute(Context& c, Expr root, const Map& map);
[[nodiscard]] Type substitute(Context& c, Type type, const Map& map);

/// A node like `like` with other operands and type; scalar integer and boolean arithmetic,
/// `select`, `cond` and `seq` go through the builders of expr.h and so fold.
[[nodiscard]] Expr rebuild_folded(Context& c, Expr like, Type type, std::span<const Expr> operands);

/// Rebuilds bottom-up: `rule` sees each node with its operands already rebuilt and returns its
/// replacement or nullptr to keep it. Nodes are visited once each, extents in types and expressions
/// in attributes too; a node whose type mentions a replaced one gets the new type (params and
/// buffers keep their uid then). Bodies of calls follow replaced symbolic variables and nothing
/// else.
[[nodiscard]] Expr rewrite_bottom_up(Context& c, Expr root, const std::function<Expr(Expr)>& rule);

/// Same for all results, bindings included, of a graph function. Params stay, with the types that
/// they have after rewriting; a binding is dropped when its variable was replaced by something
/// else.
void rewrite_function(Context& c, Function& f, const std::function<Expr(Expr)>& rule);

/// Copies an expression (or statement) into another context. `map` seeds and collects the images of
/// nominal nodes; an unseeded var, param or buffer gets a fresh one of the same name.
[[nodiscard]] Expr copy_to(Context& to, Expr root, Map& map);
[[nodiscard]] Type copy_to(Context& to, Type type, Map& map);
/// A whole function; bodies of calls are copied with it. A call_kernel keeps pointing at its
/// kernel, which the source context must keep alive.
[[nodiscard]] std::unique_ptr<Function> copy_to(Context& to, const Function& f, Map& map);

}  // namespace tenon::ir
