// The table of primitives by the names that traces use.
#include <charconv>
#include <limits>

#include "schedule/program.h"
#include "schedule/trace.h"

namespace tenon::schedule {
namespace {

/// Typed access to the arguments of a line; the first that does not fit is kept as the error.
class Arguments {
 public:
  explicit Arguments(const TraceLine& line) : line_(line) {}

  std::string text() {
    if (next_ >= line_.arguments.size()) return missing();
    return line_.arguments[next_++];
  }
  /// The value of `key = value`, or a bare value; `otherwise` when no argument is left.
  std::string keyed(std::string_view key, const std::string& otherwise) {
    if (next_ >= line_.arguments.size()) return otherwise;
    const std::string argument = text();
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) return argument;
    if (argument.substr(0, argument.find_last_not_of(" =", equals) + 1) != key)
      return wrong(argument, std::string(key) + " = value");
    return argument.substr(std::min(argument.find_first_not_of(' ', equals + 1), argument.size()));
  }
  int64_t integer() { return parse(text()); }
  std::vector<int64_t> integers(std::string_view key = "") {
    const std::string list = key.empty() ? text() : keyed(key, "");
    std::vector<int64_t> values;
    if (list.size() < 2 || list.front() != '[' || list.back() != ']') {
      wrong(list, "a list of integers");
      return values;
    }
    std::string item;
    for (char ch : list.substr(1)) {
      if (ch != ',' && ch != ']') {
        if (ch != ' ') item += ch;
        continue;
      }
      if (item.empty() && ch == ']' && values.empty()) break;
      values.push_back(parse(item));
      item.clear();
    }
    return values;
  }
  Handles rest() {
    Handles all;
    while (next_ < line_.arguments.size()) all.push_back(text());
    return all;
  }
  [[nodiscard]] Status finish() const {
    if (!error_.empty())
      return fail("schedule.trace", "in " + line_.primitive + "(...): " + error_);
    if (next_ < line_.arguments.size())
      return fail("schedule.trace", "too many arguments of " + line_.primitive + "(...)");
    return {};
  }

 private:
  int64_t parse(const std::string& item) {
    int64_t value = 0;
    const auto [end, ec] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (ec != std::errc() || end != item.data() + item.size()) wrong(item, "an integer");
    return value;
  }
  std::string missing() {
    if (error_.empty()) error_ = "an argument is missing";
    return "";
  }
  std::string wrong(const std::string& found, const std::string& expected) {
    if (error_.empty()) error_ = "expected " + expected + ", found '" + found + "'";
    return "";
  }
  const TraceLine& line_;
  size_t next_ = 0;
  std::string error_;
};

template <class T>
Status status_of(const Result<T>& result) {
  if (!result) return tl::make_unexpected(result.error());
  return {};
}

struct Row {
  std::string_view name;
  Status (*apply)(Schedule&, Arguments&);
};

// A row reads its arguments, refuses unless all fit, and calls the method.
const Row kRows[] = {
    {"split",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       const int64_t factor = a.integer();
       const std::string tail = a.keyed("tail", "predicate");
       TENON_TRY_VOID(a.finish());
       return status_of(s.split(loop, factor, tail));
     }},
    {"fuse",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string outer = a.text();
       const std::string inner = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.fuse(outer, inner));
     }},
    {"reorder", [](Schedule& s, Arguments& a) -> Status { return s.reorder(a.rest()); }},
    {"tile",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string x = a.text();
       const std::string y = a.text();
       const int64_t fx = a.integer();
       const int64_t fy = a.integer();
       TENON_TRY_VOID(a.finish());
       return status_of(s.tile(x, y, fx, fy));
     }},
    {"parallel",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return s.parallel(loop);
     }},
    {"vectorize",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return s.vectorize(loop);
     }},
    {"unroll",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return s.unroll(loop);
     }},
    {"annotate",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string target = a.text();
       const std::string key = a.text();
       const std::string value = a.text();
       TENON_TRY_VOID(a.finish());
       return s.annotate(target, key, value);
     }},
    {"specialize",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       const std::string inner = a.text();
       const std::vector<int64_t> bounds = a.integers();
       TENON_TRY_VOID(a.finish());
       return s.specialize(loop, inner, bounds);
     }},
    {"compute_at",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return s.compute_at(block, loop);
     }},
    {"reverse_compute_at",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return s.reverse_compute_at(block, loop);
     }},
    {"inline",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       TENON_TRY_VOID(a.finish());
       return s.inline_block(block);
     }},
    {"reverse_inline",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       TENON_TRY_VOID(a.finish());
       return s.reverse_inline(block);
     }},
    {"cache_read",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string buffer = a.text();
       const std::string scope = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.cache_read(block, buffer, scope));
     }},
    {"cache_write",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string scope = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.cache_write(block, scope));
     }},
    {"pack",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string buffer = a.text();
       ir::Packing layout;
       layout.factors = a.integers("factors");
       layout.perm = a.integers("perm");
       TENON_TRY_VOID(a.finish());
       return status_of(s.pack(block, buffer, layout));
     }},
    {"set_scope",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string scope = a.text();
       TENON_TRY_VOID(a.finish());
       return s.set_scope(block, scope);
     }},
    {"decompose_reduction",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.decompose_reduction(block, loop));
     }},
    {"rfactor",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string block = a.text();
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.rfactor(block, loop));
     }},
    {"blockize",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       TENON_TRY_VOID(a.finish());
       return status_of(s.blockize(loop));
     }},
    {"tensorize",
     [](Schedule& s, Arguments& a) -> Status {
       const std::string loop = a.text();
       const std::string instruction = a.text();
       const std::vector<int64_t> params = a.integers();
       TENON_TRY_VOID(a.finish());
       return s.tensorize(loop, instruction, params);
     }},
};

}  // namespace

Status apply_line(Schedule& schedule, const TraceLine& line) {
  for (const Row& row : kRows) {
    if (row.name != line.primitive) continue;
    Arguments arguments(line);
    return row.apply(schedule, arguments);
  }
  return fail("schedule.trace", "there is no primitive '" + line.primitive + "'");
}

}  // namespace tenon::schedule
