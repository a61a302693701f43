#include "wasip1.h"

#include <string.h>

static const char *const NAMES[] = {
    "success", "2big", "acces", "addrinuse", "addrnotavail", "afnosupport", "again", "already", "badf", "badmsg",
    "busy", "canceled", "child", "connaborted", "connrefused", "connreset", "deadlk", "destaddrreq", "dom", "dquot",
    "exist", "fault", "fbig", "hostunreach", "idrm", "ilseq", "inprogress", "intr", "inval", "io", "isconn", "isdir",
    "loop", "mfile", "mlink", "msgsize", "multihop", "nametoolong", "netdown", "netreset", "netunreach", "nfile",
    "nobufs", "nodev", "noent", "noexec", "nolck", "nolink", "nomem", "nomsg", "noprotoopt", "nospc", "nosys",
    "notconn", "notdir", "notempty", "notrecoverable", "notsock", "notsup", "notty", "nxio", "overflow", "ownerdead",
    "perm", "pipe", "proto", "protonosupport", "prototype", "range", "rofs", "spipe", "srch", "stale", "timedout",
    "txtbsy", "xdev", "notcapable",
};

const char *errno_name(int32_t number) {
    size_t known = sizeof NAMES / sizeof *NAMES;
    return number >= 0 && (size_t)number < known ? NAMES[number] : "?";
}

int32_t preopen(const char *name) {
    enum { FIRST = 3, LONGEST = 256 };
    uint8_t found[LONGEST];
    __wasi_prestat_t stat;
    for (int32_t fd = FIRST; __wasi_fd_prestat_get(fd, &stat) == 0; fd++) {
        size_t length = stat.u.dir.pr_name_len;
        if (!name) return fd;
        if (length > LONGEST || __wasi_fd_prestat_dir_name(fd, found, length)) continue;
        if (length == strlen(name) && !memcmp(found, name, length)) return fd;
    }
    return -1;
}
