#include "ir/kernel_calls.h"

#include "ir/rewrite.h"

namespace tenon::ir {

std::vector<const Kernel*> kernels_of(const Function& f) {
  std::vector<const Kernel*> all;
  std::vector<Expr> roots = f.results;
  for (const Binding& b : f.bindings) roots.push_back(b.tensor);
  for (Expr n : post_order(roots)) {
    if (n->op == Op::call_kernel) all.push_back(n->kernel_attr());
    for (const Attr& a : n->attrs) {
      const auto* body = std::get_if<const Function*>(&a.value);
      if (body == nullptr) continue;
      const std::vector<const Kernel*> inner = kernels_of(**body);
      all.insert(all.end(), inner.begin(), inner.end());
    }
  }
  return all;
}

}  // namespace tenon::ir
