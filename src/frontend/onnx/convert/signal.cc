// Signal processing: DFT, STFT, mel weights, windows.
#include "frontend/onnx/convert/common.h"
#include "ir/simplify.h"

namespace tenon::onnx_import {
namespace {

/// The value of an integer operand of one element, as an expression.
Expr integer_operand(Call& k, size_t i) {
  return k.checked_extents(k.b.integers(k.b.cast(as_scalar(k, k.in(i)), DType::i64)))[0];
}

/// DFT-17 has the axis as an attribute, DFT-20 as operand 2 with default -2.
Exprs dft(Call& k) {
  const Expr x = k.in(0);
  const int64_t given = k.version() < 20      ? k.int_attr("axis", 1)
                        : k.opt(2) != nullptr ? k.constant_int(2)
                                              : -2;
  ops::Options options = k.options({"inverse", "onesided"});
  options.emplace_back("axis", std::to_string(k.axis(given, x->rank())));
  const Exprs length = k.opt(1) != nullptr ? Exprs{integer_operand(k, 1)} : Exprs{};
  return {k.b.apply("dft", {x}, options, length)};
}

Exprs stft(Call& k) {
  const Expr window = k.opt(2);
  const Expr length = k.opt(3) != nullptr ? integer_operand(k, 3)
                      : window != nullptr ? window->shape().at(0)
                                          : k.in(0)->shape().at(1);
  const Expr extents[] = {integer_operand(k, 1), length};
  return {k.b.apply("stft", {k.in(0), window}, k.options({"onesided"}), extents)};
}

std::string output_type(Call& k) {
  return std::string(ir::info(k.dtype_attr("output_datatype")).name);
}

Exprs mel_weight_matrix(Call& k) {
  Builder& b = k.b;
  const Expr bins = integer_operand(k, 0);
  const Expr length = integer_operand(k, 1);
  const Expr extents[] = {
      bins, b.simplify(ir::add(b.c, ir::floordiv(b.c, length, b.c.i64(2)), b.c.i64(1)))};
  Exprs operands;
  for (size_t i = 0; i < 5; ++i) operands.push_back(as_scalar(k, k.in(i)));
  return {b.composite("mel_weight_matrix", operands, {{"output_datatype", output_type(k)}},
                      extents)[0]};
}

Exprs window(Call& k, std::string_view composite) {
  ops::Options options = k.options({"periodic"});
  options.emplace_back("output_datatype", output_type(k));
  const Expr size = integer_operand(k, 0);
  return {k.b.apply(composite, {}, options, std::span(&size, 1))};
}

constexpr ConverterRow kRows[] = {
    {"", "DFT", dft},
    {"", "STFT", stft},
    {"", "MelWeightMatrix", mel_weight_matrix},
    {"", "HannWindow", [](Call& k) { return window(k, "hann_window"); }},
    {"", "HammingWindow", [](Call& k) { return window(k, "hamming_window"); }},
    {"", "BlackmanWindow", [](Call& k) { return window(k, "blackman_window"); }},
};

}  // namespace

std::span<const ConverterRow> signal_converters() { return kRows; }

}  // namespace tenon::onnx_import
