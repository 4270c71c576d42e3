// Runs a kernel in the test process: emit, link, map, call. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "artifact/frame.h"
#include "ir/expr.h"
#include "machine/machine.h"
#include "target/target.h"

namespace tenon::target::testing {

/// A blob mapped for execution.
class Mapped {
 public:
  explicit Mapped(const Blob& blob) : size_(blob.bytes.size()), symbols_(blob.symbols) {
    at_ = static_cast<std::byte*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memcpy(at_, blob.bytes.data(), size_);
    mprotect(at_, size_, PROT_READ | PROT_EXEC);
  }
  ~Mapped() { munmap(at_, size_); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  [[nodiscard]] KernelFn find(const std::string& symbol) const {
    for (const auto& [name, offset] : symbols_)
      if (name == symbol) return reinterpret_cast<KernelFn>(at_ + offset);
    return nullptr;
  }

 private:
  std::byte* at_;
  size_t size_;
  std::vector<std::pair<std::string, uint64_t>> symbols_;
};

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

/// A kernel compiled for a machine and mapped.
class Compiled {
 public:
  Compiled(const ir::Kernel& kernel, const machine::Machine& machine) : kernel_(kernel) {
    auto object = emit(kernel, machine, "kernel");
    if (!object) {
      ADD_FAILURE() << object.error().text();
      return;
    }
    launches_ = object->launches;
    const auto blob = link(std::span(&*object, 1));
    if (!blob) {
      ADD_FAILURE() << blob.error().text();
      return;
    }
    code_ = std::make_unique<Mapped>(*blob);
  }

  /// Runs all launches over `buffers` (params first, then internal global buffers), each grid as
  /// two ranges. Returns the first non-zero code.
  [[nodiscard]] int64_t run(std::span<void* const> buffers,
                            std::span<const int64_t> sizes = {}) const {
    if (!code_) return -1;
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

 private:
  const ir::Kernel& kernel_;
  std::vector<Launch> launches_;
  std::unique_ptr<Mapped> code_;
};

inline int64_t run(const ir::Kernel& kernel, const machine::Machine& machine,
                   std::span<void* const> buffers, std::span<const int64_t> sizes = {}) {
  return Compiled(kernel, machine).run(buffers, sizes);
}

/// Rows that this CPU can run, narrow vectors first.
inline std::vector<const machine::Machine*> runnable_rows() {
  std::vector<const machine::Machine*> rows;
  for (const char* name : {"x86-64-v3", "x86-64-v4"})
    if (const auto* row = machine::find_row(name); machine::missing(*row).empty())
      rows.push_back(row);
  if (machine::host().name != "x86-64-v3" && machine::host().name != "x86-64-v4")
    rows.push_back(&machine::host());
  return rows;
}

}  // namespace tenon::target::testing
