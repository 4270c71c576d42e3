// Contractions of many tensors, and the determinant.
//
// einsum reads numpy's equations (letters, "...", repeated letters, implicit results) and is built
// from left to right by dot, reduce and transpose. det of [.., n, n] eliminates with row exchanges;
// n is known at compile time.
//
// C3: the equation parses. C4: as many terms as operands. C5: ranks fit. C6: extents fit.
// C7: det's shape.
//
//   einsum (any number)                   equation
//   det (x)
#include <algorithm>
#include <map>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;

/// An operand on its way: one label an axis. Letters stand for themselves, axes under "..." for
/// negative numbers counted from the right.
struct Term {
  Val x;
  std::vector<int> labels;
  [[nodiscard]] bool has(int label) const {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  }
  [[nodiscard]] int64_t axis(int label) const {
    return std::find(labels.begin(), labels.end(), label) - labels.begin();
  }
};

struct Equation {
  std::vector<std::string> inputs;
  std::string output;
  bool explicit_output = false;
};

std::optional<Equation> parse(const Composite& a) {
  Equation e;
  const std::string* given = a.find("equation");
  std::string text = given == nullptr ? "" : *given;
  std::erase_if(text, [](char ch) { return ch == ' ' || ch == '_'; });
  const size_t arrow = text.find("->");
  e.explicit_output = arrow != std::string::npos;
  if (e.explicit_output) e.output = text.substr(arrow + 2);
  std::string left = text.substr(0, arrow);
  for (size_t at = 0; at <= left.size();) {
    const size_t comma = std::min(left.find(',', at), left.size());
    e.inputs.push_back(left.substr(at, comma - at));
    at = comma + 1;
  }
  const auto valid = [](std::string term) {
    if (const size_t dots = term.find("..."); dots != std::string::npos) term.erase(dots, 3);
    return std::all_of(term.begin(), term.end(),
                       [](unsigned char ch) { return std::isalpha(ch) != 0; });
  };
  const bool ok = std::all_of(e.inputs.begin(), e.inputs.end(), valid) && valid(e.output);
  if (!a.require(given != nullptr && ok, 3, "the equation does not parse: '" + text + "'") ||
      !a.require(e.inputs.size() == a.in.size(), 4,
                 "the equation has " + std::to_string(e.inputs.size()) + " terms for " +
                     std::to_string(a.in.size()) + " operands"))
    return std::nullopt;
  return e;
}

/// Labels of a term of that rank; "..." takes the axes that letters leave.
std::optional<std::vector<int>> labels_of(const std::string& term, int rank) {
  const size_t dots = term.find("...");
  const int letters = static_cast<int>(term.size()) - (dots == std::string::npos ? 0 : 3);
  if (dots == std::string::npos ? letters != rank : letters > rank) return std::nullopt;
  std::vector<int> labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] != '.') {
      labels.push_back(static_cast<unsigned char>(term[i]));
      continue;
    }
    for (int k = rank - letters; k > 0; --k) labels.push_back(-k);
    i += 2;
  }
  return labels;
}

/// Repeated labels reduced to their diagonal.
void take_diagonals(Term& t) {
  for (size_t i = 0; i < t.labels.size(); ++i) {
    for (size_t j = t.labels.size() - 1; j > i; --j) {
      if (t.labels[i] != t.labels[j] || !t.x) continue;
      Body& b = *t.x.body;
      const Val here = eq(b.iota(DType::i64, t.x.shape(), static_cast<int64_t>(i)),
                          b.iota(DType::i64, t.x.shape(), static_cast<int64_t>(j)));
      t.x = reduce("sum", select(here, t.x, 0.0), {static_cast<int64_t>(j)});
      t.labels.erase(t.labels.begin() + static_cast<int64_t>(j));
    }
  }
}

void drop_axis(Term& t, int label) {
  const int64_t axis = t.axis(label);
  t.x = squeeze(t.x, axis);
  t.labels.erase(t.labels.begin() + axis);
}

/// Axes of extent 1 that another operand stretches are dropped; false where extents disagree.
bool align_extents(const Composite& a, std::vector<Term>& terms) {
  std::map<int, Expr> extents;
  for (const Term& t : terms)
    for (int label : t.labels) {
      const Expr extent = t.x.dim(t.axis(label));
      const auto [found, fresh] = extents.emplace(label, extent);
      if (ir::is_int(found->second, 1)) found->second = extent;
      const auto x = ir::as_int(found->second);
      const auto y = ir::as_int(extent);
      if (!a.require(!x || !y || *x == *y || *y == 1, 6,
                     "extents " + std::to_string(x.value_or(0)) + " and " +
                         std::to_string(y.value_or(0)) + " of one label differ"))
        return false;
    }
  for (Term& t : terms)
    for (const int label : std::vector<int>(t.labels))
      if (ir::is_int(t.x.dim(t.axis(label)), 1) && !ir::is_int(extents.at(label), 1))
        drop_axis(t, label);
  return true;
}

/// Sums over labels that nothing else needs.
void sum_out(Term& t, const std::vector<int>& needed) {
  Ints axes;
  std::vector<int> kept;
  for (size_t i = 0; i < t.labels.size(); ++i) {
    if (std::find(needed.begin(), needed.end(), t.labels[i]) != needed.end()) {
      kept.push_back(t.labels[i]);
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  t.x = reduce("sum", t.x, axes);
  t.labels = kept;
}

/// The product of two terms, summed over what is in neither `needed` nor free.
Term multiply(const Term& p, const Term& q, const std::vector<int>& needed) {
  Ints batch_p, batch_q, contract_p, contract_q;
  Term out;
  for (int label : p.labels) {
    if (!q.has(label)) continue;
    const bool keep = std::find(needed.begin(), needed.end(), label) != needed.end();
    (keep ? batch_p : contract_p).push_back(p.axis(label));
    (keep ? batch_q : contract_q).push_back(q.axis(label));
    if (keep) out.labels.push_back(label);
  }
  for (const Term* t : {&p, &q})
    for (int label : t->labels)
      if (!p.has(label) || !q.has(label)) out.labels.push_back(label);
  if (!contract_p.empty()) {
    out.x = dot(p.x, q.x, batch_p, batch_q, contract_p, contract_q);
    return out;
  }
  // Nothing is summed: an elementwise product.
  Exprs shape;
  for (int label : out.labels)
    shape.push_back(p.has(label) ? p.x.dim(p.axis(label)) : q.x.dim(q.axis(label)));
  const auto spread_term = [&](const Term& t) {
    Ints perm, dims;
    for (size_t i = 0; i < out.labels.size(); ++i) {
      if (!t.has(out.labels[i])) continue;
      perm.push_back(t.axis(out.labels[i]));
      dims.push_back(static_cast<int64_t>(i));
    }
    return broadcast_in(transpose(t.x, perm), shape, dims);
  };
  out.x = spread_term(p) * spread_term(q);
  return out;
}

std::vector<int> output_labels(const Composite& a, const Equation& e,
                               const std::vector<Term>& terms) {
  std::map<int, int> count;
  int dots = 0;
  for (const Term& t : terms)
    for (int label : t.labels) {
      ++count[label];
      dots = std::max(dots, -label);
    }
  std::vector<int> labels;
  if (e.explicit_output) {
    const int letters =
        static_cast<int>(e.output.size()) - (e.output.find("...") == std::string::npos ? 0 : 3);
    const bool has_dots = e.output.find("...") != std::string::npos;
    labels = *labels_of(e.output, letters + (has_dots ? dots : 0));
  } else {
    for (int k = dots; k > 0; --k) labels.push_back(-k);
    for (const auto& [label, n] : count)
      if (label > 0 && n == 1) labels.push_back(label);
  }
  for (int label : labels)
    a.require(count.contains(label), 3, "the result has a label that no operand has");
  return labels;
}

std::vector<Val> einsum(Composite& a) {
  const auto e = parse(a);
  if (!e) return {};
  std::vector<Term> terms;
  for (size_t i = 0; i < a.in.size(); ++i) {
    const auto labels = labels_of(e->inputs[i], a.in[i].rank());
    if (!a.require(labels.has_value(), 5,
                   "term '" + e->inputs[i] + "' does not fit an operand of rank " +
                       std::to_string(a.in[i].rank())))
      return {};
    terms.push_back({up(a.in[i]), *labels});
  }
  const std::vector<int> output = output_labels(a, *e, terms);
  if (!a.b.ok()) return {};
  for (Term& t : terms) take_diagonals(t);
  if (!align_extents(a, terms)) return {};
  const auto needed_after = [&](size_t done) {
    std::vector<int> needed = output;
    for (size_t k = done; k < terms.size(); ++k)
      needed.insert(needed.end(), terms[k].labels.begin(), terms[k].labels.end());
    return needed;
  };
  Term all = terms[0];
  sum_out(all, needed_after(1));
  for (size_t k = 1; k < terms.size() && a.b.ok(); ++k) {
    Term next = terms[k];
    std::vector<int> others = needed_after(k + 1);
    others.insert(others.end(), all.labels.begin(), all.labels.end());
    sum_out(next, others);
    all = multiply(all, next, needed_after(k + 1));
  }
  if (!a.b.ok()) return {};
  Ints perm;
  for (int label : output) perm.push_back(all.axis(label));
  return {cast(a.in[0].dtype(), transpose(all.x, perm))};
}

// ---- det

/// One elimination step on [b, m, m]: exchanges the largest pivot to the front; returns its signed
/// value and the remaining [b, m - 1, m - 1].
struct Eliminated {
  Val pivot, rest;
};
Eliminated eliminate(Val w, int64_t m) {
  Body& b = *w.body;
  Context& c = b.c;
  const Val column = squeeze(slice(w, 2, 0, c.i64(1)), 2);  // [b, m]
  const Val best = arg_max(abs(column), 1);
  const Val row = b.iota(DType::i64, column.shape(), 1);
  const Val at = spread(best, column, {1});
  const Val source = select(eq(row, 0.0), at, select(eq(row, at), 0.0, row));
  const Val swapped = gather_elements(w, broadcast_in(source, w.shape(), {0, 1}), 1);
  const Val first = slice(swapped, 1, 0, c.i64(1));  // [b, 1, m]
  const Val pivot = squeeze(squeeze(slice(first, 2, 0, c.i64(1)), 2), 1);
  const Val sign = select(eq(best, 0.0), 1.0, b.lit(w.dtype(), -1));
  if (m == 1) return {pivot * sign, Val{}};
  const Expr less = c.i64(m - 1);
  const Val below = slice(slice(swapped, 1, 1, less), 2, 0, c.i64(1));  // [b, m - 1, 1]
  const Val safe = select(eq(pivot, 0.0), 1.0, pivot);
  const Val factor = below / reshape(safe, {w.dim(0), c.i64(1), c.i64(1)});
  const Val rest =
      slice(slice(swapped, 1, 1, less), 2, 1, less) - factor * slice(first, 2, 1, less);
  return {pivot * sign, rest};
}

std::vector<Val> det(Composite& a) {
  const Val x = up(a.in[0]);
  const auto n = x.rank() >= 2 ? ir::as_int(x.dim(-1)) : std::nullopt;
  if (!a.require(ir::is_float(x.dtype()) && n && ir::is_int(x.dim(-2), *n) && *n <= 64, 7,
                 "x must hold square matrices of a known size up to 64"))
    return {};
  Exprs batch = x.shape();
  batch.resize(batch.size() - 2);
  Val w = reshape(x, {ir::product(a.c(), batch), x.dim(-1), x.dim(-1)});
  Val product = a.b.lit(x.dtype(), 1, {w.dim(0)});
  for (int64_t m = *n; m > 0; --m) {
    const Eliminated step = eliminate(w, m);
    product = product * step.pivot;
    w = step.rest;
  }
  return {cast(a.in[0].dtype(), reshape(product, batch))};
}

constexpr CompositeRow kRows[] = {
    {"einsum", "x*", "equation", einsum, true},
    {"det", "x", "", det},
};

}  // namespace

std::span<const CompositeRow> einsum_rows() { return kRows; }

}  // namespace tenon::ops::composite
