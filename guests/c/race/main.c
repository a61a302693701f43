// One side of a race for a name.
//
//   race open PATH TIMES           opens and reads PATH again and again; prints each different outcome once
//   race swap PATH TARGET TIMES    makes PATH in turn a directory and a symbolic link to TARGET
//   race rename PATH OTHER TIMES   renames PATH to OTHER and back
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wasip1.h"

enum { OUTCOMES = 32, LONGEST = 128 };

static void print_once(const char *outcome) {
    static char seen[OUTCOMES][LONGEST];
    static int count;
    for (int i = 0; i < count; i++)
        if (!strncmp(seen[i], outcome, LONGEST - 1)) return;
    if (count == OUTCOMES) return;
    strncpy(seen[count++], outcome, LONGEST - 1);
    puts(outcome);
    fflush(stdout);
}

static void open_once(int32_t at, const char *path) {
    char outcome[LONGEST] = "ok: ";
    uint8_t bytes[LONGEST - 5];
    __wasi_iovec_t room = {bytes, sizeof bytes};
    size_t got = 0;
    int32_t file, problem = raw_path_open(at, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, strlen(path), 0, __WASI_RIGHTS_FD_READ, 0, 0, &file);
    if (!problem) {
        problem = __wasi_fd_read(file, &room, 1, &got);
        (void)!__wasi_fd_close(file);
    }
    if (problem) snprintf(outcome, sizeof outcome, "%s", errno_name(problem));
    else memcpy(outcome + 4, bytes, got);
    print_once(outcome);
}

static void swap_once(int32_t at, const char *path, const char *target) {
    size_t length = strlen(path);
    raw_mkdir(at, path, length);
    raw_rmdir(at, path, length);
    raw_symlink(target, strlen(target), at, path, length);
    raw_unlink(at, path, length);
}

static void rename_once(int32_t at, const char *path, const char *other) {
    raw_rename(at, path, strlen(path), at, other, strlen(other));
    raw_rename(at, other, strlen(other), at, path, strlen(path));
}

int main(int argc, char **argv) {
    int32_t at = preopen(NULL);
    if (argc < 4 || at < 0) return 2;
    for (long left = atol(argv[argc - 1]); left > 0; left--) {
        if (!strcmp(argv[1], "open")) open_once(at, argv[2]);
        else if (!strcmp(argv[1], "swap") && argc == 5) swap_once(at, argv[2], argv[3]);
        else if (!strcmp(argv[1], "rename") && argc == 5) rename_once(at, argv[2], argv[3]);
        else return 2;
    }
    return 0;
}
