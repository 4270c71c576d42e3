#include "frontend/onnx/import.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "frontend/onnx/importer.h"

namespace tenon::onnx_import {
namespace {

struct FileDescriptor {
  int value;
  ~FileDescriptor() {
    if (value >= 0) ::close(value);
  }
};

Result<Imported> import_stream(google::protobuf::io::ZeroCopyInputStream& stream,
                               const std::filesystem::path& folder, const std::string& name,
                               const ImportOptions& options) {
  const google::protobuf::LogSilencer silent;
  onnx::ModelProto proto;
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT32_MAX);
  if (!proto.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    return fail("onnx.parse",
                name + ": not an ONNX model: the file is damaged, cut short or of another kind");
  if (!proto.has_graph())
    return fail("onnx.parse", name + ": not an ONNX model: it holds no graph");
  ExternalFiles files(folder);
  auto context = std::make_shared<Context>();
  Importer importer(context, options, name, folder.empty() ? nullptr : &files);
  auto imported = importer.model(proto);
  if (!imported) return tl::make_unexpected(Error{std::move(importer.problems())});
  return *std::move(imported);
}

}  // namespace

Result<Imported> import_file(const std::filesystem::path& path, const ImportOptions& options) {
  const std::string name = path.string();
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) return fail("file.open", name + ": " + std::strerror(errno));
  struct stat info{};
  if (::fstat(file.value, &info) != 0) return fail("file.open", name + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail("file.open", name + ": not a regular file");
  if (info.st_size == 0) return fail("onnx.parse", name + ": not an ONNX model: the file is empty");
  if (info.st_size > INT32_MAX)
    return fail("onnx.parse",
                name + ": larger than 2 GiB, the limit of the format; save it with external data");
  google::protobuf::io::FileInputStream stream(file.value, 1 << 20);
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  return import_stream(stream, folder, name, options);
}

Result<Imported> import_bytes(std::span<const std::byte> bytes, const std::filesystem::path& folder,
                              const std::string& name, const ImportOptions& options) {
  if (bytes.size() > INT32_MAX)
    return fail("onnx.parse", name + ": larger than 2 GiB, the limit of the format");
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  return import_stream(stream, folder, name, options);
}

Result<InputNames> input_names(const std::filesystem::path& path) {
  TENON_TRY(const auto file, MappedFile::open(path, /*follow_links=*/true));
  onnx::ModelProto model;
  if (file->bytes().size() > INT32_MAX ||
      !model.ParseFromArray(file->bytes().data(), static_cast<int>(file->bytes().size())))
    return fail("onnx.parse", path.string() + ": not an ONNX model");
  std::unordered_set<std::string> initialized;
  for (const onnx::TensorProto& t : model.graph().initializer()) initialized.insert(t.name());
  InputNames names;
  for (const onnx::ValueInfoProto& v : model.graph().input()) {
    names.all.push_back(v.name());
    if (!initialized.contains(v.name())) names.required.push_back(v.name());
  }
  return names;
}

}  // namespace tenon::onnx_import
