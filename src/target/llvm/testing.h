// Runs a kernel: emit, link, and call it, in the test process or in a worker. Tests only.
//
// Machines at hand are those of this CPU. TENON_TEST_ROWS=aarch64,neoverse-n1 and
// TENON_TEST_WORKER="qemu-aarch64 build-aarch64/bin/tenon-worker" name others in their place.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "artifact/frame.h"
#include "ir/expr.h"
#include "ir/packed.h"
#include "machine/machine.h"
#include "support/executable_memory.h"
#include "target/target.h"
#include "worker/worker.h"

namespace tenon::target::testing {

/// A blob mapped for execution.
class Mapped {
 public:
  explicit Mapped(const Blob& blob)
      : memory_(ExecutableMemory::of(blob.bytes).value()), symbols_(blob.symbols) {}
  [[nodiscard]] KernelFn find(const std::string& symbol) const {
    for (const auto& [name, offset] : symbols_)
      if (name == symbol) return memory_->function<KernelFn>(offset);
    return nullptr;
  }

 private:
  std::unique_ptr<const ExecutableMemory> memory_;
  std::vector<std::pair<std::string, uint64_t>> symbols_;
};

/// The worker that the environment names; nullptr: kernels run in this process.
inline worker::Worker* named_worker() {
  static std::optional<worker::Worker> started = []() -> std::optional<worker::Worker> {
    const char* command = std::getenv("TENON_TEST_WORKER");
    if (command == nullptr) return std::nullopt;
    std::istringstream words(command);
    std::vector<std::string> argv;
    for (std::string word; words >> word;) argv.push_back(word);
    return worker::Worker::start(argv).value();
  }();
  return started ? &*started : nullptr;
}

/// Rows that kernels can be run on, narrow vectors first.
inline std::vector<const machine::Machine*> runnable_rows() {
  std::vector<const machine::Machine*> rows;
  if (const char* names = std::getenv("TENON_TEST_ROWS")) {
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, ',');) rows.push_back(machine::find_row(name));
    return rows;
  }
  // The plainest of each width of vectors, then the best.
  int width = 0;
  for (const machine::Machine& row : machine::rows()) {
    if (row.vector_bytes <= width || !machine::missing(row).empty()) continue;
    width = row.vector_bytes;
    rows.push_back(&row);
  }
  if (rows.back()->name != machine::host().name) rows.push_back(&machine::host());
  return rows;
}

/// The best of them.
inline const machine::Machine& machine() { return *runnable_rows().back(); }

/// Value of an i64 expression over the kernel's sizes.
inline int64_t evaluate(const ir::Kernel& k, ir::Expr e, std::span<const int64_t> sizes) {
  if (const auto literal = ir::as_int(e)) return *literal;
  if (e->op == ir::Op::var) {
    for (size_t i = 0; i < k.sizes.size(); ++i)
      if (k.sizes[i] == e) return sizes[i];
  }
  const auto x = [&](size_t i) { return evaluate(k, e->operand(i), sizes); };
  switch (e->op) {
    case ir::Op::add:
      return x(0) + x(1);
    case ir::Op::sub:
      return x(0) - x(1);
    case ir::Op::mul:
      return x(0) * x(1);
    case ir::Op::min:
      return std::min(x(0), x(1));
    case ir::Op::max:
      return std::max(x(0), x(1));
    case ir::Op::floordiv:
      return x(0) >= 0 ? x(0) / x(1) : -((-x(0) + x(1) - 1) / x(1));
    default:
      ADD_FAILURE() << "unexpected operator in a size";
      return 0;
  }
}

/// A kernel compiled for a machine.
class Compiled {
 public:
  Compiled(const ir::Kernel& kernel, const machine::Machine& machine) : kernel_(kernel) {
    auto object = emit(kernel, machine, "kernel");
    if (!object) {
      ADD_FAILURE() << object.error().text();
      return;
    }
    launches_ = object->launches;
    auto blob = link(std::span(&*object, 1), machine);
    if (!blob) {
      ADD_FAILURE() << blob.error().text();
      return;
    }
    blob_ = *std::move(blob);
    if (named_worker() == nullptr) code_ = std::make_unique<Mapped>(*blob_);
  }

  /// Runs all launches over `buffers` (params first, then internal global buffers), each grid as
  /// two ranges. Returns the first non-zero code.
  [[nodiscard]] int64_t run(std::span<void* const> buffers,
                            std::span<const int64_t> sizes = {}) const {
    if (!blob_) return -1;
    if (worker::Worker* w = named_worker()) return run_in(*w, buffers, sizes);
    const Frame frame{buffers.data(), sizes.data()};
    for (const Launch& l : launches_) {
      const KernelFn f = code_->find(l.symbol);
      const int64_t grid = evaluate(kernel_, l.grid, sizes);
      const auto bytes = static_cast<size_t>(evaluate(kernel_, l.scratch_bytes, sizes));
      void* scratch = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
      int64_t code = f(&frame, 0, grid / 2, scratch);
      if (code == 0) code = f(&frame, grid / 2, grid, scratch);
      std::free(scratch);
      if (code != 0) return code;
    }
    return 0;
  }

  /// The same, in a worker.
  [[nodiscard]] int64_t run_in(worker::Worker& w, std::span<void* const> buffers,
                               std::span<const int64_t> sizes) const {
    const auto reply = w.run(request(buffers, sizes));
    if (!reply) {
      ADD_FAILURE() << reply.error().text();
      return -1;
    }
    for (size_t i = 0; i < buffers.size(); ++i)
      std::memcpy(buffers[i], reply->buffers[i].data(), reply->buffers[i].size());
    return reply->code;
  }

  [[nodiscard]] worker::Request request(std::span<void* const> buffers,
                                        std::span<const int64_t> sizes) const {
    worker::Request r;
    r.code = blob_->bytes;
    r.sizes.assign(sizes.begin(), sizes.end());
    const std::unordered_map<std::string, uint64_t> at(blob_->symbols.begin(),
                                                       blob_->symbols.end());
    for (const Launch& l : launches_) {
      const int64_t grid = evaluate(kernel_, l.grid, sizes);
      const int64_t scratch = evaluate(kernel_, l.scratch_bytes, sizes);
      r.calls.push_back({at.at(l.symbol), 0, grid / 2, scratch});
      r.calls.push_back({at.at(l.symbol), grid / 2, grid, scratch});
    }
    std::vector<ir::Expr> frame;
    std::vector<bool> shares_bytes;
    for (const ir::KernelParam& p : kernel_.params) {
      frame.push_back(p.buffer);
      shares_bytes.push_back(ir::shares_bytes(p));
    }
    shares_bytes.resize(buffers.size());
    for (ir::Expr b : kernel_.buffers)
      if (b->type->scope == ir::Scope::global) frame.push_back(b);
    for (size_t i = 0; i < buffers.size(); ++i) {
      int64_t size = 1;
      for (ir::Expr extent : frame[i]->shape()) size *= evaluate(kernel_, extent, sizes);
      const ir::DType type = frame[i]->dtype();
      size = shares_bytes[i]
                 ? static_cast<int64_t>(ir::byte_size(type, static_cast<uint64_t>(size)))
                 : size * ir::info(type).element_bytes;
      const auto* first = static_cast<const std::byte*>(buffers[i]);
      r.buffers.emplace_back(first, first + size);
    }
    return r;
  }

 private:
  const ir::Kernel& kernel_;
  std::vector<Launch> launches_;
  std::optional<Blob> blob_;
  std::unique_ptr<Mapped> code_;
};

inline int64_t run(const ir::Kernel& kernel, const machine::Machine& machine,
                   std::span<void* const> buffers, std::span<const int64_t> sizes = {}) {
  return Compiled(kernel, machine).run(buffers, sizes);
}

}  // namespace tenon::target::testing
