// The border of the compiler: inside, a broken invariant is an exception and lack of memory too;
// outside, both are errors like any other.
#pragma once

#include <exception>
#include <new>

#include "support/check.h"
#include "support/result.h"

namespace tenon::compiler {

/// What `work` returns, a Result or Status; "internal.invariant" or "compile.memory" where it does
/// not come to that.
template <class Work>
auto contain(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const InternalError& e) {
    return fail("internal.invariant",
                std::string("a defect of Tenon, please report it with the model: ") + e.what());
  } catch (const std::bad_alloc&) {
    return fail("compile.memory",
                "the memory of this machine does not suffice to compile the model; compile it on a "
                "larger one, or a smaller model");
  }
}

}  // namespace tenon::compiler
