// Names of loops, blocks and buffers: giving every program unique ones, changing one.
#include <algorithm>
#include <cctype>
#include <map>

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

std::string axis_name(const std::string& block, std::string_view name) {
  if (name.size() > 1 && name[0] == 'v') name.remove_prefix(1);
  if (name.size() > block.size() + 1 && name.starts_with(block + "_"))
    name.remove_prefix(block.size() + 1);
  return std::string(name);
}
std::string axis_name(const std::string& block, Expr iterator) {
  return axis_name(block, std::string_view(name_of(iterator)));
}

namespace {

std::string cleaned(const std::string& name) {
  std::string out;
  for (char ch : name)
    out += std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' ? ch : '_';
  return is_name(out) ? out : "v" + out;
}

/// What a block does, in a word.
std::string kind_word(Expr block) {
  const Expr body = ir::BlockView{block}.body();
  if (body->op == Op::update) return body->operand(2)->op == Op::mul ? "dot" : "reduce";
  if (body->op != Op::store) return "block";
  const Expr value = body->operand(1);
  if (value->op == Op::load) return "copy";
  if (value->op == Op::imm || value->op == Op::var) return "fill";
  return std::string(ir::info(value->op).name);
}

/// Names by what blocks do and in which order they stand: dot0, max0, max1.
std::vector<std::string> block_names(Expr root) {
  std::map<std::string, int> count;
  std::vector<std::string> names;
  for (const Site& site : find_blocks(root)) {
    const std::string kind = kind_word(site.node);
    names.push_back(kind + std::to_string(count[kind]++));
  }
  return names;
}

/// True if an iterator of a reduction below depends on the variable.
bool is_reduced(Expr root, Expr var) {
  for (const Site& site : find_blocks(root))
    for (const ir::BlockIter& it : ir::BlockView{site.node}.iters())
      if (it.kind == 'r' && mentions(it.binding, var)) return true;
  return false;
}

/// Gives every loop, block and iterator of a body its own variable and name. With `blocks` these
/// are the blocks' names, and all others follow from positions.
class Normalizer {
 public:
  Normalizer(Context& c, std::set<std::string>& names, const std::set<std::string>& buffers,
             const std::optional<std::vector<std::string>>& blocks)
      : c_(c), names_(names), buffers_(buffers), canonical_(blocks.has_value()) {
    if (blocks)
      for (const std::string& name : *blocks) block_names_.push_back(unique(name));
  }

  Expr run(Expr root) {
    // Blocks keep their names; a loop that shares its name is called after the first block inside.
    if (!canonical_)
      for (const Site& site : find_blocks(root)) block_names_.push_back(unique(name_of(site.node)));
    ir::Map none;
    return statement(root, none);
  }

 private:
  std::string base_of(Expr loop) const {
    if (!canonical_) return name_of(loop->operand(0));
    return (is_reduced(loop->operand(2), loop->operand(0)) ? "k" : "i") + std::to_string(depth_);
  }
  std::string base_of(const ir::BlockIter& it, size_t position) const {
    if (!canonical_) return name_of(it.var);
    return (it.kind == 'r' ? "vk" : "vi") + std::to_string(position);
  }

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
  std::string iterator_name(const std::string& block, const std::string& base) {
    std::string name = cleaned(base);
    if (is_taken(name)) name = "v" + block + "_" + axis_name(block, base);
    for (int i = 2; is_taken(name); ++i)
      name = "v" + block + std::to_string(i) + "_" + axis_name(block, base);
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
        const Expr var = c_.var(loop_name(base_of(s)));
        inner[s->operand(0)] = var;
        ++depth_;
        const Expr body = statement(s->operand(2), inner);
        --depth_;
        const std::vector<Expr> operands{var, expr(s->operand(1), vars), body};
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
    for (size_t i = 0; i < iters.size(); ++i) {
      ir::BlockIter& it = iters[i];
      it.binding = expr(it.binding, vars);
      const Expr var = c_.var(iterator_name(name, base_of(it, i)));
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
  bool canonical_;
  int depth_ = 0;  // loops around
};

/// What a program is to be called: of each the name that it begins with, before names are unique.
struct Names {
  std::vector<std::string> sizes, params, buffers;
  std::optional<std::vector<std::string>> blocks;  // nullopt: loops and iterators keep theirs too
};

Program renamed(const Program& program, const Names& to) {
  auto out = std::make_shared<ir::Kernel>();
  out->name = program->name;
  out->trace = program->trace;
  out->context = std::make_shared<Context>();
  Context& c = *out->context;
  c.share_proof_steps(*program->context);
  ir::Map map;
  std::set<std::string> names, buffer_names;
  for (size_t i = 0; i < program->sizes.size(); ++i)
    out->sizes.push_back(map[program->sizes[i]] = c.var(unique_in(names, cleaned(to.sizes[i]))));
  buffer_names = names;
  const auto buffer = [&](Expr b, const std::string& name) {
    const ir::Type type = ir::copy_to(c, b->type, map);
    return map[b] = c.buffer(unique_in(buffer_names, cleaned(name)), type);
  };
  for (size_t i = 0; i < program->params.size(); ++i) {
    const ir::KernelParam& p = program->params[i];
    out->params.push_back({buffer(p.buffer, to.params[i]), p.role, p.packing, p.logical});
  }
  for (size_t i = 0; i < program->buffers.size(); ++i)
    out->buffers.push_back(buffer(program->buffers[i], to.buffers[i]));
  const Expr body = ir::copy_to(c, program->body, map);
  out->body = Normalizer(c, names, buffer_names, to.blocks).run(body);
  return out;
}

/// The name of the first block that writes the buffer, "" for none.
std::string writer_of(Expr root, const std::vector<std::string>& blocks, Expr buffer) {
  const std::vector<Site> sites = find_blocks(root);
  for (size_t b = 0; b < sites.size(); ++b)
    for (Expr n : ir::post_order(std::span(&sites[b].node, 1)))
      if ((n->op == Op::store || n->op == Op::update) && n->operand(0) == buffer) return blocks[b];
  return "";
}

/// Sizes are no handles, so they keep their names, but for one that a handle could come to have:
/// those that primitives make begin with one that there is.
std::vector<std::string> names_of_sizes(const Program& program, const Names& handles) {
  std::vector<std::string> all{"i", "k", "v", "x", "c", "y", "z", "t"};  // before a digit
  const auto add = [&](std::string name) {
    while (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0)
      name.pop_back();
    all.push_back(std::move(name));
  };
  for (const std::string& name : *handles.blocks) add(name);
  const auto is_like = [&](const std::string& name) {
    return name.empty() || name[0] == 'v' ||
           std::ranges::any_of(all, [&](const std::string& handle) {
             return name.starts_with(handle) && name.size() > handle.size() &&
                    std::isdigit(static_cast<unsigned char>(name[handle.size()])) != 0;
           });
  };
  std::vector<std::string> names;
  for (Expr size : program->sizes)
    names.push_back(is_like(cleaned(name_of(size))) ? "n" + std::to_string(names.size())
                                                    : name_of(size));
  return names;
}

}  // namespace

Program normalize(const Program& program) {
  Names names;
  for (Expr v : program->sizes) names.sizes.push_back(name_of(v));
  for (const ir::KernelParam& p : program->params) names.params.push_back(name_of(p.buffer));
  for (Expr b : program->buffers) names.buffers.push_back(name_of(b));
  return renamed(program, names);
}

Program canonical(const Program& program) {
  Names names;
  names.blocks = block_names(program->body);
  for (const ir::KernelParam& p : program->params) {
    const std::string at = std::to_string(names.params.size());
    std::string writer;
    if (p.role == ir::ParamRole::out) writer = writer_of(program->body, *names.blocks, p.buffer);
    const char* word = p.role == ir::ParamRole::in         ? "x"
                       : p.role == ir::ParamRole::constant ? "c"
                       : p.role == ir::ParamRole::out      ? "y"
                                                           : "z";
    names.params.push_back(writer.empty() ? word + at : writer);
  }
  for (Expr b : program->buffers) {
    const std::string writer = writer_of(program->body, *names.blocks, b);
    names.buffers.push_back(writer.empty() ? "t" + std::to_string(names.buffers.size()) : writer);
  }
  names.sizes = names_of_sizes(program, names);
  return renamed(program, names);
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
