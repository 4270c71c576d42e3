// Composites: named functions with a body of primitives (softmax, layer_norm, attention, lstm ...).
// A composite is built as `call` with name, body and options; `decompose` inlines the body where
// no special lowering is registered. Pure rearrangements (rows marked `direct` in
// composite/registry.cc, such as one_hot or einsum) are built as their primitives at once.
//
// Options carry ONNX's attribute names and values (words in any case; element types as the text
// form spells them: f32, u8). The table gives operands (`?`: may be nullptr), options [default],
// and the results behind `->` where there is more than one. Tensors are channels-first as ONNX has
// them. `extents` are i64 expressions where a row asks for them.
//
// clang-format off
//   softmax, log_softmax, hardmax (x)     axis[-1]
//   reduce_log_sum_exp (x)                axes[all] keepdims[1]
//   batch_norm (x, scale, bias, mean, var)  epsilon[1e-5] axis[1]
//   layer_norm (x, scale?, bias?)         axis[-1] epsilon[1e-5]  -> y, mean, inv_std_dev (f32)
//   rms_norm (x, scale?)                  axis[-1] epsilon[1e-5]  -> y, inv_rms (f32)
//   group_norm (x, scale, bias)           num_groups epsilon[1e-5]; scale is [c] or [num_groups]
//   instance_norm (x, scale, bias)        epsilon[1e-5]
//   lp_norm (x)                           axis[-1] p[2]
//   mean_variance_norm (x)                axes[0,2,3]
//   lrn (x)                               size alpha[1e-4] beta[0.75] bias[1]
//   relu, silu, mish, hard_swish, softplus, softsign, gelu, gelu_tanh (x)
//   leaky_relu (x) alpha[0.01]   elu (x) alpha[1]   celu (x) alpha[1]   selu (x) alpha gamma
//   swish (x) alpha[1]   hard_sigmoid (x) alpha[0.2] beta[0.5]   thresholded_relu (x) alpha[1]
//   shrink (x) lambd[0.5] bias[0]   prelu (x, slope)   clip (x, lo?, hi?), bounds of rank 0
//   attention (q[b,h,s,d], k[b,g,t,d], v[b,g,t,e], mask?, kv_lens?)
//       scale[1/sqrt d] is_causal[0] softcap[0] left_window_size[-1] right_window_size[-1]
//       softmax_precision[f32] qk_matmul_output_mode[absent]; extents: {past length} or none
//       -> y[, the scores where the mode is given]
//   onnx_attention (q, k, v, mask?, past_k?, past_v?, kv_lens?)   as Attention-25, rank 3 or 4
//       the above and q_num_heads kv_num_heads   -> y, present_k, present_v[, scores]; direct
//   rotary_embedding (x, cos, sin, position_ids?)
//       interleaved[0] rotary_embedding_dim[0] num_heads[0]
//   lstm (x, w, r, b?, sequence_lens?, h0?, c0?, p?)  -> y, y_h, y_c
//   gru, rnn (x, w, r, b?, sequence_lens?, h0?)       -> y, y_h
//       direction[forward] activations activation_alpha activation_beta clip layout[0]
//       input_forget[0] linear_before_reset[0]
//   max_pool (x)                          kernel_shape strides pads dilations ceil_mode auto_pad
//       storage_order[0] indices[0]  -> y[, indices where asked]
//   average_pool, lp_pool (x)             the same; count_include_pad[0]; p[2]
//   global_average_pool, global_max_pool, global_lp_pool (x)   p[2]
//   max_unpool (x, indices)               kernel_shape strides pads; extents: output shape or none
//   resize (x, roi?, scales?)             mode coordinate_transformation_mode nearest_mode
//       cubic_coeff_a exclude_outside extrapolation_value antialias axes keep_aspect_ratio_policy
//       scales; the size comes from option `scales`, else from extents (one for each of axes); a
//       `scales` operand goes with the extents that it leads to
//   upsample (x)                          mode scales
//   grid_sample (x, grid)                 mode padding_mode align_corners
//   affine_grid (theta)                   align_corners; extents: the size operand
//   roi_align (x, rois, batch_indices)    mode coordinate_transformation_mode output_height
//       output_width sampling_ratio spatial_scale
//   depth_to_space (x)                    blocksize mode[DCR]; direct
//   space_to_depth (x)                    blocksize; direct
//   center_crop_pad (x)                   axes; extents: sizes; direct
//   col2im (x)                            dilations pads strides; extents: image_shape, block_shape; direct
//   reverse_sequence (x, sequence_lens)   batch_axis[1] time_axis[0]; direct
//   dropout (x)                           -> y, mask; direct
//   one_hot (indices, values)             axis[-1]; extents: {depth}; direct
//   trilu (x, k?)                         upper[1] k[0] where the operand is absent; direct
//   eye_like (x)                          k[0] dtype; direct
//   range (start, delta), rank 0          extents: {count}; direct
//   einsum (any number)                   equation; direct
//   topk (x)                              axis[-1] largest[1] sorted[1]; extents: {k}  -> values, indices
//   quantize_linear (x, scale, zero_point?)    axis[1] block_size[0] saturate[1] output_dtype precision
//   dequantize_linear (x, scale, zero_point?)  axis[1] block_size[0] output_dtype
//   dynamic_quantize_linear (x)           -> y (u8), scale, zero_point
//   dft (x)                               axis[1] inverse[0] onesided[0]; extents: {dft_length} or none
//   stft (signal, window?)                onesided[1]; extents: {frame_step, frame_length}
//   mel_weight_matrix (num_mel_bins, dft_length, sample_rate, lower_hz, upper_hz), rank 0
//       output_datatype; extents: {num_mel_bins, dft_length / 2 + 1}; direct
//   hann_window, hamming_window, blackman_window ()   periodic[1] output_datatype; extents: {size}; direct
//   det (x)
// clang-format on
#pragma once

#include "ops/op.h"

namespace tenon::ops {

/// Options are ordered key=value pairs with integer, float or word values, or "1,2,3" for a vector.
using Options = std::vector<std::pair<std::string, std::string>>;

/// The composite applied to operands: one result per returned expression. Refuses with numbered
/// constraints ("softmax.C1"). Known names: see composite/registry.cc.
[[nodiscard]] Result<std::vector<Expr>> build_composite(Context& c, std::string_view name,
                                                        std::span<const Expr> operands,
                                                        const Options& options,
                                                        std::span<const Expr> extents = {});
[[nodiscard]] bool is_composite(std::string_view name);
/// Names of all composites, sorted.
[[nodiscard]] std::vector<std::string_view> composite_names();

/// The options of a call node (or of any "key=value key=value" text).
[[nodiscard]] Options parse_options(std::string_view text);

/// The call's operand of that name ("bias"), or nullptr where it is absent.
[[nodiscard]] Expr call_operand(Expr call, std::string_view name);

/// The call's body with operands in place of params.
[[nodiscard]] std::vector<Expr> inline_call(Context& c, Expr call);

/// A fresh variable that takes the value of `count` (an integer tensor of one element, a node of
/// the graph that the bindings belong to) at run time: how data-dependent extents enter shapes.
[[nodiscard]] Expr bind_extent(Context& c, std::vector<ir::Binding>& bindings, Expr count,
                               std::string name);

// Operators with data-dependent results: the count is bound to a new variable and the results have
// that extent.
/// i64[rank, n]: as ONNX NonZero.
[[nodiscard]] Result<Expr> build_nonzero(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                                         std::string name);
/// i64[n, 3]: as ONNX NonMaxSuppression. Absent operands nullptr; max_output of rank 0 or one
/// element. Without max_output nothing is selected, as ONNX has it.
[[nodiscard]] Result<Expr> build_nms(Context& c, std::vector<ir::Binding>& bindings, Expr boxes,
                                     Expr scores, Expr max_output, Expr iou_threshold,
                                     Expr score_threshold, bool center_point_box, std::string name);
/// values, first indices, inverse, counts: as ONNX Unique; axis -1 means the flattened input
/// (make a negative ONNX axis non-negative first).
[[nodiscard]] Result<std::vector<Expr>> build_unique(Context& c, std::vector<ir::Binding>& bindings,
                                                     Expr x, int64_t axis, bool sorted,
                                                     std::string name);
/// The slices of x along axis (-1: of the flattened x) where condition holds: as ONNX Compress.
[[nodiscard]] Result<Expr> build_compress(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                                          Expr condition, int64_t axis, std::string name);

}  // namespace tenon::ops
