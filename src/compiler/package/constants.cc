#include "compiler/package/constants.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/packed.h"
#include "ops/tensor.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::compiler::packaging {
namespace {

constexpr size_t kAlign = 64;

/// One axis of the packed form: which logical axis it belongs to and how far a step goes there.
struct PackedAxis {
  int64_t extent;
  size_t logical;
  int64_t weight;  // logical index units a step
  int64_t stride;  // source elements a step
};

std::vector<PackedAxis> packed_axes(std::span<const int64_t> dims, const ir::Packing& p) {
  TENON_CHECK(p.factors.size() == dims.size(), "packing of another rank");
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  std::vector<PackedAxis> split;
  for (size_t d = 0; d < dims.size(); ++d) {
    const int64_t f = p.factors[d];
    if (f == 0) {
      split.push_back({dims[d], d, 1, strides[d]});
    } else {
      split.push_back({(dims[d] + f - 1) / f, d, f, f * strides[d]});
      split.push_back({f, d, 1, strides[d]});
    }
  }
  TENON_CHECK(p.perm.size() == split.size(), "packing whose permutation has another length");
  std::vector<PackedAxis> out;
  for (const int64_t axis : p.perm) out.push_back(split[static_cast<size_t>(axis)]);
  return out;
}

template <size_t kWidth>
void copy_strided(const std::byte* from, std::byte* to, int64_t n, int64_t stride) {
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(to + i * static_cast<int64_t>(kWidth),
                from + i * stride * static_cast<int64_t>(kWidth), kWidth);
}

void copy_row(const std::byte* from, std::byte* to, int64_t n, int64_t stride, size_t width) {
  if (n <= 0) return;
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * width);
  } else if (width == 4) {
    copy_strided<4>(from, to, n, stride);
  } else if (width == 2) {
    copy_strided<2>(from, to, n, stride);
  } else if (width == 1) {
    copy_strided<1>(from, to, n, stride);
  } else {
    copy_strided<8>(from, to, n, stride);
  }
}

std::vector<std::byte> pack_once(std::span<const std::byte> in, std::vector<int64_t>& dims,
                                 size_t width, const ir::Packing& p) {
  const std::vector<PackedAxis> axes = packed_axes(dims, p);
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < axes.size(); ++i) rows *= axes[i].extent;
  const PackedAxis last = axes.empty() ? PackedAxis{1, 0, 0, 0} : axes.back();
  std::vector<std::byte> out(static_cast<size_t>(rows * last.extent) * width);
  std::vector<int64_t> at(axes.size(), 0);
  std::vector<int64_t> logical(dims.size(), 0);
  int64_t from = 0;
  for (int64_t row = 0; row < rows; ++row) {
    bool inside = true;
    for (size_t d = 0; d < dims.size(); ++d) inside = inside && logical[d] < dims[d];
    if (inside) {
      int64_t n = last.extent;
      if (!dims.empty())
        n = std::min(n,
                     (dims[last.logical] - logical[last.logical] + last.weight - 1) / last.weight);
      copy_row(in.data() + static_cast<size_t>(from) * width,
               out.data() + static_cast<size_t>(row * last.extent) * width, n, last.stride, width);
    }
    for (size_t i = axes.size() - std::min<size_t>(axes.size(), 1); i-- > 0;) {
      const PackedAxis& a = axes[i];
      logical[a.logical] += a.weight;
      from += a.stride;
      if (++at[i] < a.extent) break;
      logical[a.logical] -= a.weight * a.extent;
      from -= a.stride * a.extent;
      at[i] = 0;
    }
  }
  dims.clear();
  for (const PackedAxis& a : axes) dims.push_back(a.extent);
  return out;
}

/// A scalar literal as an element that is addressed alone; in packed storage its low bits count.
std::vector<std::byte> literal_bytes(ir::Expr node) {
  const uint64_t bits = ir::is_float(node->dtype())
                            ? ir::encode_float(node->dtype(), node->float_attr(ir::Key::value))
                            : static_cast<uint64_t>(node->int_attr(ir::Key::value));
  std::vector<std::byte> bytes(ir::info(node->dtype()).element_bytes);
  std::memcpy(bytes.data(), &bits, bytes.size());
  return bytes;
}

}  // namespace

std::vector<std::byte> apply_packing(std::span<const std::byte> bytes,
                                     std::span<const int64_t> dims, size_t width,
                                     std::span<const ir::Packing> packing) {
  std::vector<int64_t> shape(dims.begin(), dims.end());
  std::vector<std::byte> out;
  for (const ir::Packing& p : packing) {
    out = pack_once(bytes, shape, width, p);
    bytes = out;
  }
  return out;
}

namespace {
/// The same of elements in packed storage.
std::vector<std::byte> laid_out(ir::DType type, std::span<const std::byte> bytes,
                                std::span<const int64_t> dims,
                                std::span<const ir::Packing> packing) {
  if (!ir::is_sub_byte(type))
    return apply_packing(bytes, dims, ir::info(type).element_bytes, packing);
  const auto count = static_cast<uint64_t>(ops::product(dims));
  return ir::pack_bits(type,
                       apply_packing(ir::unpack_bits(type, bytes.data(), count), dims, 1, packing));
}
}  // namespace

uint32_t Constants::store(std::vector<std::byte> bytes) {
  const size_t size = bytes.size();
  void* memory = std::aligned_alloc(kAlign, (size + kAlign) / kAlign * kAlign);
  TENON_CHECK(memory != nullptr, "no memory for a constant");
  std::memcpy(memory, bytes.data(), size);
  model_.owners.emplace_back(memory, std::free);
  model_.constants.push_back({static_cast<const std::byte*>(memory), size});
  return static_cast<uint32_t>(model_.constants.size() - 1);
}

uint32_t Constants::add_literal(ir::Expr node) {
  const std::vector<std::byte> bytes = literal_bytes(node);
  const std::string key =
      "imm" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto [at, is_new] = known_.emplace(key, 0);
  if (is_new) at->second = store(bytes);
  return at->second;
}

uint32_t Constants::add(ir::Expr node) {
  if (node->op == ir::Op::imm) return add_literal(node);
  if (!ir::is_sub_byte(node->dtype())) return add(node, {}, {});
  const ir::ConstantRef data = node->constant_attr();
  const auto [at, is_new] = known_.emplace(
      cat(data->hash, ":", data->size, "|", ir::info(node->dtype()).name, " alone"), 0);
  if (is_new) at->second = store(ops::tensor_of(node).bytes);
  return at->second;
}

uint32_t Constants::add(ir::Expr node, std::span<const int64_t> dims,
                        std::span<const ir::Packing> packing) {
  if (node->op == ir::Op::imm) return add_literal(node);
  const ir::ConstantRef data = node->constant_attr();
  const ir::DType type = node->dtype();
  std::string key = cat(data->hash, ":", data->size);
  if (!packing.empty()) {
    key += cat("|", shape_text(dims), "/", ir::storage_bits(type));
    for (const ir::Packing& p : packing)
      key += cat("|", shape_text(p.factors), ">", shape_text(p.perm));
  }
  const auto [at, is_new] = known_.emplace(std::move(key), 0);
  if (!is_new) return at->second;
  const std::span<const std::byte> bytes(data->bytes, data->size);
  if (!packing.empty()) {
    at->second = store(laid_out(type, bytes, dims, packing));
  } else if (reinterpret_cast<uintptr_t>(data->bytes) % kAlign == 0) {
    model_.owners.push_back(data->owner);
    model_.constants.push_back({data->bytes, data->size});
    at->second = static_cast<uint32_t>(model_.constants.size() - 1);
  } else {
    at->second = store({bytes.begin(), bytes.end()});
  }
  return at->second;
}

}  // namespace tenon::compiler::packaging
