// Runs a program before and after scheduling on the same random data and compares the results.
#pragma once

#include <cmath>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "interp/interp.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/text.h"
#include "schedule/schedule.h"

namespace tenon::schedule::testing {

using Sizes = std::vector<int64_t>;

inline std::string trace_of(const Program& p) {
  std::string text;
  for (const std::string& line : p->trace) text += "  " + line + "\n";
  return text;
}

/// Random inputs and poisoned outputs. `logical` gives the params' shapes before packing.
inline std::vector<interp::Tensor> make_tensors(const ir::Kernel& logical, const Sizes& sizes,
                                                uint64_t seed) {
  std::mt19937_64 random(seed);
  std::unordered_map<ir::Expr, int64_t> values;
  for (size_t i = 0; i < sizes.size(); ++i) values[logical.sizes[i]] = sizes[i];
  std::vector<interp::Tensor> tensors;
  for (const ir::KernelParam& p : logical.params) {
    std::vector<int64_t> shape;
    for (ir::Expr e : p.buffer->shape()) shape.push_back(*ir::evaluate(e, values));
    interp::Tensor t = interp::Tensor::zeros(p.buffer->dtype(), shape);
    for (int64_t i = 0; i < t.count(); ++i) {
      const auto v = static_cast<int64_t>(random() % 17) - 8;
      if (p.role == ir::ParamRole::out) {
        if (ir::is_float(t.dtype))
          t.set_f(i, -12345.5);
        else
          t.set_i(i, 77);
      } else if (ir::is_float(t.dtype)) {
        t.set_f(i, static_cast<double>(v) / 4);
      } else {
        t.set_i(i, v);
      }
    }
    tensors.push_back(std::move(t));
  }
  return tensors;
}

/// The program with all of its own buffers in memory that every thread sees: before finalize a
/// scope is a wish, and a buffer may still be used across the iterations of a parallel loop.
inline Program in_global_scope(const Program& p) {
  auto out = std::make_shared<ir::Kernel>(*p);
  ir::Map map;
  for (ir::Expr& b : out->buffers) {
    if (b->type->scope == ir::Scope::global) continue;
    map[b] = out->context->buffer(b->string_attr(ir::Key::name),
                                  out->context->tensor(b->dtype(), b->shape()));
    b = map[b];
  }
  out->body = ir::substitute(*out->context, out->body, map);
  return out;
}

/// Empty when both give the same outputs, else what differs.
inline std::string difference(const Program& before, const Program& after, const Sizes& sizes,
                              uint64_t seed, std::string_view what = "scheduled") {
  std::vector<interp::Tensor> expected = make_tensors(*before, sizes, seed);
  std::vector<interp::Tensor> actual = expected;
  std::ostringstream text;
  const Status first = interp::run(*before, sizes, expected);
  if (!first) return "the definition fails: " + first.error().text();
  const Status second = interp::run(*after, sizes, actual);
  const auto where = [&] {
    text << " (" << what << "; sizes";
    for (int64_t n : sizes) text << " " << n;
    text << ")\n" << trace_of(after) << ir::print(*after);
    return text.str();
  };
  if (!second) {
    text << second.error().text();
    return where();
  }
  for (size_t p = 0; p < expected.size(); ++p) {
    if (before->params[p].role != ir::ParamRole::out) continue;
    for (int64_t i = 0; i < expected[p].count(); ++i) {
      const double a = expected[p].get_f(i);
      const double b = actual[p].get_f(i);
      if ((std::isnan(a) && std::isnan(b)) || a == b ||
          std::abs(a - b) <= 1e-4 * std::max(1.0, std::abs(a)))
        continue;
      text << "output " << p << " element " << i << ": expected " << a << ", found " << b;
      return where();
    }
  }
  return "";
}

}  // namespace tenon::schedule::testing
