// Sorts N pseudo-random numbers (default: two million) with libc's qsort and prints a check sum.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static int ascending(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
    uint32_t *numbers = malloc(count * sizeof *numbers), state = 2463534242u;
    if (!numbers) return 1;
    for (size_t i = 0; i < count; i++) numbers[i] = next(&state);
    qsort(numbers, count, sizeof *numbers, ascending);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum = sum * 31 + numbers[i];
    printf("%016llx\n", (unsigned long long)sum);
    return 0;
}
