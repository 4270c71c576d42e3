#include "c_api/background.h"

#include <system_error>

#include "c_api/objects.h"
#include "c_api/run.h"

namespace tenon::c_api {

bool Background::start(tenon_instance& instance, const Job& job) {
  const std::lock_guard lock(mutex_);
  if (ending_) return false;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this, &instance] { work(instance); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  tenon_error_release(std::exchange(kept_, nullptr));  // nobody asked for it
  job_ = job;
  waiting_ = true;
  changed_.notify_all();
  return true;
}

void Background::work(tenon_instance& instance) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return waiting_ || ending_; });
    if (!waiting_) break;
    const Job job = job_;
    waiting_ = false;
    working_ = true;
    lock.unlock();
    tenon_error* error = run_now(instance, job.deadline);
    if (job.done == nullptr) {
      lock.lock();
      kept_ = error;
      lock.unlock();
    }
    instance.busy.store(false, std::memory_order_release);
    if (job.done != nullptr) job.done(job.user, &instance, error);
    lock.lock();
    working_ = false;
    changed_.notify_all();
  }
  if (!orphaned_) return;
  lock.unlock();
  delete &instance;
}

tenon_error* Background::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !waiting_ && !working_; });
  return std::exchange(kept_, nullptr);
}

bool Background::is_this_thread() {
  const std::lock_guard lock(mutex_);
  return thread_.get_id() == std::this_thread::get_id();
}

bool Background::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
    orphaned_ = thread_.get_id() == std::this_thread::get_id();
    if (orphaned_) thread_.detach();
  }
  if (orphaned_) return false;
  if (thread_.joinable()) thread_.join();
  tenon_error_release(std::exchange(kept_, nullptr));
  return true;
}

}  // namespace tenon::c_api
