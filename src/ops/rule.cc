#include "ops/rule.h"

namespace tenon::ops {

tl::unexpected<Error> Rule::refuse(int constraint, std::string message) const {
  std::string name(ir::info(args_.op).name);
  return fail(name + ".C" + std::to_string(constraint), name + ": " + std::move(message));
}

tl::unexpected<Error> Rule::missing(ir::Key key) const {
  std::string name(ir::info(args_.op).name);
  return fail(name + ".attribute",
              name + ": attribute " + std::string(ir::key_name(key)) + " is missing or malformed");
}

Status Rule::check_axis(int constraint, int64_t axis, int rank) const {
  if (axis >= 0 && axis < rank) return {};
  return refuse(constraint, "axis " + std::to_string(axis) + " is outside of a tensor of rank " +
                                std::to_string(rank));
}

Status Rule::check_axes(int constraint, std::span<const int64_t> axes, int rank) const {
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (int64_t axis : axes) {
    TENON_TRY_VOID(check_axis(constraint, axis, rank));
    if (seen[static_cast<size_t>(axis)])
      return refuse(constraint,
                    "axis " + std::to_string(axis) + " is named twice in " + show(axes));
    seen[static_cast<size_t>(axis)] = true;
  }
  return {};
}

}  // namespace tenon::ops
