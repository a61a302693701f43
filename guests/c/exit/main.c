// `exit N` ends with code N by proc_exit; `exit return N` by returning from main; `exit abort` by a trap.
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "return")) return atoi(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "abort")) abort();
    exit(argc == 2 ? atoi(argv[1]) : 0);
}
