#include "schedule/defaults/tile.h"

namespace tenon::schedule::defaults {
namespace {

/// Vectors of a row beyond which a tile has so few rows that each load serves two products.
constexpr int64_t kMostVectors = 6;

}  // namespace

int64_t tile_columns(const machine::Machine& machine, int lanes, std::optional<int64_t> n) {
  // Measured: wider tiles read the rows' operand less often, but the fewer rows they have, the more
  // often they read the columns'; one vector is far from the peak.
  const std::vector<std::pair<int64_t, double>> choices =
      machine.vector_registers >= 32
          ? std::vector<std::pair<int64_t, double>>{{2, 1.0}, {3, 1.01}, {4, 1.04}, {1, 1.2}}
          : std::vector<std::pair<int64_t, double>>{{2, 1.0}, {3, 1.03}, {1, 1.2}};
  if (!n) return 2 * lanes;
  int64_t best = lanes;
  double best_cost = 0;
  for (const auto& [vectors, weight] : choices) {
    const int64_t nr = vectors * lanes;
    const int64_t padded = (*n + nr - 1) / nr * nr;
    const double cost = static_cast<double>(padded) * weight;
    if (best_cost == 0 || cost < best_cost) {
      best = nr;
      best_cost = cost;
    }
  }
  return best;
}

int64_t group_columns(int lanes, int64_t n) {
  int64_t best = 1;
  double best_rate = 0;
  for (int64_t nr = 1; nr <= n && nr <= kMostVectors * lanes; ++nr) {
    if (n % nr != 0) continue;
    int64_t width = lanes;
    while (nr % width != 0) width /= 2;
    if (nr / width > kMostVectors) continue;
    // One vector for each row reads the rows' operand as often as it computes.
    const double rate = static_cast<double>(width) * (nr > width ? 1.0 : 0.8);
    if (rate < best_rate) continue;
    best = nr;
    best_rate = rate;
  }
  return best;
}

std::vector<int64_t> column_candidates(const machine::Machine& machine, int lanes,
                                       std::optional<int64_t> group) {
  std::vector<int64_t> all;
  const int64_t most = machine.vector_registers >= 32 ? 4 : 3;
  if (!group)
    for (int64_t v = 1; v <= most; ++v) all.push_back(v * lanes);
  for (int64_t nr = 1; group && nr <= *group && nr <= kMostVectors * lanes; ++nr)
    if (*group % nr == 0) all.push_back(nr);
  return all;
}

int64_t tile_rows(const Target& t, int lanes, int64_t nr, std::optional<int64_t> m, int64_t most) {
  // The epilogue repeats its rows, at most as many as code should.
  most = std::min(
      {t.cost.tile_rows(std::max<int64_t>(nr / lanes, 1)), t.cost.unrolled() * 3 / 4, most});
  // Twelve divide more numbers than the rows above it that fit.
  if (!m) return std::min<int64_t>(most, 12);
  if (*m <= most) return std::max<int64_t>(*m, 1);
  // Cost of a row set: rows computed, and for each tile the loads of the packed operand.
  int64_t best = most;
  double best_cost = 0;
  const double vectors = static_cast<double>(nr) / lanes;
  for (int64_t mr = most; mr >= std::max<int64_t>(most / 2, 1); --mr) {
    const int64_t tiles = (*m + mr - 1) / mr;
    const double cost =
        static_cast<double>(tiles) * (static_cast<double>(mr) * vectors + 0.5 * vectors + 0.5);
    if (best_cost == 0 || cost < best_cost) {
      best = mr;
      best_cost = cost;
    }
  }
  return best;
}

std::vector<Number> tail_heights(const Number& mr) {
  if (mr.value < 3) return {};
  return {(mr + 2) / 3, (2 * mr + 2) / 3};
}

std::vector<std::string> epilogue_of(const Schedule& s, const std::string& anchor) {
  const auto info = describe(*s.program(), anchor);
  std::vector<ir::Expr> produced{info->write.buffer};
  std::vector<std::string> out;
  for (const BlockOutline& b : outline(*s.program())) {
    if (b.name == anchor || !b.simple) continue;
    for (size_t i = 0; i < produced.size(); ++i) {
      if (!b.reads_buffer(produced[i]) || b.output == info->output) continue;
      out.push_back(b.name);
      produced.push_back(b.output);
      break;
    }
  }
  return out;
}

Status accumulate_in_registers(Schedule& s, const std::string& anchor) {
  const auto info = describe(*s.program(), anchor);
  if (role_of(*s.program(), info->write.buffer))
    return s.cache_write(anchor, "reg").map([](const auto&) {});
  return s.set_scope(anchor, "reg");
}

Status unroll_rows(Schedule& s, const Target& t, const std::string& block,
                   const std::string& below) {
  Handles loops = s.loops(block);
  const auto at = std::find(loops.begin(), loops.end(), below);
  loops.erase(loops.begin(), at == loops.end() ? loops.begin() : at + 1);
  if (loops.empty()) return {};
  TENON_TRY_VOID(s.vectorize(loops.back()));
  for (size_t l = 0; l + 1 < loops.size(); ++l)
    if (const auto n = ir::as_int(s.extent(loops[l])); n && *n <= t.cost.unrolled())
      TENON_TRY_VOID(s.unroll(loops[l]));
  return {};
}

Status attach_epilogue(Schedule& s, const Target& t, const std::string& anchor,
                       const Handles& loops) {
  const std::vector<std::string> epilogue = epilogue_of(s, anchor);
  if (epilogue.empty()) return {};
  std::vector<std::string> candidates = loops;
  candidates.emplace_back("none");
  TENON_TRY(const Term place, t.word(s, anchor + ".epilogue", candidates, loops.front()));
  for (const std::string& block : epilogue) {
    if (place.value == "none") {
      TENON_TRY_VOID(schedule_map(s, t, block, 0, true));
      continue;
    }
    TENON_TRY_VOID(s.reverse_compute_at(block, place));
    TENON_TRY_VOID(unroll_rows(s, t, block, place.value));
  }
  return {};
}

}  // namespace tenon::schedule::defaults
