// Names of loops, blocks and buffers: giving every program unique ones, changing one.
#include <cctype>

#include "schedule/program.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Key;
using ir::Op;

bool is_name(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
  for (char ch : text)
    if (std::isalnum(static_cast<unsigned char>(ch)) == 0 && ch != '_') return false;
  return true;
}

std::string axis_name(const std::string& block, Expr iterator) {
  std::string_view name = name_of(iterator);
  if (name.size() > 1 && name[0] == 'v') name.remove_prefix(1);
  if (name.size() > block.size() + 1 && name.starts_with(block + "_"))
    name.remove_prefix(block.size() + 1);
  return std::string(name);
}

namespace {

std::string cleaned(const std::string& name) {
  std::string out;
  for (char ch : name)
    out += std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' ? ch : '_';
  return is_name(out) ? out : "v" + out;
}

/// Gives every loop, block and iterator of a body its own variable and name.
class Normalizer {
 public:
  Normalizer(Context& c, std::set<std::string>& names, const std::set<std::string>& buffers)
      : c_(c), names_(names), buffers_(buffers) {}

  Expr run(Expr root) {
    // Blocks keep their names; a loop that shares its name is called after the first block inside.
    for (const Site& site : find_blocks(root)) block_names_.push_back(unique(name_of(site.node)));
    ir::Map none;
    return statement(root, none);
  }

 private:
  // Text has one name space, and what reads back under another name would answer to other handles:
  // so loops, iterators, buffers and sizes share no name.
  bool is_taken(const std::string& name) const {
    return names_.contains(name) || buffers_.contains(name) || iterators_.contains(name);
  }
  std::string unique(const std::string& base) { return unique_in(names_, cleaned(base)); }
  std::string loop_name(const std::string& base) {
    std::string name = cleaned(base);
    if (is_taken(name) && next_block_ < block_names_.size())
      name = block_names_[next_block_] + "_" + name;
    const std::string stem = name;
    for (int i = 2; is_taken(name); ++i) name = stem + "_" + std::to_string(i);
    names_.insert(name);
    return name;
  }
  /// An iterator whose name another one has is called vBLOCK_axis: its axis has the same name
  /// still.
  std::string iterator_name(const std::string& block, Expr iterator) {
    std::string name = cleaned(name_of(iterator));
    if (is_taken(name)) name = "v" + block + "_" + axis_name(block, iterator);
    for (int i = 2; is_taken(name); ++i)
      name = "v" + block + std::to_string(i) + "_" + axis_name(block, iterator);
    iterators_.insert(name);
    return name;
  }

  Expr expr(Expr e, const ir::Map& vars) { return ir::substitute(c_, e, vars); }

  Expr statement(Expr s, const ir::Map& vars) {
    switch (s->op) {
      case Op::seq: {
        std::vector<Expr> all;
        for (Expr child : s->operands) all.push_back(statement(child, vars));
        return ir::seq(c_, all);
      }
      case Op::for_: {
        ir::Map inner = vars;
        const Expr var = c_.var(loop_name(name_of(s->operand(0))));
        inner[s->operand(0)] = var;
        const std::vector<Expr> operands{var, expr(s->operand(1), vars),
                                         statement(s->operand(2), inner)};
        return c_.rebuild(s, s->type, operands);
      }
      case Op::let: {
        ir::Map inner = vars;
        const Expr var = c_.var(name_of(s->operand(0)), s->operand(0)->type);
        inner[s->operand(0)] = var;
        return ir::let(c_, var, expr(s->operand(1), vars), statement(s->operand(2), inner));
      }
      case Op::cond: {
        std::vector<Expr> operands{expr(s->operand(0), vars), statement(s->operand(1), vars)};
        if (s->operands.size() > 2) operands.push_back(statement(s->operand(2), vars));
        return c_.rebuild(s, s->type, operands);
      }
      case Op::while_:
        return ir::while_loop(c_, expr(s->operand(0), vars), statement(s->operand(1), vars));
      case Op::block:
        return block(s, vars);
      default:
        return expr(s, vars);
    }
  }

  Expr block(Expr s, const ir::Map& vars) {
    const ir::BlockView view{s};
    const std::string name = block_names_[next_block_++];
    ir::Map inner = vars;
    std::vector<ir::BlockIter> iters = view.iters();
    for (ir::BlockIter& it : iters) {
      it.binding = expr(it.binding, vars);
      const Expr var = c_.var(iterator_name(name, it.var));
      inner[it.var] = var;
      it.var = var;
    }
    return ir::block(c_, name, iters, expr(view.predicate(), vars), statement(view.body(), inner),
                     std::string(s->string_attr_or(Key::note, "")));
  }

  Context& c_;
  std::set<std::string>& names_;
  const std::set<std::string>& buffers_;
  std::set<std::string> iterators_;
  std::vector<std::string> block_names_;
  size_t next_block_ = 0;
};

}  // namespace

Program normalize(const Program& program) {
  auto out = std::make_shared<ir::Kernel>();
  out->name = program->name;
  out->trace = program->trace;
  out->context = std::make_shared<Context>();
  Context& c = *out->context;
  c.share_proof_steps(*program->context);
  ir::Map map;
  std::set<std::string> names, buffer_names;
  for (Expr v : program->sizes)
    out->sizes.push_back(map[v] = c.var(unique_in(names, cleaned(name_of(v)))));
  buffer_names = names;
  const auto buffer = [&](Expr b) {
    const ir::Type type = ir::copy_to(c, b->type, map);
    return map[b] = c.buffer(unique_in(buffer_names, cleaned(name_of(b))), type);
  };
  for (const ir::KernelParam& p : program->params)
    out->params.push_back({buffer(p.buffer), p.role, p.packing, p.logical});
  for (Expr b : program->buffers) out->buffers.push_back(buffer(b));
  const Expr body = ir::copy_to(c, program->body, map);
  out->body = Normalizer(c, names, buffer_names).run(body);
  return out;
}

namespace {
Expr rename_block(Context& c, Expr block, const std::string& to) {
  std::vector<ir::Attr> attrs(block->attrs.begin(), block->attrs.end());
  for (ir::Attr& a : attrs)
    if (a.key == Key::name) a.value = to;
  return c.make(block->op, block->type, block->operands, std::move(attrs));
}
}  // namespace

std::optional<Program> rename(const Program& program, const std::string& from,
                              const std::string& to) {
  if (from == to) return program;
  Draft draft(program);
  if (!is_name(to) || draft.is_taken(to)) return std::nullopt;
  if (const auto loop = find_loop(draft.body(), from)) {
    const ir::Map map{{loop->node->operand(0), draft.c().var(to)}};
    draft.set_body(ir::substitute(draft.c(), draft.body(), map));
  } else if (const auto block = find_block(draft.body(), from)) {
    draft.set_body(replace(draft.c(), *block, rename_block(draft.c(), block->node, to)));
  } else {
    return std::nullopt;
  }
  return draft.finish().program;
}

}  // namespace tenon::schedule::primitives
