// Prints each argument on a line of its own, the program's name first.
#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) puts(argv[i]);
    return 0;
}
