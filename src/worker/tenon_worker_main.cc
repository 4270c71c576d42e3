// tenon-worker: runs kernels for another process, which sends requests to its standard input and
// reads replies from its standard output (protocol.h).
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "support/cpu.h"
#include "worker/protocol.h"

namespace tenon::worker {
namespace {

constexpr const char* kHelp =
    "usage: tenon-worker    runs kernels for another program of Tenon, which starts it and speaks "
    "to it\nthrough its standard input and output; alone, natively or under an emulator, it has "
    "nothing to say\n";

/// Serves requests until there are no more. Whoever sends kernels knows what they need; only the
/// process that runs them can ask Linux for tiles.
Status serve() {
  (void)has_feature("amx-tile");
  while (true) {
    TENON_TRY(const Bytes message, receive(STDIN_FILENO));
    if (message.empty()) return {};
    TENON_TRY(Request request, decode_request(message));
    TENON_TRY(const Reply reply, carry_out(std::move(request)));
    TENON_TRY_VOID(send(STDOUT_FILENO, encode(reply)));
  }
}

int run_main(int argc, char** argv) {
  if (argc > 1 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (argc > 1) {
    std::fputs("tenon-worker: error: takes no arguments; see tenon-worker --help [usage]\n",
               stderr);
    return 2;
  }
  const Status status = serve();
  if (!status) std::fprintf(stderr, "tenon-worker: error: %s\n", status.error().text().c_str());
  return status ? 0 : 1;
}

}  // namespace
}  // namespace tenon::worker

int main(int argc, char** argv) { return tenon::worker::run_main(argc, argv); }
