#include "schedule/program.h"

#include <unordered_set>

#include "support/check.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Key;
using ir::Op;

// ---- statements

namespace {
std::optional<Site> find(Expr root, const std::function<bool(Expr)>& wanted) {
  std::optional<Site> found;
  visit_statements(root, [&](const Site& at) {
    if (found) return false;
    if (wanted(at.node)) found = at;
    return !found;
  });
  return found;
}
}  // namespace

std::optional<Site> find_loop(Expr root, std::string_view name) {
  return find(root, [&](Expr s) { return s->op == Op::for_ && name_of(s->operand(0)) == name; });
}

std::optional<Site> find_block(Expr root, std::string_view name) {
  return find(root, [&](Expr s) { return s->op == Op::block && name_of(s) == name; });
}

std::vector<Site> find_blocks(Expr root) {
  std::vector<Site> all;
  visit_statements(root, [&](const Site& at) {
    if (at.node->op == Op::block) all.push_back(at);
    return true;
  });
  return all;
}

std::vector<ForView> loops_above(const Site& site) {
  std::vector<ForView> loops;
  for (const Step& step : site.path) {
    if (step.parent->op == Op::block) loops.clear();
    if (step.parent->op == Op::for_) loops.push_back({step.parent});
  }
  return loops;
}

std::vector<ForView> all_loops_above(const Site& site) {
  std::vector<ForView> loops;
  for (const Step& step : site.path)
    if (step.parent->op == Op::for_) loops.push_back({step.parent});
  return loops;
}

Expr block_above(const Site& site) {
  for (size_t i = site.path.size(); i-- > 0;)
    if (site.path[i].parent->op == Op::block) return site.path[i].parent;
  return nullptr;
}

bool is_under(const Site& site, Expr node) {
  for (const Step& step : site.path)
    if (step.parent == node) return true;
  return false;
}

Site ancestor(const Site& site, size_t depth) {
  if (depth >= site.path.size()) return site;
  return {{site.path.begin(), site.path.begin() + static_cast<std::ptrdiff_t>(depth)},
          site.path[depth].parent};
}

Expr replace(Context& c, const Site& site, Expr replacement) {
  Expr s = replacement;
  for (size_t i = site.path.size(); i-- > 0;)
    s = with_child(c, site.path[i].parent, site.path[i].child, s);
  return s;
}

Expr erase(Context& c, const Site& site) {
  for (size_t i = site.path.size(); i-- > 0;) {
    const auto [parent, child] = site.path[i];
    if (parent->op == Op::seq) {
      std::vector<Expr> rest(parent->operands.begin(), parent->operands.end());
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(child));
      if (!rest.empty() || i == 0) return replace(c, ancestor(site, i), ir::seq(c, rest));
    } else if (parent->op == Op::cond && parent->operands.size() > 2) {
      if (child == 1)
        return replace(
            c,
            {{site.path.begin(), site.path.begin() + static_cast<std::ptrdiff_t>(i) + 1}, nullptr},
            ir::seq(c, {}));
      return replace(c, ancestor(site, i), ir::if_then(c, parent->operand(0), parent->operand(1)));
    }
  }
  return ir::seq(c, {});
}

const std::string& name_of(Expr named) { return named->string_attr(Key::name); }

// ---- notes

std::string_view note_value(std::string_view note, std::string_view key) {
  while (!note.empty()) {
    const size_t end = std::min(note.find(';'), note.size());
    const std::string_view pair = note.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == key)
      return pair.substr(equals + 1);
    note.remove_prefix(std::min(end + 1, note.size()));
  }
  return {};
}

std::string without_note(std::string_view note, std::string_view key) {
  std::string out;
  while (!note.empty()) {
    const size_t end = std::min(note.find(';'), note.size());
    const std::string_view pair = note.substr(0, end);
    if (pair.substr(0, pair.find('=')) != key) out += (out.empty() ? "" : ";") + std::string(pair);
    note.remove_prefix(std::min(end + 1, note.size()));
  }
  return out;
}

std::string with_note(std::string_view note, std::string_view key, std::string_view value) {
  const std::string rest = without_note(note, key);
  return rest + (rest.empty() ? "" : ";") + std::string(key) + "=" + std::string(value);
}

// ---- drafts

Draft::Draft(const Program& program) : kernel_(std::make_shared<ir::Kernel>(*program)) {
  for (Expr v : kernel_->sizes) names_.insert(name_of(v));
  for (const ir::KernelParam& p : kernel_->params) buffer_names_.insert(name_of(p.buffer));
  for (Expr b : kernel_->buffers) buffer_names_.insert(name_of(b));
  visit_statements(kernel_->body, [&](const Site& at) {
    if (at.node->op == Op::for_) names_.insert(name_of(at.node->operand(0)));
    if (at.node->op == Op::block) names_.insert(name_of(at.node));
    return true;
  });
}

std::string unique_in(std::set<std::string>& names, const std::string& base) {
  std::string name = base;
  for (int i = 2; names.contains(name); ++i) name = base + "_" + std::to_string(i);
  names.insert(name);
  return name;
}

std::string Draft::fresh(const std::string& base) { return unique_in(names_, base); }
std::string Draft::fresh_buffer(const std::string& base) { return unique_in(buffer_names_, base); }

Expr Draft::copy(Expr statement, const std::string& suffix) {
  ir::Map vars;
  std::unordered_map<Expr, std::string> blocks;
  visit_statements(statement, [&](const Site& at) {
    if (at.node->op == Op::for_)
      vars[at.node->operand(0)] = fresh_var(name_of(at.node->operand(0)) + suffix);
    if (at.node->op == Op::let)
      vars[at.node->operand(0)] = c().var(name_of(at.node->operand(0)), at.node->operand(0)->type);
    if (at.node->op == Op::block) {
      blocks.emplace(at.node, fresh(name_of(at.node) + suffix));
      for (const ir::BlockIter& it : ir::BlockView{at.node}.iters())
        vars[it.var] = c().var(name_of(it.var));
    }
    return true;
  });
  // Block names first: the substitution would change the nodes that `blocks` speaks of.
  const std::function<Expr(Expr)> rename_inside = [&](Expr s) -> Expr {
    std::vector<Expr> operands(s->operands.begin(), s->operands.end());
    for (size_t child : ir::child_positions(s)) operands[child] = rename_inside(operands[child]);
    if (s->op == Op::seq) return ir::seq(c(), operands);
    std::vector<ir::Attr> attrs(s->attrs.begin(), s->attrs.end());
    if (const auto found = blocks.find(s); found != blocks.end())
      for (ir::Attr& a : attrs)
        if (a.key == Key::name) a.value = found->second;
    return c().make(s->op, s->type, operands, std::move(attrs));
  };
  return ir::substitute(c(), rename_inside(statement), vars);
}

ir::Assumptions Draft::known_sizes() const { return ir::assume_extents(*kernel_); }

ir::Assumptions Draft::known(const Site& site) const {
  ir::Assumptions known = known_sizes();
  for (ForView loop : all_loops_above(site)) known.below(loop.var(), loop.extent());
  return known;
}

void Draft::replace_buffer(Expr from, Expr to) {
  kernel_->body = ir::substitute(c(), kernel_->body, {{from, to}});
  for (ir::KernelParam& p : kernel_->params)
    if (p.buffer == from) p.buffer = to;
  for (Expr& b : kernel_->buffers)
    if (b == from) b = to;
}

bool Draft::is_param(Expr buffer) const {
  for (const ir::KernelParam& p : kernel_->params)
    if (p.buffer == buffer) return true;
  return false;
}

Edited Draft::finish(Handles handles) {
  std::unordered_set<Expr> used;
  std::vector<Expr> order;
  for (Expr e : ir::post_order(std::span(&kernel_->body, 1)))
    if (e->op == Op::buffer && !is_param(e) && used.insert(e).second) order.push_back(e);
  std::vector<Expr> buffers;
  std::unordered_set<Expr> listed;
  for (Expr b : kernel_->buffers)
    if (used.contains(b) && listed.insert(b).second) buffers.push_back(b);
  for (Expr b : order)
    if (listed.insert(b).second) buffers.push_back(b);
  kernel_->buffers = std::move(buffers);
  return {kernel_, std::move(handles)};
}

}  // namespace tenon::schedule::primitives
