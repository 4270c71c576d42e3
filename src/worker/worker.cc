#include "worker/worker.h"

#include "support/text.h"

namespace tenon::worker {

Result<Worker> Worker::start(const std::vector<std::string>& command) {
  TENON_TRY(Process process, Process::start(command, /*connected=*/true));
  return Worker(std::move(process));
}

Result<Reply> Worker::run(const Request& request) {
  Result<Bytes> answer = Bytes{};
  const Status sent = send(process_.channel(), encode(request));
  if (sent) answer = receive(process_.channel());
  if (answer && !answer->empty()) return decode_reply(*answer);
  const Status end = process_.wait();
  return fail("worker.gone", cat("the worker ended instead of an answer: ",
                                 end ? "it was done" : end.error().text()));
}

}  // namespace tenon::worker
