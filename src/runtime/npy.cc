#include "runtime/npy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

#include "support/available_memory.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 64;

struct NpyType {
  std::string_view descr;  // without the byte order
  DType dtype;
};
constexpr NpyType kTypes[] = {{"b1", DType::boolean}, {"i1", DType::i8},  {"i2", DType::i16},
                              {"i4", DType::i32},     {"i8", DType::i64}, {"u1", DType::u8},
                              {"u2", DType::u16},     {"u4", DType::u32}, {"u8", DType::u64},
                              {"f2", DType::f16},     {"f4", DType::f32}, {"f8", DType::f64},
                              {"V2", DType::bf16}};

/// The type that stands for `type` in a file.
DType npy_type(DType type) {
  if (type == DType::bf16) return DType::f32;
  for (const NpyType& t : kTypes)
    if (t.dtype == type) return type;
  if (artifact::is_float(type)) return DType::f32;
  return artifact::info(type).kind == artifact::DTypeKind::sint ? DType::i8 : DType::u8;
}

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> dims;
};

/// Reads the dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> run() {
    Header h;
    int found = 0;
    if (!eat('{')) return std::nullopt;
    while (!eat('}')) {
      std::string key;
      if (!text(key) || !eat(':')) return std::nullopt;
      bool ok = false;
      if (key == "descr") ok = text(h.descr);
      if (key == "fortran_order") ok = boolean(h.fortran);
      if (key == "shape") ok = shape(h.dims);
      if (!ok) return std::nullopt;
      ++found;
      if (!eat(',') && !peek('}')) return std::nullopt;
    }
    return found == 3 && !h.descr.empty() ? std::optional<Header>(std::move(h)) : std::nullopt;
  }

 private:
  void skip() {
    const size_t n = rest_.find_first_not_of(" \n\t\r");
    rest_.remove_prefix(std::min(n, rest_.size()));
  }
  bool peek(char c) {
    skip();
    return !rest_.empty() && rest_[0] == c;
  }
  bool eat(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view w) {
    skip();
    if (!rest_.starts_with(w)) return false;
    rest_.remove_prefix(w.size());
    return true;
  }
  bool text(std::string& out) {
    const char quote = peek('"') ? '"' : '\'';
    if (!eat(quote)) return false;
    const size_t end = rest_.find(quote);
    if (end == std::string_view::npos) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool boolean(bool& out) {
    out = word("True");
    return out || word("False");
  }
  bool number(int64_t& out) {
    skip();
    out = 0;
    size_t n = 0;
    for (; n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9'; ++n)
      if (__builtin_mul_overflow(out, 10, &out) ||
          __builtin_add_overflow(out, rest_[n] - '0', &out))
        return false;
    rest_.remove_prefix(n);
    if (n > 0) eat('L');  // as Python 2 wrote it
    return n > 0;
  }
  bool shape(std::vector<int64_t>& dims) {
    if (!eat('(')) return false;
    while (!eat(')')) {
      int64_t n = 0;
      if (dims.size() == kMaxRank || !number(n)) return false;
      dims.push_back(n);
      if (!eat(',') && !peek(')')) return false;
    }
    return true;
  }
  std::string_view rest_;
};

std::optional<DType> type_of(std::string_view descr) {
  if (descr.size() < 3) return std::nullopt;
  for (const NpyType& t : kTypes)
    if (descr.substr(1) == t.descr &&
        std::string_view("<>|=").find(descr[0]) != std::string_view::npos)
      return t.dtype;
  return std::nullopt;
}

void swap_bytes(std::vector<std::byte>& bytes, size_t width) {
  for (size_t i = 0; i + width <= bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i),
                 bytes.begin() + static_cast<ptrdiff_t>(i + width));
}

/// From the first index running fastest to the last one.
std::vector<std::byte> from_fortran(std::span<const std::byte> in, std::span<const int64_t> dims,
                                    size_t width) {
  std::vector<std::byte> out(in.size());
  std::vector<int64_t> at(dims.size(), 0);
  std::vector<int64_t> stride(dims.size(), 1);
  for (size_t d = 1; d < dims.size(); ++d) stride[d] = stride[d - 1] * dims[d - 1];
  for (size_t o = 0; o < out.size(); o += width) {
    int64_t from = 0;
    for (size_t d = 0; d < dims.size(); ++d) from += at[d] * stride[d];
    std::memcpy(&out[o], &in[static_cast<size_t>(from) * width], width);
    for (size_t d = dims.size(); d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
  return out;
}

}  // namespace

Result<Tensor> parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!all.starts_with(kMagic) || bytes.size() < 10)
    return fail("npy.format", cat("'", name, "' is not a .npy file; write it with numpy.save"));
  const bool first = bytes[6] == std::byte{1};
  if (!first && bytes[6] != std::byte{2} && bytes[6] != std::byte{3})
    return fail("npy.format", cat("'", name, "' has .npy version ", static_cast<int>(bytes[6]),
                                  "; 1 to 3 are known: save it again with numpy.save"));
  const size_t start = first ? 10 : 12;
  if (bytes.size() < start)
    return fail("npy.truncated",
                cat("'", name, "' ends inside its header; save it again with numpy.save"));
  uint32_t length = 0;
  std::memcpy(&length, &bytes[8], first ? 2 : 4);
  if (length > bytes.size() - start)
    return fail("npy.truncated",
                cat("'", name, "' ends inside its header; save it again with numpy.save"));
  auto header = HeaderParser(all.substr(start, length)).run();
  if (!header)
    return fail("npy.format", cat("the header of '", name,
                                  "' is not that of a plain array; save one with numpy.save"));
  const auto dtype = type_of(header->descr);
  if (!dtype)
    return fail("npy.type", cat("'", name, "' holds elements of type '", header->descr,
                                "', which no tensor has; convert them before numpy.save"));
  const int64_t size = tensor_bytes(*dtype, header->dims);
  const auto data = bytes.subspan(start + length);
  if (size < 0 || static_cast<uint64_t>(size) > data.size())
    return fail("npy.truncated",
                cat("'", name, "' of shape ", shape_text(header->dims), " ends after ", data.size(),
                    " bytes of data; save it again with numpy.save"));
  const uint64_t copies = header->fortran ? 2 : 1;
  if (const uint64_t left = available_memory(); static_cast<uint64_t>(size) > left / copies)
    return fail("run.memory", cat("'", name, "' of shape ", shape_text(header->dims), " needs ",
                                  bytes_text(static_cast<uint64_t>(size) * copies), ", and ",
                                  bytes_text(left), " are available; give smaller arrays"));
  Tensor t{*dtype, std::move(header->dims), {data.begin(), data.begin() + size}};
  const size_t width = artifact::info(*dtype).element_bytes;
  if (header->descr[0] == '>') swap_bytes(t.bytes, width);
  if (header->fortran && t.dims.size() > 1) t.bytes = from_fortran(t.bytes, t.dims, width);
  return t;
}

Result<Tensor> read_npy(const std::string& path) {
  TENON_TRY(const auto file, MappedFile::open(path));
  return parse_npy(file->bytes(), path);
}

Status write_npy(const std::string& path, const TensorView& tensor) {
  const DType as = npy_type(tensor.dtype);
  std::string_view descr;
  for (const NpyType& t : kTypes)
    if (t.dtype == as) descr = t.descr;
  std::string dims;
  for (int64_t d : tensor.dims) dims += cat(d, ", ");
  std::string header = cat("{'descr': '", artifact::info(as).element_bytes == 1 ? '|' : '<', descr,
                           "', 'fortran_order': False, 'shape': (", dims, "), }");
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string head = cat(kMagic, '\x01', '\x00');
  head += static_cast<char>(header.size() & 0xff);
  head += static_cast<char>(header.size() >> 8);
  head += header;
  TENON_TRY(AtomicFile file, AtomicFile::create(path));
  TENON_TRY_VOID(file.write(std::as_bytes(std::span(head))));
  const auto* data = static_cast<const std::byte*>(tensor.data);
  if (as == tensor.dtype) {
    TENON_TRY_VOID(file.write({data, tensor.bytes()}));
    return file.commit();
  }
  const size_t from = artifact::info(tensor.dtype).element_bytes;
  const size_t to = artifact::info(as).element_bytes;
  constexpr size_t kAtOnce = 1 << 16;  // elements widened at a time
  const auto count = static_cast<size_t>(tensor.count());
  for (size_t begin = 0; begin < count; begin += kAtOnce) {
    std::vector<std::byte> wide(std::min(kAtOnce, count - begin) * to);
    for (size_t i = 0; i * to < wide.size(); ++i)
      artifact::store_double(as, &wide[i * to],
                             artifact::load_double(tensor.dtype, data + (begin + i) * from));
    TENON_TRY_VOID(file.write(wide));
  }
  return file.commit();
}

Tensor narrow_from_npy(Tensor tensor, DType wanted) {
  if (tensor.dtype == wanted || npy_type(wanted) == wanted || npy_type(wanted) != tensor.dtype)
    return tensor;
  const size_t from = artifact::info(tensor.dtype).element_bytes;
  const size_t to = artifact::info(wanted).element_bytes;
  std::vector<std::byte> out(tensor.bytes.size() / from * to);
  for (size_t i = 0; i * to < out.size(); ++i)
    artifact::store_double(wanted, &out[i * to],
                           artifact::load_double(tensor.dtype, &tensor.bytes[i * from]));
  return {wanted, std::move(tensor.dims), std::move(out)};
}

}  // namespace tenon::runtime
