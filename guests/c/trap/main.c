// names: Ends in one of the ways in which WebAssembly traps, two calls deep, with function names to show.
#include <stdlib.h>
#include <string.h>

typedef void (*Step)(void);
static volatile int one = 1, zero = 0;

__attribute__((noinline)) static void reach_unreachable(void) { __builtin_trap(); }

__attribute__((noinline)) static void divide_by_zero(void) { exit(one / zero); }

__attribute__((noinline)) static void call_null(void) {
    volatile Step none = 0;
    none();
}

__attribute__((noinline)) static void call_wrong_type(void) {
    volatile Step wrong = (Step)(void (*)(void))(long)atoi;
    wrong();
}

__attribute__((noinline)) static void read_far_outside(void) { exit(*(volatile int *)0x7fff0000); }

__attribute__((noinline)) static void give_up(void) { abort(); }

static const struct {
    const char *name;
    Step step;
} WAYS[] = {
    {"unreachable", reach_unreachable}, {"div", divide_by_zero}, {"null", call_null},
    {"type", call_wrong_type}, {"oob", read_far_outside}, {"abort", give_up},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof WAYS / sizeof *WAYS; i++)
        if (!strcmp(WAYS[i].name, argv[1])) WAYS[i].step();
    return 2;
}
