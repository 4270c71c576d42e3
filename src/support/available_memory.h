// How much memory this process may still take: the one place that knows.
#pragma once

#include <cstdint>
#include <string>

namespace tenon {

/// Bytes that can be had without swapping or being killed: the least of what the machine has left
/// (MemAvailable), what each control group above the process leaves (limit less use, file cache
/// that can be dropped not counted) and the address space that RLIMIT_AS leaves. INT64_MAX when
/// nothing says. `root` stands for "/" in tests.
[[nodiscard]] uint64_t available_memory(const std::string& root = "");

/// "1.5 GB", "12 KB": an amount as messages show it, in units of 1024.
[[nodiscard]] std::string bytes_text(uint64_t bytes);

}  // namespace tenon
