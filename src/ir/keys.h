// What the attributes of nodes hold.
#pragma once

#include "ir/node.h"

namespace tenon::ir {

/// Index of the AttrValue alternative that the key's attribute holds; -1 for `value`, which is an
/// int or a double.
[[nodiscard]] int alternative_of(Key key);

}  // namespace tenon::ir
