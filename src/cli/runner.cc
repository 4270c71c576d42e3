#include "cli/runner.h"

#include <cstdlib>
#include <filesystem>

#include "artifact/file.h"
#include "runtime/npy.h"
#include "runtime/report.h"
#include "support/process.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

/// A folder that goes with this.
class TemporaryFolder {
 public:
  [[nodiscard]] static Result<TemporaryFolder> make() {
    std::string path = (std::filesystem::temp_directory_path() / "tenon-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr)
      return fail("file.write", cat("no folder can be made at ", path, "; set TMPDIR to one"));
    return TemporaryFolder(std::move(path));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace

Result<std::vector<ops::Tensor>> run_elsewhere(const std::string& command,
                                               const artifact::Model& model,
                                               std::span<const runtime::Tensor> inputs,
                                               int threads) {
  TENON_TRY(const TemporaryFolder folder, TemporaryFolder::make());
  const std::string compiled = folder.file("model.tenon");
  TENON_TRY_VOID(artifact::write(model, compiled));
  // The shell splits the command; what is ours reaches it as arguments.
  std::vector<std::string> argv{"sh", "-c", command + " \"$@\" >/dev/null", "runner", compiled};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string file = folder.file(cat("input", i, ".npy"));
    TENON_TRY_VOID(runtime::write_npy(file, inputs[i].view()));
    argv.insert(argv.end(), {"--input", model.inputs[i].name + "=" + file});
  }
  argv.insert(argv.end(), {"--save", folder.file("out"), "--threads", std::to_string(threads)});
  TENON_TRY(Process runner, Process::start(argv, /*connected=*/false));
  if (const Status done = runner.wait(); !done)
    return fail("compare.runner",
                cat("the runner failed, and says why above: ", done.error().text(),
                    "; give a command that takes the arguments of tenon-run"));
  std::vector<std::string> names;
  for (const artifact::Output& o : model.outputs) names.push_back(o.name);
  return saved_outputs(folder.file("out"), names);
}

Result<std::vector<ops::Tensor>> saved_outputs(const std::string& folder,
                                               std::span<const std::string> names) {
  std::vector<ops::Tensor> all;
  for (const std::string& name : names) {
    TENON_TRY(const runtime::Tensor t, runtime::read_npy(runtime::output_file(folder, name)));
    all.push_back(to_reference(t.view()));
  }
  return all;
}

}  // namespace tenon::cli
