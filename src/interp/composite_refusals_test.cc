// What composites refuse: the smallest application that breaks a constraint, its code, and words of
// its message. The tests beside each composite's meaning hold more.
#include "interp/composite_testing.h"

namespace tenon::interp::testing {
namespace {

struct Refusal {
  Application application;
  std::string code;
  std::string words;
};

void expect_refusals(const std::vector<Refusal>& rows) {
  for (const Refusal& row : rows) {
    SCOPED_TRACE(row.code + " " + row.words);
    expect_refused(row.application, row.code);
    const auto results = apply(row.application);
    if (results) continue;
    const std::string text = results.error().text();
    EXPECT_EQ(text.rfind(row.application.name, 0), 0u) << text;
    EXPECT_NE(text.find(row.words), std::string::npos) << text;
  }
}

Tensor whole(Ints shape) { return uniform(1, std::move(shape), 0, 4, DType::i32); }
Tensor real(Ints shape) { return uniform(1, std::move(shape)); }
/// The composite of a code.
std::string name_of(const std::string& code) { return code.substr(0, code.find('.')); }
std::string float_type() { return "float type"; }

TEST(composite_refusals, whole_numbers_where_floats_are_needed) {
  const Tensor x = whole({1, 2, 4, 4});
  const Tensor v = real({2});
  std::vector<Refusal> rows;
  for (const char* code :
       {"softmax.C3", "log_softmax.C3", "reduce_log_sum_exp.C3", "lp_norm.C3",
        "mean_variance_norm.C3", "silu.C3", "mish.C3", "hard_swish.C3", "softsign.C3", "gelu.C3",
        "gelu_tanh.C3", "elu.C3", "celu.C3", "selu.C3", "swish.C3", "leaky_relu.C3",
        "hard_sigmoid.C3", "thresholded_relu.C3", "softplus.C3"})
    rows.push_back({{name_of(code), {x}}, code, float_type()});
  for (const char* code : {"group_norm.C3", "instance_norm.C3", "layer_norm.C3"})
    rows.push_back({{name_of(code), {x, v, v}}, code, float_type()});
  rows.push_back({{"batch_norm", {x, v, v, v, v}}, "batch_norm.C3", float_type()});
  rows.push_back({{"rms_norm", {x, v}}, "rms_norm.C3", float_type()});
  rows.push_back({{"lrn", {x}, {{"size", "1"}}}, "lrn.C3", float_type()});
  for (const char* code : {"global_average_pool.C5", "global_max_pool.C5", "global_lp_pool.C5"})
    rows.push_back({{name_of(code), {x}}, code, float_type()});
  for (const char* code : {"average_pool.C5", "lp_pool.C5"})
    rows.push_back({{name_of(code), {x}, {{"kernel_shape", "2,2"}}}, code, float_type()});
  rows.push_back({{"dft", {whole({1, 4, 1})}}, "dft.C3", float_type()});
  rows.push_back({{"stft", {whole({1, 4})}, {}, {1, 2}}, "stft.C3", float_type()});
  rows.push_back({{"affine_grid", {whole({1, 2, 3})}, {}, {1, 1, 2, 2}}, "affine_grid.C3", ""});
  rows.push_back({{"grid_sample", {x, real({1, 2, 2, 2})}}, "grid_sample.C3", float_type()});
  rows.push_back({{"roi_align", {x, real({1, 4}), tensor({1}, {0}, DType::i64)}},
                  "roi_align.C3",
                  float_type()});
  rows.push_back({{"rotary_embedding", {whole({1, 1, 2, 4}), real({2, 2}), real({2, 2})}},
                  "rotary_embedding.C3",
                  float_type()});
  expect_refusals(rows);
}

TEST(composite_refusals, ranks_that_are_too_low) {
  const Tensor scalar = tensor({}, {1});
  const Tensor v = real({2});
  const Tensor index = tensor({1}, {0}, DType::i64);
  std::vector<Refusal> rows;
  for (const char* code : {"group_norm.C4", "instance_norm.C4"})
    rows.push_back({{name_of(code), {v, v, v}, {}}, code, "rank 2"});
  rows.push_back({{"layer_norm", {scalar}}, "layer_norm.C4", "rank 1"});
  rows.push_back({{"rms_norm", {scalar}}, "rms_norm.C4", "rank 1"});
  rows.push_back({{"lp_norm", {scalar}}, "lp_norm.C4", "rank 1"});
  rows.push_back({{"batch_norm", {scalar, v, v, v, v}}, "batch_norm.C4", "rank 1"});
  rows.push_back({{"mean_variance_norm", {scalar}}, "mean_variance_norm.C4", "rank 1"});
  rows.push_back({{"lrn", {v}, {{"size", "1"}}}, "lrn.C4", "rank 2"});
  for (const char* code : {"global_average_pool.C3", "global_max_pool.C3", "global_lp_pool.C3"})
    rows.push_back({{name_of(code), {v}}, code, "rank 2"});
  for (const char* code : {"average_pool.C3", "lp_pool.C3", "max_pool.C3"})
    rows.push_back({{name_of(code), {v}, {{"kernel_shape", "1"}}}, code, "rank 3"});
  rows.push_back({{"max_unpool", {real({1, 2}), tensor({1, 2}, {0, 1}, DType::i64)}},
                  "max_unpool.C3",
                  "rank 3"});
  rows.push_back({{"depth_to_space", {v}, {{"blocksize", "1"}}}, "depth_to_space.C3", "rank 4"});
  rows.push_back({{"col2im", {v}, {}, {2, 1}}, "col2im.C3", "rank 3"});
  rows.push_back({{"one_hot", {index, real({1, 2})}, {}, {3}}, "one_hot.C3", "rank 1"});
  rows.push_back({{"range", {v, scalar}, {}, {3}}, "range.C3", "rank 0"});
  rows.push_back({{"range", {scalar, v}, {}, {3}}, "range.C3", "rank 0"});
  rows.push_back({{"reverse_sequence", {v, index}}, "reverse_sequence.C3", ""});
  rows.push_back({{"reverse_sequence", {real({2, 2}), tensor({1, 1}, {1}, DType::i64)}},
                  "reverse_sequence.C3",
                  ""});
  rows.push_back({{"topk", {scalar}, {}, {1}}, "topk.C3", "rank 1"});
  rows.push_back({{"rotary_embedding", {real({1, 1, 2, 4}), v, v}}, "rotary_embedding.C4", ""});
  rows.push_back({{"rotary_embedding", {v, real({2, 2}), real({2, 2})}},
                  "rotary_embedding.C4",
                  "rank 3 or 4"});
  expect_refusals(rows);
}

TEST(composite_refusals, operands_that_do_not_fit_together) {
  const Tensor x = real({1, 2, 4, 4});
  const Tensor v = real({3});
  const Tensor index = uniform(1, {1, 2, 2, 2}, 0, 4, DType::i64);
  expect_refusals({
      {{"clip", {real({2}), tensor({}, {0}, DType::f64)}}, "clip.C3", "type"},
      {{"clip", {real({2}), std::nullopt, tensor({}, {0}, DType::i32)}}, "clip.C3", "type"},
      {{"clip", {real({2}), std::nullopt, real({2})}}, "clip.C4", "rank 0"},
      {{"prelu", {x, whole({4})}}, "prelu.C3", "one type"},
      {{"instance_norm", {x, v, real({2})}}, "instance_norm.C5", "a channel"},
      {{"instance_norm", {x, real({2}), v}}, "instance_norm.C5", "a channel"},
      {{"group_norm", {x, v, v}, {{"num_groups", "1"}}}, "group_norm.C5", "a channel"},
      {{"rms_norm", {v, real({1, 3})}}, "rms_norm.C5", "broadcast"},
      {{"layer_norm", {v, real({1, 3})}}, "layer_norm.C5", "broadcast"},
      {{"quantize_linear", {x, real({1, 2})}}, "quantize_linear.C4", "rank"},
      {{"quantize_linear", {x, real({1, 2})}, {{"block_size", "2"}}}, "quantize_linear.C4", "rank"},
      {{"max_unpool", {real({1, 2, 2, 2}), index}, {{"kernel_shape", "2"}}}, "max_unpool.C4", "2"},
      {{"max_unpool", {real({1, 2, 2, 2}), index}, {{"kernel_shape", "2,2"}, {"strides", "2"}}},
       "max_unpool.C4",
       "2 values"},
      {{"max_unpool", {real({1, 2, 2, 2}), index}, {{"kernel_shape", "2,2"}, {"pads", "0,0"}}},
       "max_unpool.C4",
       "2 values"},
      {{"max_unpool", {real({1, 2, 2, 2}), index}, {{"kernel_shape", "2,2"}}, {3, 3}},
       "max_unpool.C4",
       "output shape"},
      {{"roi_align", {x, real({4}), tensor({1}, {0}, DType::i64)}}, "roi_align.C4", "rank 2"},
      {{"roi_align", {x, real({1, 4}), tensor({1, 1}, {0}, DType::i64)}}, "roi_align.C4", ""},
  });
}

TEST(composite_refusals, options_that_do_not_fit) {
  const Tensor x = real({1, 2, 4, 4});
  std::vector<Refusal> rows{
      {{"col2im", {real({1, 4, 4})}, {}, {}}, "col2im.C4", "image_shape"},
      {{"col2im", {real({1, 4, 4})}, {}, {2, 2, 2}}, "col2im.C4", "image_shape"},
      {{"col2im", {real({1, 4, 9})}, {{"strides", "1"}}, {4, 4, 2, 2}}, "col2im.C4", "one value"},
      {{"col2im", {real({1, 4, 9})}, {{"dilations", "1"}}, {4, 4, 2, 2}}, "col2im.C4", "one value"},
      {{"col2im", {real({1, 4, 9})}, {{"pads", "0,0"}}, {4, 4, 2, 2}}, "col2im.C4", "two"},
      {{"col2im", {real({1, 4, 9})}, {}, {4, 4, 2, 3}, {3}}, "col2im.C4", "known"},
      {{"range", {tensor({}, {0}), tensor({}, {1})}}, "range.C4", "number of elements"},
      {{"topk", {real({2})}}, "topk.C4", "k is missing"},
      {{"stft", {real({1, 4})}}, "stft.C4", "missing"},
      {{"lrn", {x}, {{"size", "0"}}}, "lrn.C6", "positive"},
      {{"lp_norm", {x}, {{"p", "3"}}}, "lp_norm.C6", "1 or 2"},
      {{"upsample", {x}, {{"mode", "cubic"}, {"scales", "1,1,2,2"}}}, "upsample.C4", "cubic"},
      {{"upsample", {x}, {{"scales", "1,1,2"}}}, "upsample.C3", "4 axes"},
      {{"upsample", {x}, {{"scales", "1,1,-2,2"}}}, "upsample.C3", "positive"},
      {{"mel_weight_matrix",
        {tensor({}, {2}), tensor({}, {2}), tensor({}, {2}), tensor({}, {2}), tensor({}, {2})}},
       "mel_weight_matrix.C4",
       "missing"},
      {{"one_hot", {tensor({1}, {0}, DType::i64), real({2})}}, "one_hot.C4", "depth"},
      {{"softmax", {x}, {{"axis", "4"}}}, "softmax.C2", "axis"},
      {{"softmax", {x}, {{"axis", "-5"}}}, "softmax.C2", "axis"},
      {{"softmax", {x}, {{"axis", "one"}}}, "softmax.C2", "axis"},
      {{"softmax", {x}, {{"axes", "1"}}}, "softmax.C2", "it has: axis"},
      {{"mean_variance_norm", {x}, {{"axes", "0,4"}}}, "mean_variance_norm.C2", "axes"},
      {{"softmax", {}}, "softmax.C1", "absent"},
      {{"softmax", {x, x}}, "softmax.C1", "2 operands"},
      {{"max_unpool", {x, std::nullopt}, {{"kernel_shape", "2,2"}}}, "max_unpool.C1", "indices"},
  };
  for (const char* code : {"hann_window.C4", "hamming_window.C4", "blackman_window.C4"})
    rows.push_back({{name_of(code), {}}, code, "size is missing"});
  const std::vector<Options> windows{
      {{"kernel_shape", "2"}},
      {{"kernel_shape", "0,2"}},
      {{"kernel_shape", "2,2"}, {"strides", "0,1"}},
      {{"kernel_shape", "2,2"}, {"dilations", "1,0"}},
      {{"kernel_shape", "2,2"}, {"pads", "1,1"}},
  };
  for (const char* code : {"average_pool.C4", "lp_pool.C4", "max_pool.C4"})
    for (const Options& options : windows)
      rows.push_back({{name_of(code), {x}, options}, code, ""});
  for (const char* code : {"average_pool.C6", "lp_pool.C6", "max_pool.C6"})
    rows.push_back(
        {{name_of(code), {x}, {{"kernel_shape", "2,2"}, {"auto_pad", "left"}}}, code, "left"});
  expect_refusals(rows);
}

}  // namespace
}  // namespace tenon::interp::testing
