// A folder of schedules: what `tenon inspect --kernel N --stage loop` printed and somebody edited.
#include <algorithm>
#include <filesystem>

#include "compiler/compiler.h"
#include "compiler/contain.h"
#include "compiler/kernel_model.h"
#include "ir/text.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::compiler {
namespace {
namespace fs = std::filesystem;

Result<std::vector<std::string>> text_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, error))
    if (e.path().extension() == ".tir") files.push_back(e.path().string());
  if (error)
    return fail("schedule.folder", cat("cannot read the folder '", folder, "': ", error.message(),
                                       "; give one with .tir files of kernels"));
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::shared_ptr<const schedule::Book>> read_folder(const std::string& folder) {
  TENON_TRY(const std::vector<std::string> files, text_files(folder));
  auto book = std::make_shared<schedule::Book>();
  for (const std::string& file : files) {
    TENON_TRY(const std::string text, read_file(file));
    TENON_TRY(ir::Module module, ir::parse(text, file));
    TENON_TRY_VOID(check_kernels(module, nullptr));
    for (size_t i = 0; i < module.kernels.size(); ++i)
      TENON_TRY_VOID(book->add({module.kernels[i], module.trace_places[i], file}));
  }
  if (book->pages().empty())
    return fail("schedule.folder",
                cat("'", folder,
                    "' has no .tir file with a kernel; `tenon inspect MODEL --kernel N --stage "
                    "loop` prints one"));
  return book;
}

}  // namespace

Result<std::shared_ptr<const schedule::Book>> read_schedules(const std::string& folder) {
  return contain([&] { return read_folder(folder); });
}

}  // namespace tenon::compiler
