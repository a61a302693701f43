// Prints its environment: all of it, or the values of the variables named as arguments.
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv) {
    if (argc == 1) {
        for (char **entry = environ; *entry; entry++) puts(*entry);
        return 0;
    }
    int missing = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = getenv(argv[i]);
        if (value) puts(value);
        missing |= !value;
    }
    return missing;
}
