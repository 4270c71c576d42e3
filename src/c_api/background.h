// The thread of an instance that carries out its asynchronous runs, one at a time; it starts with
// the first of them and sleeps between them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tenon/tenon.h"

namespace tenon::c_api {

struct Job {
  tenon_done done = nullptr;
  void* user = nullptr;
  std::chrono::steady_clock::time_point deadline{};
};

class Background {
 public:
  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Hands a job over. The instance is in use already, so there is no other one. Returns false
  /// where the system gives no thread, or the instance is about to go.
  [[nodiscard]] bool start(tenon_instance& instance, const Job& job);
  /// Waits until there is no job; gives the error that one without a callback left.
  [[nodiscard]] tenon_error* wait();
  [[nodiscard]] bool is_this_thread();

  /// Ends the thread behind its job. True: it is over, and the instance may go. False: this is the
  /// thread itself, in a callback; it releases the instance when that returns.
  [[nodiscard]] bool end();

 private:
  void work(tenon_instance& instance);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  Job job_;
  bool waiting_ = false;         // a job is to begin
  bool working_ = false;         // a job or its callback is going on
  bool ending_ = false;          // no further jobs
  bool orphaned_ = false;        // the instance was released in a callback
  tenon_error* kept_ = nullptr;  // of a job without a callback
};

}  // namespace tenon::c_api
