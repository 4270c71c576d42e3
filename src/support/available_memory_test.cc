#include "support/available_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/control_group.h"
#include "support/number_range.h"

namespace tenon {
namespace {

/// A made-up root folder with the files that the limits are read from.
class AvailableMemory : public ::testing::Test {
 protected:
  AvailableMemory() { write("/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n"); }
  ~AvailableMemory() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_ = ::testing::TempDir() + "tenon_memory_" + std::to_string(getpid());
};

TEST_F(AvailableMemory, is_what_the_machine_has_left) {
  EXPECT_EQ(available_memory(root_), 4000U * 1024);
}

TEST_F(AvailableMemory, takes_the_tightest_group_of_version_2) {
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/inner/memory.current", "70000\n");
  write("/sys/fs/cgroup/outer/memory.max", "100000\n");
  write("/sys/fs/cgroup/outer/memory.current", "90000\n");
  EXPECT_EQ(available_memory(root_), 10000U);
  write("/sys/fs/cgroup/outer/memory.stat", "anon 80000\ninactive_file 5000\n");
  EXPECT_EQ(available_memory(root_), 15000U);
  write("/sys/fs/cgroup/outer/memory.current", "200000\n");
  EXPECT_EQ(available_memory(root_), 0U);
}

TEST_F(AvailableMemory, reads_version_1) {
  write("/proc/self/cgroup", "9:cpu,cpuacct:/other\n5:memory:/jobs\n");
  write("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "50000");
  write("/sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "20000");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "20000");
  EXPECT_EQ(available_memory(root_), 30000U);
  EXPECT_EQ(control_group_folders("cpu", root_),
            (std::vector{root_ + "/sys/fs/cgroup/cpu/other", root_ + "/sys/fs/cgroup/cpu"}));
}

TEST_F(AvailableMemory, here_is_some) { EXPECT_GT(available_memory(), 0U); }

TEST(BytesText, chooses_the_unit) {
  EXPECT_EQ(bytes_text(17), "17 bytes");
  EXPECT_EQ(bytes_text(1536), "1.5 KB");
  EXPECT_EQ(bytes_text(uint64_t{12} << 30), "12.0 GB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "16.0 EB");
}

TEST(NumberRange, names_the_range) {
  EXPECT_EQ(range_problem("1", kRepeatRange), "");
  EXPECT_EQ(range_problem("-5", kRepeatRange), "'-5' is not a whole number from 1 to 10000000");
  EXPECT_EQ(range_problem("-1", kSeedRange),
            "'-1' is not a whole number from 0 to 9007199254740992");
  for (const char* text :
       {"", "0", "2.5", "0x10", "7 ", "many", "10000001", "99999999999999999999"})
    EXPECT_NE(range_problem(text, kRepeatRange), "") << text;
  EXPECT_EQ(*parse_number("--seconds", "0.5", kSecondsRange), 0.5);
  for (const char* text : {"nan", "inf", "-1", "1e9", "1s"}) {
    const auto got = parse_number("--seconds", text, kSecondsRange);
    ASSERT_FALSE(got.has_value()) << text;
    EXPECT_EQ(got.error().diagnostics[0].code, "usage");
  }
}

}  // namespace
}  // namespace tenon
