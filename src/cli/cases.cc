#include "cli/cases.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "frontend/onnx/tensor_proto.h"
#include "support/threads.h"

namespace tenon::cli {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

Result<std::vector<ops::Tensor>> read_tensors(const fs::path& set, const std::string& kind) {
  std::vector<ops::Tensor> all;
  for (int i = 0;; ++i) {
    const fs::path file = set / (kind + "_" + std::to_string(i) + ".pb");
    if (std::error_code none; !fs::exists(file, none)) return all;
    TENON_TRY(ops::Tensor t, onnx_import::read_tensor_file(file));
    all.push_back(std::move(t));
  }
}

struct Worker {
  pid_t pid;
  int pipe;
  size_t index;
  Clock::time_point start;
};

Worker start(size_t index, const std::function<std::string(size_t)>& work) {
  int ends[2];
  if (pipe(ends) != 0) return {-1, -1, index, {}};
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    // The first byte tells an empty text from none.
    const std::string text = "=" + work(index).substr(0, 4000);
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written < 0 ? 1 : 0);
  }
  close(ends[1]);
  return {pid, ends[0], index, Clock::now()};
}

/// What the child wrote, read to its end.
Outcome collect(const Worker& w) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(w.pipe, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(w.pipe);
  int status = 0;
  waitpid(w.pid, &status, 0);
  if (WIFSIGNALED(status)) return {"crashed with signal " + std::to_string(WTERMSIG(status)), ""};
  if (text.empty()) return {"ended without a verdict", ""};
  return {"", text.substr(1)};
}

}  // namespace

std::vector<fs::path> find_cases(std::span<const std::string> roots, const std::string& filter) {
  std::vector<fs::path> cases;
  const auto consider = [&](const fs::path& folder) {
    std::error_code error;  // of links that lead nowhere
    if (fs::exists(folder / "model.onnx", error) &&
        (filter.empty() || folder.string().find(filter) != std::string::npos))
      cases.push_back(folder);
  };
  for (const std::string& root : roots) {
    std::error_code error;
    consider(root);
    for (auto it = fs::recursive_directory_iterator(root, error);
         !error && it != fs::recursive_directory_iterator(); it.increment(error))
      if (std::error_code none; it->is_directory(none)) consider(it->path());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::vector<fs::path> data_sets(const fs::path& folder) {
  std::vector<fs::path> sets;
  for (int k = 0;; ++k) {
    fs::path set = folder / ("test_data_set_" + std::to_string(k));
    if (std::error_code none; !fs::is_directory(set, none)) return sets;
    sets.push_back(std::move(set));
  }
}

Result<DataSet> read_data_set(const fs::path& set) {
  DataSet data;
  TENON_TRY(data.inputs, read_tensors(set, "input"));
  TENON_TRY(data.outputs, read_tensors(set, "output"));
  return data;
}

void run_isolated(size_t count, size_t workers, double limit_s,
                  const std::function<std::string(size_t)>& work,
                  const std::function<void(size_t, const Outcome&)>& on_done) {
  std::vector<Worker> running;
  size_t next = 0;
  while (next < count || !running.empty()) {
    while (next < count && running.size() < workers) running.push_back(start(next++, work));
    std::vector<pollfd> fds;
    for (const Worker& w : running) fds.push_back({w.pipe, POLLIN, 0});
    poll(fds.data(), fds.size(), 200);
    for (size_t i = running.size(); i-- > 0;) {
      const double age = std::chrono::duration<double>(Clock::now() - running[i].start).count();
      const bool late = age > limit_s;
      if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0 && !late) continue;
      if (late) kill(running[i].pid, SIGKILL);
      Outcome outcome = collect(running[i]);
      if (late)
        outcome.death = "took longer than " + std::to_string(static_cast<int>(limit_s)) + " s";
      on_done(running[i].index, outcome);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace tenon::cli
