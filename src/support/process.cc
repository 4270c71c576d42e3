#include "support/process.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "support/text.h"

namespace tenon {

Result<Process> Process::start(const std::vector<std::string>& argv, bool connected) {
  int ends[2] = {-1, -1};
  if (connected && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail("process.start", cat("no socket for ", argv[0], ": ", std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (connected) {
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  }
  std::vector<char*> arguments;
  for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (ends[1] >= 0) close(ends[1]);
  if (error == 0) return Process(argv[0], pid, ends[0]);
  if (ends[0] >= 0) close(ends[0]);
  return fail("process.start", cat("'", argv[0], "' does not start: ", std::strerror(error),
                                   "; give a program that PATH finds"));
}

Process::Process(Process&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, 0)),
      channel_(std::exchange(other.channel_, -1)) {}

Process::~Process() {
  if (channel_ >= 0) close(channel_);
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

Status Process::wait() {
  int status = 0;
  if (pid_ == 0 || waitpid(std::exchange(pid_, 0), &status, 0) < 0)
    return fail("process.failed", cat("'", name_, "' ended long ago"));
  if (WIFSIGNALED(status))
    return fail("process.failed", cat("'", name_, "' was ended by signal ", WTERMSIG(status), " (",
                                      strsignal(WTERMSIG(status)), ")"));
  if (WEXITSTATUS(status) != 0)
    return fail("process.failed", cat("'", name_, "' ended with status ", WEXITSTATUS(status)));
  return {};
}

}  // namespace tenon
