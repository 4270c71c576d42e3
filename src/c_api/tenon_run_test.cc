// The stand-alone program: what it links, how large it is, how it treats its user.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "artifact/file.h"
#include "runtime/testing.h"

namespace tenon::c_api {
namespace {

using runtime::ModelMaker;

const std::string kProgram = std::string(TENON_BINARY_DIR) + "/bin/tenon-run";

struct Outcome {
  int status;
  std::string text;
};
Outcome run(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome o{-1, {}};
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    o.text.append(buffer.data(), n);
  o.status = WEXITSTATUS(pclose(pipe));
  return o;
}

TEST(TenonRun, links_no_compiler) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's run-time library is linked in";
#endif
#endif
  const Outcome symbols = run("nm -C " + std::string(TENON_BINARY_DIR) + "/tenon-run.debug");
  ASSERT_EQ(symbols.status, 0);
  EXPECT_NE(symbols.text.find("tenon::runtime::Executor::run"), std::string::npos);
  for (const char* foreign : {"llvm::", "LLVM", "google::protobuf", "tenon::ir::", "tenon::ops::",
                              "tenon::interp::", "tenon::schedule::", "tenon::graph::",
                              "tenon::target::", "tenon::compiler::", "tenon::cli::"})
    EXPECT_EQ(symbols.text.find(foreign), std::string::npos) << foreign;
}

TEST(TenonRun, is_small_and_stripped) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's run-time library is linked in";
#endif
#endif
  EXPECT_LT(std::filesystem::file_size(kProgram), 2u << 20);
  EXPECT_NE(run("nm " + kProgram).text.find("no symbols"), std::string::npos);
  EXPECT_EQ(run("ldd " + kProgram).text.find("libstdc++"), std::string::npos);
}

TEST(TenonRun, explains_itself_and_refuses_wrong_usage) {
  const Outcome help = run(kProgram + " --help");
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.text.find("usage: tenon-run"), std::string::npos);
  for (const char* args : {"", "--thread 3 x.tenon", "x.tenon --threads", "x.tenon --repeat 0",
                           "a.tenon b.tenon", "x.tenon --fill ones"}) {
    const Outcome o = run(kProgram + " " + args);
    EXPECT_EQ(o.status, 2) << args;
    EXPECT_EQ(std::count(o.text.begin(), o.text.end(), '\n'), 1) << o.text;
  }
  EXPECT_NE(run(kProgram + " --thread 3").text.find("did you mean '--threads'?"),
            std::string::npos);
  EXPECT_EQ(run(kProgram + " /no/such.tenon").status, 1);
}

TEST(TenonRun, runs_a_model_and_prints_its_outputs) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_run_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n"), ModelMaker::extent(2)});
  const uint32_t n = k.op(artifact::SizeOpCode::input_extent, 0, 0);
  const uint32_t two = k.reg(2);
  k.stage();
  k.m.outputs = {{"y", artifact::DType::f32, {{"n", n}, {"2", two}}, x}};
  const std::string path = folder + "/m.tenon";
  ASSERT_TRUE(artifact::write(k.m, path).has_value());
  const Outcome text =
      run(kProgram + " " + path + " --fill zeros --shape n=3 --save " + folder + "/out");
  EXPECT_EQ(text.status, 0) << text.text;
  EXPECT_EQ(text.text, "y  f32  3x2  min 0  mean 0  max 0\n");
  EXPECT_TRUE(std::filesystem::exists(folder + "/out/y.npy"));
  const Outcome json =
      run(kProgram + " " + path + " --input x=" + folder + "/out/y.npy --repeat 2 --json");
  EXPECT_EQ(json.status, 0) << json.text;
  EXPECT_NE(json.text.find("\"count\": 2}"), std::string::npos) << json.text;
  const Outcome many = run(kProgram + " " + path + " --fill zeros --repeat 3");
  double min = 0, median = 0, p90 = 0, p99 = 0;
  const size_t line = many.text.find("latency:");
  ASSERT_NE(line, std::string::npos) << many.text;
  ASSERT_EQ(std::sscanf(many.text.c_str() + line,
                        "latency: min %lf ms, median %lf ms, p90 %lf ms, p99 %lf ms over 3 runs",
                        &min, &median, &p90, &p99),
            4)
      << many.text;
  EXPECT_TRUE(0 <= min && min <= median && median <= p90 && p90 <= p99) << many.text;
  EXPECT_EQ(run(kProgram + " " + path).status, 1);  // no value for x
  std::ofstream(path, std::ios::app) << "tail";
  const Outcome damaged = run(kProgram + " " + path + " --fill zeros");
  EXPECT_EQ(damaged.status, 1);
  EXPECT_NE(damaged.text.find("artifact.truncated"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tenon::c_api
