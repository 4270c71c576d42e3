// Attention and what goes with it in transformers.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

Exprs attention(Call& k) {
  Exprs operands{k.in(0), k.in(1), k.in(2)};
  for (size_t i = 3; i < 7; ++i) operands.push_back(k.opt(i));
  ops::Options options = k.options({"scale", "is_causal", "softcap", "left_window_size",
                                    "right_window_size", "q_num_heads", "kv_num_heads"});
  if (k.has("softmax_precision"))
    options.emplace_back("softmax_precision", ir::info(k.dtype_attr("softmax_precision")).name);
  if (k.wants(3))
    options.emplace_back("qk_matmul_output_mode",
                         std::to_string(k.int_attr("qk_matmul_output_mode", 0)));
  return k.b.composite("onnx_attention", operands, options);
}

Exprs rotary_embedding(Call& k) {
  return {k.b.apply("rotary_embedding", {k.in(0), k.in(1), k.in(2), k.opt(3)},
                    k.options({"interleaved", "rotary_embedding_dim", "num_heads"}))};
}

constexpr ConverterRow kRows[] = {
    {"", "Attention", attention},
    {"", "RotaryEmbedding", rotary_embedding},
};

}  // namespace

std::span<const ConverterRow> attention_converters() { return kRows; }

}  // namespace tenon::onnx_import
