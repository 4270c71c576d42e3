// The fused graph for a report: kernels, structure between them, and what each reads.
#include <unordered_map>

#include "cli/report/report.h"
#include "ir/expr.h"
#include "ir/kernel_calls.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "support/text.h"

namespace tenon::cli {

using ir::Expr;
using ir::Key;
using ir::Op;
using nlohmann::json;

namespace {

/// Values whose node would say nothing of its own: readers are drawn beside what is behind them.
bool is_looked_through(Op op) { return op == Op::get || op == Op::tuple || op == Op::reshape; }

std::string operator_name(Expr n) {
  if (n->op == Op::call) return n->string_attr(Key::name);
  return std::string(ir::info(n->op).name);
}

class GraphWriter {
 public:
  explicit GraphWriter(const Profiled& p)
      : c_(p.subject.compiled->compilation), f_(c_.function), times_(call_times(p)) {
    const artifact::Model& t = p.subject.ready.session.model->tables();
    const auto& calls = p.subject.compiled->notes.calls;
    for (size_t i = 0; i < calls.size(); ++i) {
      seconds_[calls[i]] += times_[i];
      call_of_[calls[i]->kernel_attr()] = calls[i];
    }
    for (const artifact::Step& s : t.steps)
      if (s.kind == artifact::StepKind::launch) row_[calls[s.a]] = s.e;
  }

  json write() {
    std::vector<Expr> roots = f_.results;
    for (const ir::Binding& b : f_.bindings) roots.push_back(b.tensor);
    for (Expr n : ir::post_order(roots)) add(n);
    for (size_t i = 0; i < f_.results.size(); ++i) {
      json node{{"kind", "output"},
                {"label", i < f_.result_names.size() ? f_.result_names[i] : cat("output", i)},
                {"type", ir::print(f_.results[i]->type)}};
      connect(node, f_.results[i]);
      nodes_.push_back(std::move(node));
    }
    return nodes_;
  }

 private:
  void add(Expr n) {
    if (n->op == Op::constant || n->op == Op::imm || n->op == Op::var || is_looked_through(n->op))
      return;
    json node{{"kind", "structure"}, {"label", operator_name(n)}, {"type", ir::print(n->type)}};
    if (n->op == Op::param) {
      node["kind"] = "input";
      node["label"] = n->string_attr(Key::name);
    }
    if (n->op == Op::call_kernel) describe_kernel(n, node);
    if (n->op == Op::if_ || n->op == Op::loop) describe_bodies(n, node);
    if (const std::string_view at = c_.context->location(n); !at.empty()) node["from"] = at;
    for (Expr operand : n->operands) connect(node, operand);
    index_[n] = nodes_.size();
    nodes_.push_back(std::move(node));
  }

  void describe_kernel(Expr n, json& node) {
    node["kind"] = "kernel";
    node["label"] = n->kernel_attr()->name;
    if (const auto at = seconds_.find(n); at != seconds_.end()) node["time_s"] = at->second;
    if (const auto at = row_.find(n); at != row_.end()) node["row"] = at->second;
    const auto group = c_.groups.find(n->kernel_attr());
    if (group == c_.groups.end()) return;
    json parts = json::array();
    for (Expr part : group->second.nodes)
      parts.push_back({{"op", operator_name(part)},
                       {"type", ir::print(part->type)},
                       {"from", c_.context->location(part)}});
    node["parts"] = std::move(parts);
  }

  /// A branch or a loop is one node; its kernels' times are its own.
  void describe_bodies(Expr n, json& node) {
    double seconds = 0;
    json inside = json::array();
    for (const ir::Attr& a : n->attrs)
      if (const auto* body = std::get_if<const ir::Function*>(&a.value))
        for (const ir::Kernel* kernel : ir::kernels_of(**body)) {
          json row{{"label", kernel->name}, {"time_s", 0.0}};
          if (const auto call = call_of_.find(kernel); call != call_of_.end()) {
            row["time_s"] = seconds_.at(call->second);
            seconds += seconds_.at(call->second);
            if (const auto at = row_.find(call->second); at != row_.end()) row["row"] = at->second;
          }
          inside.push_back(std::move(row));
        }
    node["time_s"] = seconds;
    node["label"] = cat(node["label"].get<std::string>(), " of ", inside.size(), " kernels");
    node["inside"] = std::move(inside);
  }

  void connect(json& node, Expr operand) {
    std::vector<Expr> work{operand};
    while (!work.empty()) {
      const Expr e = work.back();
      work.pop_back();
      if (is_looked_through(e->op)) {
        work.insert(work.end(), e->operands.begin(), e->operands.end());
      } else if (e->op == Op::constant) {
        node["weights"].push_back(cat(e->constant_attr()->name,
                                      e->constant_attr()->name.empty() ? "" : ": ",
                                      ir::print(e->type)));
      } else if (const auto at = index_.find(e); at != index_.end()) {
        node["reads"].push_back({{"node", at->second}, {"type", ir::print(operand->type)}});
      }
    }
  }

  const compiler::Compilation& c_;
  const ir::Function& f_;
  std::vector<double> times_;
  std::unordered_map<Expr, double> seconds_;
  std::unordered_map<const ir::Kernel*, Expr> call_of_;  // each group has a kernel of its own
  std::unordered_map<Expr, uint32_t> row_;
  std::unordered_map<Expr, size_t> index_;
  json nodes_ = json::array();
};

}  // namespace

json graph_of(const Profiled& profiled) { return GraphWriter(profiled).write(); }

}  // namespace tenon::cli
