// Does one act on the filesystem and prints how it went: "ok", "ok: DETAIL", or the error's name in WASI 0.1.
//
//   fsprobe [--at PREOPEN] [--to PREOPEN] [--under DIR] ACT [PATH] [SECOND]
//
// --at and --to name the preopened directories (of PATH, and of the second path of rename and link; default: the
// first one); --under opens DIR there first and takes PATH from it. Arguments may hold any byte as \xNN.
// Exit code: 0 ok, 1 an error of the act, 2 called wrongly.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasip1.h"

enum { FOLLOW = __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW };

typedef struct {
    char *bytes;
    size_t length;
} Text;

typedef struct {
    int32_t at, to;
    Text path, second;
} Call;

static void detail(const void *bytes, size_t length) {
    printf("ok: %.*s\n", (int)length, (const char *)bytes);
}

static int32_t open_as(const Call *call, int32_t lookup, int32_t oflags, int64_t rights, int32_t fdflags, int32_t *file) {
    return raw_path_open(call->at, lookup, call->path.bytes, call->path.length, oflags, rights, 0, fdflags, file);
}

// Opens, writes the second argument if there is one, and closes.
static int32_t open_and_write(const Call *call, int32_t oflags, int32_t fdflags) {
    int32_t file, problem = open_as(call, FOLLOW, oflags, __WASI_RIGHTS_FD_WRITE, fdflags, &file);
    if (problem) return problem;
    __wasi_ciovec_t text = {(const uint8_t *)call->second.bytes, call->second.length};
    size_t written;
    if (call->second.length) problem = __wasi_fd_write(file, &text, 1, &written);
    int32_t closing = __wasi_fd_close(file);
    return problem ? problem : closing;
}

static int32_t act_create(const Call *c) { return open_and_write(c, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, 0); }
static int32_t act_write(const Call *c) { return open_and_write(c, __WASI_OFLAGS_CREAT, 0); }
static int32_t act_truncate(const Call *c) { return open_and_write(c, __WASI_OFLAGS_TRUNC, 0); }
static int32_t act_append(const Call *c) { return open_and_write(c, 0, __WASI_FDFLAGS_APPEND); }

// Truncates through a descriptor that was opened for reading alone.
static int32_t act_truncate_reading(const Call *call) {
    int32_t file;
    return open_as(call, FOLLOW, __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_READ, 0, &file);
}

static int32_t read_with(const Call *call, int32_t lookup) {
    int32_t file, problem = open_as(call, lookup, 0, __WASI_RIGHTS_FD_READ, __WASI_FDFLAGS_NONBLOCK, &file);
    if (problem) return problem;
    uint8_t bytes[4096];
    __wasi_iovec_t room = {bytes, sizeof bytes};
    size_t got;
    problem = __wasi_fd_read(file, &room, 1, &got);
    if (!problem) detail(bytes, got);
    return problem;
}

static int32_t act_read(const Call *call) { return read_with(call, FOLLOW); }
static int32_t act_read_nofollow(const Call *call) { return read_with(call, 0); }

// Opens for reading without reading: a FIFO or a device must not make even this hang.
static int32_t act_open(const Call *call) {
    int32_t file;
    return open_as(call, FOLLOW, 0, __WASI_RIGHTS_FD_READ, 0, &file);
}

static int32_t act_resize(const Call *call) {
    int64_t rights = __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE;
    int32_t file, problem = open_as(call, FOLLOW, 0, rights, 0, &file);
    return problem ? problem : __wasi_fd_filestat_set_size(file, strtoull(call->second.bytes, NULL, 10));
}

static int32_t act_mkdir(const Call *call) { return raw_mkdir(call->at, call->path.bytes, call->path.length); }
static int32_t act_rmdir(const Call *call) { return raw_rmdir(call->at, call->path.bytes, call->path.length); }
static int32_t act_unlink(const Call *call) { return raw_unlink(call->at, call->path.bytes, call->path.length); }

static int32_t act_rename(const Call *c) {
    return raw_rename(c->at, c->path.bytes, c->path.length, c->to, c->second.bytes, c->second.length);
}

static int32_t act_link(const Call *c) {
    return raw_link(c->at, 0, c->path.bytes, c->path.length, c->to, c->second.bytes, c->second.length);
}

static int32_t act_link_follow(const Call *c) {
    return raw_link(c->at, FOLLOW, c->path.bytes, c->path.length, c->to, c->second.bytes, c->second.length);
}

// symlink PATH TARGET
static int32_t act_symlink(const Call *c) {
    return raw_symlink(c->second.bytes, c->second.length, c->at, c->path.bytes, c->path.length);
}

static int32_t act_readlink(const Call *call) {
    char target[4096];
    size_t used;
    int32_t problem = raw_readlink(call->at, call->path.bytes, call->path.length, target, sizeof target, &used);
    if (!problem) detail(target, used);
    return problem;
}

static int32_t stat_with(const Call *call, int32_t lookup) {
    static const char *const KINDS[] = {"unknown", "block-device", "char-device", "directory", "file", "datagram", "stream", "symlink"};
    __wasi_filestat_t stat;
    int32_t problem = raw_stat(call->at, lookup, call->path.bytes, call->path.length, &stat);
    if (!problem) printf("ok: %s %llu\n", stat.filetype < 8 ? KINDS[stat.filetype] : "?", (unsigned long long)stat.size);
    return problem;
}

static int32_t act_stat(const Call *call) { return stat_with(call, FOLLOW); }
static int32_t act_lstat(const Call *call) { return stat_with(call, 0); }

static int32_t act_utimes(const Call *call) {
    return raw_utimes(call->at, FOLLOW, call->path.bytes, call->path.length, 0, 0, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM);
}

// Prints the entries that fit into one page, in the order in which they come.
static int32_t act_readdir(const Call *call) {
    int32_t folder, problem = open_as(call, FOLLOW, __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, &folder);
    if (problem) return problem;
    uint8_t page[65536];
    size_t used;
    if ((problem = __wasi_fd_readdir(folder, page, sizeof page, 0, &used))) return problem;
    printf("ok:");
    for (size_t at = 0; at + sizeof(__wasi_dirent_t) <= used;) {
        __wasi_dirent_t entry;
        memcpy(&entry, page + at, sizeof entry);
        at += sizeof entry;
        if (at + entry.d_namlen <= used) printf(" %.*s", (int)entry.d_namlen, page + at);
        at += entry.d_namlen;
    }
    putchar('\n');
    return 0;
}

static int32_t act_preopens(const Call *call) {
    (void)call;
    __wasi_prestat_t stat;
    uint8_t name[256];
    for (int32_t fd = 3; __wasi_fd_prestat_get(fd, &stat) == 0; fd++) {
        size_t length = stat.u.dir.pr_name_len;
        if (length <= sizeof name && !__wasi_fd_prestat_dir_name(fd, name, length)) detail(name, length);
    }
    return 0;
}

static const struct {
    const char *name;
    int arguments;
    int32_t (*run)(const Call *);
} ACTS[] = {
    {"preopens", 0, act_preopens}, {"open", 1, act_open}, {"read", 1, act_read},
    {"read-nofollow", 1, act_read_nofollow}, {"readdir", 1, act_readdir}, {"readlink", 1, act_readlink},
    {"stat", 1, act_stat}, {"lstat", 1, act_lstat}, {"create", 1, act_create}, {"write", 2, act_write},
    {"append", 2, act_append}, {"truncate", 1, act_truncate}, {"truncate-reading", 1, act_truncate_reading},
    {"resize", 2, act_resize}, {"utimes", 1, act_utimes}, {"mkdir", 1, act_mkdir}, {"rmdir", 1, act_rmdir},
    {"unlink", 1, act_unlink}, {"rename", 2, act_rename}, {"link", 2, act_link},
    {"link-follow", 2, act_link_follow}, {"symlink", 2, act_symlink},
};

static Text unescape(char *written) {
    char *out = written;
    for (char *in = written; *in; out++) {
        unsigned value;
        if (in[0] == '\\' && in[1] == 'x' && sscanf(in + 2, "%2x", &value) == 1) {
            *out = (char)value;
            in += 4;
        } else {
            *out = *in++;
        }
    }
    Text text = {written, out - written};
    *out = 0;
    return text;
}

static int usage(const char *why) {
    fprintf(stderr, "fsprobe: %s\n", why);
    return 2;
}

static int report(int32_t problem) {
    if (problem) puts(errno_name(problem));
    return problem != 0;
}

int main(int argc, char **argv) {
    const char *at = NULL, *to = NULL;
    Text under = {NULL, 0};
    int next = 1;
    for (; next + 1 < argc && !strncmp(argv[next], "--", 2); next += 2) {
        if (!strcmp(argv[next], "--at")) at = argv[next + 1];
        else if (!strcmp(argv[next], "--to")) to = argv[next + 1];
        else if (!strcmp(argv[next], "--under")) under = unescape(argv[next + 1]);
        else return usage("options are --at, --to and --under");
    }
    if (next == argc) return usage("which act?");

    Call call = {preopen(at), preopen(to ? to : at), {"", 0}, {"", 0}};
    const char *act = argv[next];
    int given = argc - next - 1;
    if (given > 0) call.path = unescape(argv[next + 1]);
    if (given > 1) call.second = unescape(argv[next + 2]);

    for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++) {
        if (strcmp(ACTS[i].name, act)) continue;
        if (given < ACTS[i].arguments) return usage("an argument is missing");
        if (call.at < 0 || call.to < 0) return report(__WASI_ERRNO_BADF);
        if (under.bytes) {
            Call enter = {call.at, 0, under, {"", 0}};
            int32_t problem = open_as(&enter, FOLLOW, __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, &call.at);
            if (problem) return report(problem);
            if (!to) call.to = call.at;
        }
        int32_t problem = ACTS[i].run(&call);
        int silent = !strcmp(act, "preopens") || !strncmp(act, "read", 4) || strstr(act, "stat");
        if (!problem && !silent) puts("ok");
        return report(problem);
    }
    return usage("no such act");
}
