#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/code_file.h"
#include "support/cpu.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon {
namespace {

std::string temp_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_support_XXXXXX").string();
  return mkdtemp(pattern.data());
}

TEST(Text, cat_joins_texts_and_numbers) {
  EXPECT_EQ(cat("a", 1, 'c', std::string("d"), -2), "a1cd-2");
}

TEST(CodeFile, is_that_of_the_program_where_the_code_is_linked_into_it) {
  EXPECT_EQ(code_file(), "/proc/self/exe");
}

TEST(Text, shape_text_names_scalars) {
  EXPECT_EQ(shape_text(std::vector<int64_t>{1, 3, 4}), "1x3x4");
  EXPECT_EQ(shape_text({}), "scalar");
}

TEST(Cpu, features_of_no_cpu_are_lacking) {
  EXPECT_FALSE(has_feature("warp9"));
  EXPECT_TRUE(!has_feature("amx-int8") || has_feature("amx-tile"));
}

#if defined(__x86_64__)
TEST(Cpu, tiles_come_with_their_permission) {
  if (!has_feature("amx-tile")) GTEST_SKIP() << "no AMX here, or no permission for its tiles";
  uint64_t permitted = 0;
  ASSERT_EQ(syscall(SYS_arch_prctl, /*ARCH_GET_XCOMP_PERM*/ 0x1022, &permitted), 0);
  EXPECT_NE(permitted >> 18 & 1, 0U);
}
#endif

TEST(Text, closest_name_finds_a_misspelling_and_refuses_a_stranger) {
  const std::vector<std::string> known{"input_ids", "attention_mask"};
  EXPECT_EQ(closest_name("input_id", known), "input_ids");
  EXPECT_EQ(closest_name("zzzzzzzz", known), "");
}

TEST(Text, json_quote_escapes) { EXPECT_EQ(json_quote("a\"\\\n"), "\"a\\\"\\\\\\u000a\""); }

TEST(File, atomic_file_appears_only_at_commit) {
  const std::string folder = temp_folder();
  const std::string path = folder + "/x.bin";
  const std::string text = "hello";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(file->write(std::as_bytes(std::span(text))).has_value());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(write_file(path, std::as_bytes(std::span(text))).has_value());
  const auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ((*mapped)->bytes().size(), 5u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::filesystem::remove_all(folder);
}

TEST(File, read_file_gives_the_text_and_refuses_what_is_missing) {
  const std::string folder = temp_folder();
  const std::string text = "two\nlines";
  ASSERT_TRUE(write_file(folder + "/t", std::as_bytes(std::span(text))).has_value());
  EXPECT_EQ(read_file(folder + "/t").value(), text);
  EXPECT_EQ(read_file(folder + "/none").error().diagnostics[0].code, "file.open");
  std::filesystem::remove_all(folder);
}

TEST(File, an_interrupted_process_leaves_no_temporary_file) {
  const std::string folder = temp_folder();
  const pid_t child = fork();
  if (child == 0) {
    remove_temporaries_on_signals();
    const TemporaryName name(folder + "/half.tmp");
    const TemporaryName kept(folder + "/whole");
    std::ofstream(name.path()) << "half";
    std::ofstream(folder + "/whole") << "whole";
    TemporaryName done(folder + "/done");
    std::ofstream(done.path()) << "done";
    done.release();
    (void)raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(folder + "/half.tmp"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/whole"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/done"));
  std::filesystem::remove_all(folder);
}

TEST(File, a_temporary_name_goes_with_its_owner) {
  const std::string folder = temp_folder();
  {
    TemporaryName first(folder + "/a");
    std::ofstream(folder + "/a") << "a";
    const TemporaryName second = std::move(first);
    EXPECT_EQ(second.path(), folder + "/a");
    EXPECT_TRUE(std::filesystem::exists(folder + "/a"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder + "/a"));
  std::filesystem::remove_all(folder);
}

TEST(File, open_refuses_a_missing_file_and_a_folder) {
  const std::string folder = temp_folder();
  EXPECT_EQ(MappedFile::open(folder + "/none").error().diagnostics[0].code, "file.open");
  EXPECT_EQ(MappedFile::open(folder).error().diagnostics[0].code, "file.open");
  EXPECT_FALSE(AtomicFile::create(folder + "/no/such/x").has_value());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tenon
