// The linker: what it joins, and what it refuses. Objects come from LLVM modules written as text.
#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include "target/llvm/codegen.h"
#include "target/llvm/testing.h"

namespace tenon::target {
namespace {

const machine::Machine& row() { return testing::machine(); }
Result<Blob> link(std::span<const Object> objects) { return target::link(objects, row()); }

Object object_of(const std::string& text) {
  via_llvm::Unit unit = via_llvm::make_unit("test", *target_of(row()).backend, row());
  llvm::SMDiagnostic problem;
  auto parsed = llvm::parseAssemblyString(text, problem, *unit.context);
  if (!parsed) {
    ADD_FAILURE() << problem.getMessage().str();
    return {};
  }
  parsed->setDataLayout(unit.target->createDataLayout());
  parsed->setTargetTriple(unit.module->getTargetTriple());
  unit.module = std::move(parsed);
  return {via_llvm::object_code(unit), {}};
}

void expect_refused(const Result<Blob>& blob, const std::string& words) {
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().diagnostics[0].code, "target.link");
  EXPECT_NE(blob.error().text().find(words), std::string::npos) << blob.error().text();
}

/// What a function of the blob with a kernel's signature gives for `begin`.
int64_t call(const Blob& blob, const std::string& name, int64_t x) {
  const std::unordered_map<std::string, uint64_t> at(blob.symbols.begin(), blob.symbols.end());
  if (worker::Worker* w = testing::named_worker()) {
    worker::Request request;
    request.code = blob.bytes;
    request.calls = {{at.at(name), x, 0, 0}};
    const auto reply = w->run(request);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().text());
    return reply ? reply->code : -1;
  }
  return testing::Mapped(blob).find(name)(nullptr, x, 0, nullptr);
}

TEST(Link, resolves_constants_and_calls_inside_the_blob) {
  const Object first = object_of(R"(
    @table = private constant [4 x i64] [i64 10, i64 20, i64 30, i64 40], align 64
    define internal i64 @helper(i64 %x) noinline {
      %p = getelementptr i64, ptr @table, i64 %x
      %v = load i64, ptr %p
      ret i64 %v
    }
    define i64 @first(ptr %f, i64 %x, i64 %e, ptr %s) {
      %v = call i64 @helper(i64 %x)
      %r = add i64 %v, 1
      ret i64 %r
    })");
  const Object second = object_of(
      "define i64 @second(ptr %a, i64 %x, i64 %e, ptr %s) {\n %f = sitofp i64 %x to double\n %g = "
      "fmul double %f, 2.5\n"
      " %r = fptosi double %g to i64\n ret i64 %r\n}");
  const Object both[] = {first, second};
  const auto blob = link(both);
  ASSERT_TRUE(blob) << blob.error().text();
  EXPECT_EQ(call(*blob, "first", 2), 31);
  EXPECT_EQ(call(*blob, "second", 4), 10);
  for (const auto& [name, offset] : blob->symbols) EXPECT_NE(name, "helper");
}

TEST(Link, functions_start_at_multiples_of_64) {
  const Object two[] = {object_of("define i64 @a(i64 %x) align 64 {\n ret i64 %x\n}"),
                        object_of("define i64 @b(i64 %x) align 64 {\n ret i64 %x\n}")};
  const auto blob = link(two);
  ASSERT_TRUE(blob);
  for (const auto& [name, offset] : blob->symbols) EXPECT_EQ(offset % 64, 0U) << name;
}

TEST(Link, brings_its_own_memory_functions) {
  const auto blob = link(std::vector{object_of(R"(
    declare ptr @memcpy(ptr, ptr, i64)
    declare ptr @memmove(ptr, ptr, i64)
    declare ptr @memset(ptr, i32, i64)
    define i64 @copy(ptr %f, i64 %n, i64 %e, ptr %s) {
      %from = alloca [64 x i8]
      %to = alloca [64 x i8]
      call ptr @memset(ptr %from, i32 7, i64 64)
      call ptr @memset(ptr %to, i32 1, i64 64)
      call ptr @memcpy(ptr %to, ptr %from, i64 %n)
      %next = getelementptr i8, ptr %to, i64 1
      store i8 9, ptr %to
      call ptr @memmove(ptr %next, ptr %to, i64 %n)
      call ptr @memmove(ptr %to, ptr %next, i64 1)
      %p = getelementptr i8, ptr %to, i64 1
      %a = load i8, ptr %p
      %q = getelementptr i8, ptr %to, i64 %n
      %b = load i8, ptr %q
      %x = zext i8 %a to i64
      %y = zext i8 %b to i64
      %h = mul i64 %x, 100
      %r = add i64 %h, %y
      ret i64 %r
    })")});
  ASSERT_TRUE(blob) << blob.error().text();
  for (const int64_t n : {2, 10, 15, 16, 17, 33, 62})
    EXPECT_EQ(call(*blob, "copy", n), 907) << n;  // 9 moved up by one, the sevens behind it
}

TEST(Link, refuses_undefined_symbols) {
  const auto blob =
      link(std::vector{object_of("declare double @sin(double)\n define double @f(double %x) {\n"
                                 " %r = call double @sin(double %x)\n ret double %r\n}")});
  expect_refused(blob, "undefined symbol 'sin'");
}

TEST(Link, refuses_absolute_addresses) {
  const auto blob = link(
      std::vector{object_of("@x = private constant i64 1\n @p = private constant ptr @x\n"
                            "define ptr @f() {\n %r = load volatile ptr, ptr @p\n ret ptr %r\n}")});
  expect_refused(blob, "");
}

TEST(Link, refuses_writable_data) {
  const auto blob = link(std::vector{
      object_of("@x = global i64 1\n define i64 @f() {\n %r = load i64, ptr @x\n ret i64 %r\n}")});
  expect_refused(blob, "neither code nor constants");
}

TEST(Link, refuses_two_definitions_of_a_symbol) {
  const Object one = object_of("define i64 @same(i64 %x) {\n ret i64 %x\n}");
  const Object two[] = {one, one};
  const auto blob = link(two);
  expect_refused(blob, "symbol same is defined twice");
}

}  // namespace
}  // namespace tenon::target
