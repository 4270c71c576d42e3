"""`python -m tenon` and the console script `tenon`: the program, which libtenon brings."""
import signal
import sys

from ._core import _program


def main():
    for name in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)  # Ctrl-C and a closed pipe are the program's own business
    return _program(["tenon", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
