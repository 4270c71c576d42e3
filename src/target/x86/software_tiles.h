// The tiles of AMX in this process' memory. Tests only.
#pragma once

#include <ucontext.h>

namespace tenon::target::testing {

/// Carries out ldtilecfg, tilerelease, tilezero, tileloadd(t1), tilestored, tdpbssd, tdpbsud,
/// tdpbusd, tdpbuud or tdpbf16ps at the context's instruction pointer. Returns its length; 0 where
/// it is none of them, or one that AMX would refuse: then nothing has happened.
[[nodiscard]] int carry_out_on_tiles(const ucontext_t& context);

/// Releases the tiles.
void release_software_tiles();

}  // namespace tenon::target::testing
