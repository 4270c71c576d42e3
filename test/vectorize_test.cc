// finalize/vectorize: what it makes of the kernels in src/schedule/finalize/vectorize.tir, as text,
// and that before and after compute the same, interpreted and compiled.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "interp/interp.h"
#include "ir/expr.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "schedule/testing.h"
#include "target/llvm/testing.h"

namespace tenon {
namespace {

using schedule::testing::in_lanes;

constexpr const char* kMachines[] = {"x86-64-v3", "sapphirerapids"};
const std::string kFile = std::string(TENON_SOURCE_DIR) + "/src/schedule/finalize/vectorize.tir";

struct Case {
  std::string head;                // the sentence and the kernel before, as they stand
  std::string before;              // the kernel
  std::vector<std::string> after;  // one a machine
};
struct File {
  std::string preamble;
  std::vector<Case> cases;
};

File read_file() {
  std::ifstream in(kFile);
  File file;
  std::string* into = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(";; ")) {
      file.cases.emplace_back().head = line + "\n";
      into = &file.cases.back().before;
    } else if (file.cases.empty()) {
      file.preamble += line + "\n";
    } else if (line.starts_with("; --> ")) {
      into = &file.cases.back().after.emplace_back();
    } else if (!line.empty()) {
      *into += line + "\n";
    }
  }
  return file;
}

schedule::Program kernel_of(const std::string& text) {
  const auto module = ir::parse(text, "vectorize.tir");
  EXPECT_TRUE(module.has_value()) << module.error().text();
  return module ? module->kernels[0] : nullptr;
}

TEST(Vectorize, kernels_become_what_the_file_says) {
  File file = read_file();
  ASSERT_GE(file.cases.size(), 10U);
  std::string rewritten = file.preamble;
  for (const Case& c : file.cases) {
    std::vector<std::string> made;
    for (const char* name : kMachines) {
      const schedule::Program after = in_lanes(kernel_of(c.before), *machine::find_row(name));
      const Status sound = ir::verify(*after, 'T');
      EXPECT_TRUE(sound.has_value()) << sound.error().text() << ir::print(*after);
      made.push_back(ir::print(*after));
      EXPECT_EQ(ir::print(*kernel_of(made.back())), made.back());
    }
    rewritten += c.head + c.before;
    for (size_t i = 0; i < made.size(); ++i)
      rewritten += std::string("; --> ") + kMachines[i] + "\n" + made[i];
    rewritten += "\n";
    if (std::getenv("TENON_REWRITE") == nullptr) EXPECT_EQ(made, c.after) << c.head;
  }
  if (std::getenv("TENON_REWRITE") != nullptr) std::ofstream(kFile) << rewritten;
}

/// Random elements; indices lie below the extents that kernels index with.
ops::Tensor filled(ir::Expr buffer, int64_t n, const ir::Kernel& k, std::mt19937& random) {
  ops::Tensor t;
  t.dtype = buffer->dtype();
  int64_t count = 1;
  for (ir::Expr e : buffer->shape()) {
    const int64_t sizes[] = {n};
    t.shape.push_back(target::testing::evaluate(k, e, sizes));
    count *= t.shape.back();
  }
  t.bytes.resize(static_cast<size_t>(count * ir::info(t.dtype).element_bytes));
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    const auto v = static_cast<int64_t>(random() % 100);
    if (t.dtype == ir::DType::f32) {
      const float f = static_cast<float>(v) / 8;
      std::memcpy(&t.bytes[at * 4], &f, 4);
    } else if (t.dtype == ir::DType::i64) {
      std::memcpy(&t.bytes[at * 8], &v, 8);
    } else {
      t.bytes[at] = static_cast<std::byte>(v);
    }
  }
  return t;
}

bool same(const ops::Tensor& a, const ops::Tensor& b) {
  if (a.dtype != ir::DType::f32) return a.bytes == b.bytes;
  for (size_t i = 0; i < a.bytes.size(); i += 4) {
    float x = 0;
    float y = 0;
    std::memcpy(&x, &a.bytes[i], 4);
    std::memcpy(&y, &b.bytes[i], 4);
    if (!(std::fabs(x - y) <= 1e-5F * (1 + std::fabs(y)))) return false;
  }
  return true;
}

TEST(Vectorize, before_and_after_compute_the_same) {
  std::mt19937 random(7);
  for (const Case& c : read_file().cases)
    for (const int64_t n : {1, 3, 16, 37, 101}) {
      const schedule::Program before = kernel_of(c.before);
      std::vector<ops::Tensor> in;
      for (const ir::KernelParam& p : before->params)
        in.push_back(filled(p.buffer, n, *before, random));
      const int64_t sizes[] = {n};
      std::vector<ops::Tensor> want = in;
      const Status ran = interp::run(*before, sizes, want);
      const auto outcome = [](const Status& s) { return s ? "" : s.error().text(); };
      for (const char* name : kMachines) {
        const machine::Machine& row = *machine::find_row(name);
        const schedule::Program after = in_lanes(before, row);
        std::vector<ops::Tensor> got = in;
        EXPECT_EQ(outcome(interp::run(*after, sizes, got)), outcome(ran)) << ir::print(*after);
        std::vector<ops::Tensor> compiled = in;
        std::vector<void*> pointers;
        for (ops::Tensor& t : compiled) pointers.push_back(t.bytes.data());
        const bool runs = machine::missing(row).empty();
        if (runs)
          EXPECT_EQ(target::testing::run(*after, row, pointers, sizes) == 0, ran.has_value())
              << ir::print(*after);
        for (size_t i = 0; i < got.size() && ran; ++i) {
          EXPECT_TRUE(same(got[i], want[i])) << c.head << "n = " << n << "\n" << ir::print(*after);
          if (runs) EXPECT_TRUE(same(compiled[i], want[i])) << c.head << "compiled, n = " << n;
        }
      }
    }
}

TEST(Vectorize, a_second_time_changes_nothing) {
  for (const Case& c : read_file().cases)
    for (const char* name : kMachines) {
      const machine::Machine& row = *machine::find_row(name);
      const schedule::Program once = in_lanes(kernel_of(c.before), row);
      EXPECT_EQ(in_lanes(once, row)->body, once->body);
    }
}

/// A row without masks, of short registers.
TEST(Vectorize, machines_differ_by_their_row_alone) {
  machine::Machine row = *machine::find_row("x86-64-v3");
  row.vector_bytes = 16;
  row.mask_bytes = 0;
  for (const Case& c : read_file().cases) {
    if (c.head.find("tail") == std::string::npos) continue;
    const std::string text = ir::print(*in_lanes(kernel_of(c.before), row));
    EXPECT_EQ(text.find(" where "), std::string::npos) << text;
    EXPECT_EQ(text.find("x8"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace tenon
