// The shared library of the runtime: what it exports, what it needs, how large it is.
#include <array>
#include <cstdio>
#include <filesystem>

#include "c_api/testing.h"

namespace tenon::c_api {
namespace {

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string all;
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    all.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return all;
}

class Library : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "a sanitizer's run-time library is linked in";
#endif
#endif
  }
  const std::string path_ = std::string(TENON_BINARY_DIR) + "/lib/libtenon-runtime.so";
};

TEST_F(Library, exports_the_functions_of_the_header_and_nothing_else) {
  const std::string symbols = output_of("nm -D --defined-only --format=posix " + path_);
  const std::string header =
      output_of("cat " + std::string(TENON_SOURCE_DIR) + "/include/tenon/tenon.h");
  size_t count = 0;
  for (size_t at = 0; at < symbols.size(); at = symbols.find('\n', at) + 1) {
    const std::string name = symbols.substr(at, symbols.find_first_of("@ ", at) - at);
    if (name == "TENON_1") continue;  // the version of all of them
    EXPECT_NE(header.find(" " + name + "("), std::string::npos) << name;
    ++count;
  }
  size_t declared = 0;
  for (size_t at = header.find("\nTENON_API "); at != std::string::npos;
       at = header.find("\nTENON_API ", at + 1))
    ++declared;
  EXPECT_EQ(count, declared);
  EXPECT_GT(count, 40U);
}

TEST_F(Library, is_small_and_needs_the_c_library_alone) {
  const std::string stripped = ::testing::TempDir() + "tenon_runtime_stripped.so";
  output_of("strip -o " + stripped + " " + path_);
  EXPECT_LT(std::filesystem::file_size(stripped), 2U << 20);
  std::filesystem::remove(stripped);
  const std::string dynamic = output_of("readelf -d " + path_);
  EXPECT_NE(dynamic.find("soname: [libtenon-runtime.so.0]"), std::string::npos) << dynamic;
  for (const char* foreign : {"LLVM", "protobuf", "libstdc++", "libgcc"})
    EXPECT_EQ(dynamic.find(foreign), std::string::npos) << dynamic;
}

}  // namespace
}  // namespace tenon::c_api
