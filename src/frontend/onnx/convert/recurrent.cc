// LSTM, GRU, RNN: composites with ONNX's operands.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

Exprs recurrent(Call& k, std::string_view composite, size_t operands) {
  Exprs in{k.in(0), k.in(1), k.in(2)};
  for (size_t i = 3; i < operands; ++i) in.push_back(k.opt(i));
  ops::Options options = k.options({"direction", "activation_alpha", "activation_beta", "clip",
                                    "layout", "input_forget", "linear_before_reset"});
  // The schema's default lists the activations of two directions.
  for (const auto& attribute : k.node.attribute())
    if (attribute.name() == "activations" && attribute.strings_size() > 0)
      for (auto& option : k.options({"activations"})) options.push_back(std::move(option));
  return k.b.composite(composite, in, options);
}

constexpr ConverterRow kRows[] = {
    {"", "LSTM", [](Call& k) { return recurrent(k, "lstm", 8); }},
    {"", "GRU", [](Call& k) { return recurrent(k, "gru", 6); }},
    {"", "RNN", [](Call& k) { return recurrent(k, "rnn", 6); }},
};

}  // namespace

std::span<const ConverterRow> recurrent_converters() { return kRows; }

}  // namespace tenon::onnx_import
