#include "pass/pass.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "ir/rewrite.h"
#include "support/stopwatch.h"

namespace tenon::pass {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

bool is_same(const Function& a, const Function& b) {
  return a.params == b.params && a.results == b.results && a.guards.size() == b.guards.size() &&
         std::equal(a.bindings.begin(), a.bindings.end(), b.bindings.begin(), b.bindings.end(),
                    [](const Binding& x, const Binding& y) {
                      return x.var == y.var && x.tensor == y.tensor;
                    });
}

template <class Program>
Status run_rows(std::span<const Pass> rows, PassContext& p, Program& program, const Hooks& hooks) {
  for (const Pass& pass : rows) {
    const auto& off = p.options.disabled;
    if (std::find(off.begin(), off.end(), pass.name) == off.end()) {
      if (hooks.before) TENON_TRY_VOID(hooks.before(pass));
      p.applied.clear();
      const Stopwatch watch;
      TENON_TRY_VOID(run(pass, p, program));
      if (hooks.after) TENON_TRY_VOID(hooks.after(pass, watch.seconds()));
    }
    if (p.options.stop_after == pass.name) break;
  }
  return {};
}

}  // namespace

const Pass* find(std::span<const Pass> rows, std::string_view name) {
  for (const Pass& pass : rows)
    if (pass.name == name) return &pass;
  return nullptr;
}

Status run(const Pass& pass, PassContext& p, Function& f) {
  TENON_TRY_VOID(rewrite_bodies(p.nodes, f, [&](Function& body) { return run(pass, p, body); }));
  return pass.on_function(p, f);
}

Status run(const Pass& pass, PassContext& p, Kernel& k) { return pass.on_kernel(p, k); }

Status run_on_kernels(const Pass& pass, PassContext& p, Function& f) {
  TENON_TRY_VOID(
      rewrite_bodies(p.nodes, f, [&](Function& body) { return run_on_kernels(pass, p, body); }));
  Status done;
  std::unordered_map<const Kernel*, const Kernel*> after;
  rewrite_function(p.nodes, f, [&](Expr n) -> Expr {
    if (n->op != Op::call_kernel || !done) return nullptr;
    std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
    for (Attr& a : attrs) {
      const auto* kernel = std::get_if<const Kernel*>(&a.value);
      if (kernel == nullptr) continue;
      const auto [at, fresh] = after.emplace(*kernel, nullptr);
      if (fresh) {
        auto copy = std::make_unique<Kernel>(**kernel);
        done = run(pass, p, *copy);
        at->second = p.nodes.add(std::move(copy));
      }
      a.value = at->second;
    }
    return p.nodes.make(n->op, n->type, n->operands, std::move(attrs));
  });
  return done;
}

Status run_all(std::span<const Pass> rows, PassContext& p, Function& f, const Hooks& hooks) {
  return run_rows(rows, p, f, hooks);
}

Status run_all(std::span<const Pass> rows, PassContext& p, Kernel& k, const Hooks& hooks) {
  return run_rows(rows, p, k, hooks);
}

Status rewrite_bodies(Context& c, Function& f, const std::function<Status(Function&)>& pass) {
  Status done;
  rewrite_function(c, f, [&](Expr n) -> Expr {
    if (!done || (n->op != Op::if_ && n->op != Op::loop)) return nullptr;
    std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
    for (Attr& a : attrs) {
      const auto* body = std::get_if<const Function*>(&a.value);
      if (body == nullptr || !done) continue;
      auto copy = std::make_unique<Function>(**body);
      done = pass(*copy);
      if (!is_same(*copy, **body)) a.value = c.add(std::move(copy));
    }
    return c.make(n->op, n->type, n->operands, std::move(attrs));
  });
  return done;
}

}  // namespace tenon::pass
