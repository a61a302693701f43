/* A trap with debug information, three calls deep. Compiled with:
 *     clang-19 --target=wasm32 -g -O1 -nostdlib -Wl,--no-entry -Wl,--export=run -ffile-prefix-map=$PWD=. dwarf.c -o dwarf.wasm
 */
static volatile int zero;

static __attribute__((noinline)) int divide(int a, int b) {
    return a / b;
}

static inline __attribute__((always_inline)) int halve(int a) {
    return divide(a, zero) + 1;
}

int run(void) {
    return halve(42) + 1;
}
