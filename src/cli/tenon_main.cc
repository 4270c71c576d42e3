// tenon: the command line. See docs/guide.md.
#include "tenon/compiler.h"

int main(int argc, char** argv) { return tenon_program(argc, argv); }
