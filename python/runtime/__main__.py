"""`python -m tenon_runtime` and the console script `tenon-run`: becomes the program, which lies beside this file."""
import os
import pathlib
import sys


def main():
    os.execv(pathlib.Path(__file__).with_name("tenon-run"), ["tenon-run", *sys.argv[1:]])


if __name__ == "__main__":
    main()
