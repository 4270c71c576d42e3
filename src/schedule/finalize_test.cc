// What finalize and collapse_axes make of small programs, as text.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "schedule/collapse.h"
#include "schedule/schedule.h"

namespace tenon::schedule {
namespace {

Program read(const std::string& text) {
  const Result<ir::Module> module = ir::parse(text, "test");
  EXPECT_TRUE(module.has_value()) << module.error().text();
  return module->kernels.front();
}

std::string finalized(const std::string& text) {
  const Result<Program> out = finalize(read(text), *machine::find_row("x86-64-v4"));
  EXPECT_TRUE(out.has_value());
  return ir::print(**out);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(finalize, init_stands_before_the_outermost_reduction_loop) {
  const std::string out = finalized(R"(kernel @sum[](x: in f32[4, 8], y: out f32[4]) {
  for i in parallel(4) {
    for k in serial(8) {
      block sum(vi: s = i, vk: r = k) {
        y[vi] sum= x[vi, vk] init f32(0)
      }
    }
  }
})");
  EXPECT_TRUE(has(out, R"(    y[i] = f32(0)
    for k in serial(8) {
      y[i] = y[i] + x[i, k]
    })"))
      << out;
}

TEST(finalize, init_is_guarded_where_a_loop_is_spatial_and_reduction_at_once) {
  const std::string out = finalized(R"(kernel @sum[](x: in f32[4, 8], y: out f32[4]) {
  for f in serial(32) {
    block sum(vi: s = f // 8, vk: r = f % 8) {
      y[vi] sum= x[vi, vk] init f32(0)
    }
  }
})");
  EXPECT_TRUE(has(out, "if f % 8 == 0 {")) << out;
}

TEST(finalize, a_serial_loop_ends_where_all_its_statements_have_nothing_to_do) {
  const std::string out = finalized(R"(kernel @two[n](x: in f32[n], y: out f32[n], z: out f32[n]) {
  for i in serial(99) {
    for j in serial(4) {
      block y(vi: s = i * 4 + j) where i * 4 + j < n {
        y[vi] = x[vi]
      }
    }
    for k in serial(4) {
      block z(vi: s = i * 4 + (3 - k)) where i * 4 + (3 - k) < n {
        z[vi] = x[vi]
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "for i in serial(min((n + 3) // 4, 99))")) << out;
}

TEST(finalize, buffer_of_one_iteration_shrinks_to_scratch) {
  const std::string out = finalized(R"(kernel @two[n](x: in f32[n, n], y: out f32[n, n]) {
  alloc t: f32[n, n]
  for i in parallel(n) {
    for j in serial(n) {
      block t(vi: s = i, vj: s = j) {
        t[vi, vj] = exp(x[vi, vj])
      }
    }
    for j2 in serial(n) {
      block y(vi: s = i, vj: s = j2) {
        y[vi, vj] = t[vi, n - 1 - vj]
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "alloc t: f32[1, n] scratch")) << out;
  EXPECT_TRUE(has(out, "t[0, j] = exp(x[i, j])")) << out;
}

/// `first` and `second` are conditions over i and n.
std::string two_blocks(const std::string& first, const std::string& second) {
  return finalized(
      "kernel @two[n](x: in f32[64], y: out f32[64], z: out f32[64]) {\n"
      "  for i in serial(64) {\n"
      "    block y(vi: s = i) where " +
      first +
      " {\n      y[vi] = x[vi]\n    }\n"
      "    block z(vi: s = i) where " +
      second +
      " {\n      z[vi] = x[vi]\n    }\n"
      "  }\n}");
}

size_t ifs(const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find("if "); at != std::string::npos; at = text.find("if ", at + 1))
    ++count;
  return count;
}

TEST(finalize, neighbours_under_one_condition_become_one) {
  const std::string same = two_blocks("i % 3 < n", "i % 3 < n");
  EXPECT_EQ(ifs(same), 1U) << same;
  const std::string different = two_blocks("i % 3 < n", "i % 5 < n");
  EXPECT_EQ(ifs(different), 2U) << different;
}

TEST(finalize, a_large_buffer_of_a_single_iteration_is_global) {
  const auto with_loop = [](const std::string& extent) {
    return finalized(
        "kernel @two[n](x: in f32[8, n], y: out f32[8, n]) {\n  alloc t: f32[8, n]\n"
        "  for i in parallel(" +
        extent +
        ") {\n"
        "    for j in serial(n) {\n"
        "      block t(vi: s = i, vj: s = j) {\n        t[vi, vj] = exp(x[vi, vj])\n"
        "      }\n    }\n"
        "    for j2 in serial(n) {\n"
        "      block y(vi: s = i, vj: s = j2) {\n"
        "        y[vi, vj] = t[vi, n - 1 - vj]\n      }\n    }\n  }\n}");
  };
  const std::string eight = with_loop("8");
  EXPECT_TRUE(has(eight, "alloc t: f32[1, n] scratch")) << eight;
  const std::string one = with_loop("1");
  EXPECT_TRUE(has(one, "alloc t: f32[1, n]")) << one;
  EXPECT_FALSE(has(one, "scratch")) << one;
}

TEST(finalize, a_value_carried_from_one_iteration_to_the_next_keeps_its_buffer) {
  const std::string out = finalized(R"(kernel @scan[](x: in f32[9], y: out f32[9]) {
  alloc t: f32[9]
  for i in serial(9) {
    block t(vi: s = i) {
      t[vi] = select(vi == 0, x[vi], t[vi - 1] + x[vi])
    }
    block y(vi: s = i) {
      y[vi] = t[vi]
    }
  }
})");
  EXPECT_TRUE(has(out, "alloc t: f32[9]")) << out;
}

TEST(finalize, what_launches_share_is_global_and_a_parallel_loop_inside_is_serial) {
  const std::string out = finalized(R"(kernel @two[](x: in f32[64], y: out f32[64]) {
  alloc t: f32[64]
  for i in parallel(64) {
    block t(vi: s = i) {
      t[vi] = x[vi] * x[vi]
    }
  }
  for o in serial(2) {
    for p in parallel(32) {
      block y(vi: s = o * 32 + p) {
        y[vi] = t[vi]
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "alloc t: f32[64]\n")) << out;
  EXPECT_TRUE(has(out, "for p in serial(32)")) << out;
}

TEST(finalize, a_condition_over_sizes_around_a_parallel_loop_becomes_its_extent) {
  const std::string out = finalized(R"(kernel @two[n](x: in f32[n], y: out f32[n]) {
  if n <= 4 {
    for i in serial(n) {
      block y(vi: s = i) {
        y[vi] = x[vi]
      }
    }
  } else {
    for j in parallel(n) {
      block z(vi: s = j) {
        y[vi] = x[vi]
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "in parallel(select(")) << out;
}

TEST(finalize, branches_get_buffers_of_their_own) {
  const std::string out = finalized(R"(kernel @two[n](x: in f32[n], y: out f32[n]) {
  alloc t: f32[n]
  for p in parallel(n) {
    if n <= 4 {
      block a(vi: s = p) {
        t[vi] = x[vi] + f32(1)
      }
      block b(vi: s = p) {
        y[vi] = t[vi]
      }
    } else {
      block c(vi: s = p) {
        t[vi] = x[vi] + f32(2)
      }
      block d(vi: s = p) {
        y[vi] = t[vi]
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "alloc t: f32[1] reg")) << out;
  EXPECT_TRUE(has(out, "alloc t_1: f32[1] reg")) << out;
}

TEST(finalize, bounds_of_serial_loops_become_extents_and_lanes_keep_their_mask) {
  const std::string out = finalized(R"(kernel @tail[n](x: in f32[n], y: out f32[n]) {
  for i in parallel((n + 63) // 64) {
    for j in serial(4) {
      for v in vector(16) {
        block y(vi: s = i * 64 + j * 16 + v) where i * 64 + j * 16 + v < n {
          y[vi] = x[vi]
        }
      }
    }
  }
})");
  EXPECT_TRUE(has(out, "if 16 <= n - (i * 64 + j * 16) {")) << out;
  EXPECT_TRUE(has(out, "= x[ramp(t1, 1, 16) where t2]")) << out;
}

TEST(collapse_axes, axes_used_together_become_one) {
  const Program out = collapse_axes(
      read(R"(kernel @add[b](x: in f32[b, 1, 3, 4], c: const f32[4], y: out f32[b, 1, 3, 4]) {
  for i in serial(b) {
    for u in serial(1) {
      for j in serial(3) {
        for k in serial(4) {
          block y(vi: s = i, vu: s = u, vj: s = j, vk: s = k) {
            y[vi, vu, vj, vk] = x[vi, vu, vj, vk] + c[vk]
          }
        }
      }
    }
  }
})"));
  const std::string text = ir::print(*out);
  EXPECT_TRUE(has(text, "y[vi, vk] = x[vi, vk] + c[vk]")) << text;
  EXPECT_TRUE(has(text, "for i in serial(b * 3)")) << text;
}

TEST(collapse_axes, transposed_axes_stay_apart) {
  const Program out = collapse_axes(read(R"(kernel @t[](x: in f32[2, 3, 4], y: out f32[4, 2, 3]) {
  for k in serial(4) {
    for i in serial(2) {
      for j in serial(3) {
        block y(vk: s = k, vi: s = i, vj: s = j) {
          y[vk, vi, vj] = x[vi, vj, vk]
        }
      }
    }
  }
})"));
  const std::string text = ir::print(*out);
  EXPECT_TRUE(has(text, "y[vk, vi] = x[vi, vk]")) << text;
}

}  // namespace
}  // namespace tenon::schedule
