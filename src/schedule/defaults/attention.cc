// Attention: sums over v of a softmax over q k, in one pass over the rows of q:
//   parallel [batch, row chunks]  panels of k, tiles: scores -> rows: maximum, exponentials, their
//   sum -> panels of v, tiles: sums of v
// The scores of a chunk of rows stay in the second-level cache; nothing as large as all scores is
// ever in memory. Of k, panels are packed once, before the rows.
#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "schedule/defaults/product.h"
#include "schedule/unify.h"

namespace tenon::schedule::defaults {
namespace {

constexpr int64_t kUnknownKeys = 1024;  // what is taken for a length that is not known

/// The blocks of two products where the second reads what rows were made of the first's result.
struct Parts {
  std::string scores, sums;             // the products
  std::string logits;                   // what the rows read of the first; the first, or a map
  std::string weights;                  // what the second reads
  std::vector<std::string> reductions;  // of rows, between them
};

std::optional<Parts> parts_of(const Schedule& s) {
  Parts p;
  std::unordered_map<ir::Expr, std::string> writer;
  std::vector<const BlockOutline*> products;
  const std::vector<BlockOutline> blocks = outline(*s.program());
  for (const BlockOutline& b : blocks) {
    if (!b.simple) return std::nullopt;
    writer[b.output] = b.name;
    if (b.is_update && b.combine == "fma") {
      products.push_back(&b);
    } else if (b.is_update) {
      if (products.size() != 1) return std::nullopt;
      if (p.reductions.empty() && b.inputs.size() == 1) p.logits = writer[*b.inputs.begin()];
      p.reductions.push_back(b.name);
    }
  }
  if (products.size() != 2 || p.logits.empty()) return std::nullopt;
  p.scores = products[0]->name;
  p.sums = products[1]->name;
  const ir::Expr read = products[1]->value->operand(0);
  if (read->op == ir::Op::load) p.weights = writer[read->operand(0)];
  return p.weights.empty() ? std::nullopt : std::optional(p);
}

class Attention {
 public:
  Attention(Schedule& s, const Target& t, Parts parts) : s_(s), t_(t), p_(std::move(parts)) {}

  Status run() {
    inline_producers(s_, {p_.logits, p_.weights});
    if (p_.logits == p_.scores) {
      TENON_TRY(p_.logits, s_.cache_write(p_.scores, "reg"));
    }
    for (const std::string& b : p_.reductions) {
      TENON_TRY(const std::string partial, make_partial(s_, t_, b));
      if (!partial.empty()) partials_[b] = partial;
    }
    TENON_TRY(Product scores, product(p_.scores));
    TENON_TRY_VOID(scores.prepare());
    TENON_TRY(Product sums, product(p_.sums));
    TENON_TRY_VOID(sums.prepare());
    const Roles roles = sums.roles();
    if (roles.rows.empty() || roles.cols.size() != 1 || roles.k.size() != 1)
      return fail("schedule.defaults", "not the rows of an attention");
    const auto info = describe(*s_.program(), p_.sums);
    const auto work = total(info->loops);

    TENON_TRY(const Number rows, chunk_rows(scores, sums));
    TENON_TRY(const Handles parts, s_.split(roles.rows.back(), rows));
    Handles around = roles.batch;
    around.insert(around.end(), roles.rows.begin(), roles.rows.end() - 1);
    around.push_back(parts[0]);
    Handles order = around;
    order.insert(order.end(), {parts[1], roles.cols.front(), roles.k.front()});
    TENON_TRY_VOID(s_.reorder(order));
    const Handles epilogue = epilogue_of(s_, p_.sums);
    TENON_TRY(const std::string tile, sums.cut_below(around.size(), epilogue));

    Handles between = blocks_before(p_.sums, scores.packs(), sums.packs());
    for (size_t b = between.size(); b-- > 0;) TENON_TRY_VOID(s_.compute_at(between[b], parts[0]));
    TENON_TRY_VOID(sums.finish_tile(tile));
    TENON_TRY(const std::string place,
              scores.cut_below(depth_below(p_.scores, parts[0]), {p_.logits}));
    TENON_TRY_VOID(scores.finish_tile(place));
    for (const std::string& b : between)
      if (b != p_.scores && b != p_.logits) TENON_TRY_VOID(finish_row(b, parts[0]));
    for (const Handles* packs : {&scores.packs(), &sums.packs()})
      for (const std::string& b : *packs) TENON_TRY_VOID(schedule_map(s_, t_, b, 0, true));
    const bool small = work && t_.cost.is_small_product(2 * *work, t_.lanes(*info));
    TENON_TRY(const bool wanted, t_.yes(s_, p_.sums + ".parallel", !small));
    if (!wanted) return {};
    TENON_TRY(const std::string all, fuse_all(s_, around));
    return s_.parallel(all);
  }

 private:
  /// Decides ANCHOR.instruction.
  Result<Product> product(const std::string& anchor) {
    const auto info = describe(*s_.program(), anchor);
    std::vector<std::string> names;
    for (const machine::Instruction* row :
         instructions_for(ir::BlockView{info->node}.body(), t_.machine))
      names.emplace_back(row->name);
    if (names.empty()) return fail("schedule.defaults", "no instruction computes the product");
    TENON_TRY(Term word, t_.word(s_, anchor + ".instruction", names, names.front()));
    const machine::Instruction& row = *machine::find_instruction(word.value);
    return Product(s_, t_, anchor, row, std::move(word));
  }

  /// Whole tiles of both products whose scores and exponentials stay in the cache. Decides
  /// SUMS.chunk.
  Result<Number> chunk_rows(const Product& scores, const Product& sums) {
    const auto info = describe(*s_.program(), p_.sums);
    const Number unit =
        sums.rows() * (std::lcm(sums.rows().value, scores.rows().value) / sums.rows().value);
    const int64_t bytes = unit.value * sums.dims().k.value_or(kUnknownKeys) * 2 * widest(*info);
    int64_t units = std::max<int64_t>(t_.cost.resident_bytes() / std::max<int64_t>(bytes, 1), 1);
    int64_t most = kUnknownKeys;
    const auto m = sums.dims().m;
    if (m) {
      most = std::max<int64_t>((*m + unit.value - 1) / unit.value, 1);
      int64_t others = 1;
      for (const std::string& b : sums.roles().batch)
        others *= ir::as_int(s_.extent(b)).value_or(1);
      units = std::min(units, std::max<int64_t>(most * others / t_.cost.tasks(), 1));
    }
    TENON_TRY(const Number chunk,
              t_.number(s_, p_.sums + ".chunk", powers(1, most), std::min(units, most)));
    return unit * chunk;
  }

  Handles blocks_before(const std::string& block, const Handles& a, const Handles& b) {
    Handles all;
    for (const std::string& name : s_.blocks()) {
      if (name == block || name == block + "_init") break;
      if (std::ranges::find(a, name) == a.end() && std::ranges::find(b, name) == b.end())
        all.push_back(name);
    }
    return all;
  }

  size_t depth_below(const std::string& block, const std::string& loop) {
    const Handles loops = s_.loops(block);
    const auto at = std::ranges::find(loops, loop);
    return static_cast<size_t>(at - loops.begin()) + 1;
  }

  /// A block of rows below the loop over chunks: partial sums beside what they feed, elements in
  /// vectors.
  Status finish_row(const std::string& block, const std::string& chunk) {
    for (const auto& [whole, made] : partials_)
      if (made == block) return {};
    const size_t outer = depth_below(block, chunk);
    const auto info = describe(*s_.program(), block);
    if (info->loops.size() <= outer) return {};
    const auto partial = partials_.find(block);
    if (partial != partials_.end()) {
      TENON_TRY_VOID(s_.compute_at(partial->second, info->loops[outer].name));
      return finish_partial(s_, partial->second, block, outer + 1);
    }
    if (info->is_update) return finish_reduction(s_, block);
    return schedule_map(s_, t_, block, info->loops.size() > outer + 1 ? outer + 1 : outer, false);
  }

  Schedule& s_;
  const Target& t_;
  Parts p_;
  std::map<std::string, std::string> partials_;  // by the reduction that they feed
};

}  // namespace

bool is_attention(const Schedule& s) { return parts_of(s).has_value(); }

Status schedule_attention(Schedule& s, const Target& t) {
  auto parts = parts_of(s);
  if (!parts) return fail("schedule.defaults", "not two products with rows between them");
  return Attention(s, t, *std::move(parts)).run();
}

}  // namespace tenon::schedule::defaults
