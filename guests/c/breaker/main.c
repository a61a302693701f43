// Uses one thing without measure, until a limit ends it or, where the host only refuses, prints how far it came.
//
//   memory          allocates and touches memory       recurse         calls itself without end
//   spin            computes without end               sleep SECONDS   waits
//   flood [2]       writes without end                 hostcalls       asks the host for the time without end
//   random BYTES    asks for so many bytes at once     poll COUNT      polls so many subscriptions at once
//   handles         opens files until none is left     iovecs COUNT    writes so many pieces at once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wasip1.h"

enum { PAGE = 65536 };

static int outcome(int32_t problem) {
    printf("%s\n", problem ? errno_name(problem) : "ok");
    return problem != 0;
}

static int memory(void) {
    size_t pages = 0;
    for (size_t at; (at = __builtin_wasm_memory_grow(0, 1)) != SIZE_MAX; pages++) memset((void *)(at * PAGE), 1, PAGE);
    printf("grew by %zu pages\n", pages);
    return 0;
}

__attribute__((noinline)) static int recurse(volatile int depth) {
    volatile char frame[256];
    if (depth < 0) return 0;
    frame[depth & 255] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static void spin(void) {
    for (volatile uint64_t turns = 0;; turns++) {}
}

static void flood(int to) {
    static char line[4096];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    while (write(to, line, sizeof line) > 0) {}
}

static void hostcalls(void) {
    __wasi_timestamp_t now;
    while (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now) == 0) {}
}

static int ask_random(size_t bytes) {
    uint8_t *room = malloc(bytes);
    return room ? outcome(__wasi_random_get(room, bytes)) : outcome(__WASI_ERRNO_NOMEM);
}

static int handles(void) {
    int32_t opened, problem, count = 0;
    do {
        problem = raw_path_open(preopen(NULL), 0, ".", 1, __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &opened);
        count += !problem;
    } while (!problem);
    printf("%d opened, then %s\n", count, errno_name(problem));
    return 1;
}

static int poll(size_t count) {
    __wasi_subscription_t *wanted = calloc(count, sizeof *wanted);
    __wasi_event_t *events = calloc(count, sizeof *events);
    size_t got;
    if (!wanted || !events) return outcome(__WASI_ERRNO_NOMEM);
    for (size_t i = 0; i < count; i++) wanted[i].u.tag = __WASI_EVENTTYPE_CLOCK;
    return outcome(__wasi_poll_oneoff(wanted, events, count, &got));
}

static int iovecs(size_t count) {
    __wasi_ciovec_t *pieces = calloc(count, sizeof *pieces);
    size_t written;
    if (!pieces) return outcome(__WASI_ERRNO_NOMEM);
    for (size_t i = 0; i < count; i++) pieces[i] = (__wasi_ciovec_t){(const uint8_t *)"", 0};
    return outcome(__wasi_fd_write(1, pieces, count, &written));
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    size_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (!strcmp(what, "memory")) return memory();
    if (!strcmp(what, "recurse")) return recurse(0);
    if (!strcmp(what, "spin")) spin();
    if (!strcmp(what, "sleep")) return sleep(number);
    if (!strcmp(what, "flood")) flood(number == 2 ? 2 : 1);
    if (!strcmp(what, "hostcalls")) hostcalls();
    if (!strcmp(what, "random")) return ask_random(number);
    if (!strcmp(what, "handles")) return handles();
    if (!strcmp(what, "poll")) return poll(number);
    if (!strcmp(what, "iovecs")) return iovecs(number);
    return 2;
}
