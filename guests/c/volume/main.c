// A CGI program (RFC 3875) that does what PATH_INFO says with files in /cache: /ACT/NAME/NUMBER.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what) {
    printf("Status: 507 Insufficient Storage\r\nContent-Type: text/plain\r\n\r\n%s: %s\n", what, strerror(errno));
    exit(0);
}

static void ok(long long number) {
    printf("Content-Type: text/plain\r\n\r\nok %lld\n", number);
    exit(0);
}

static int open_file(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd < 0) fail("open");
    return fd;
}

// Writes all of it, or as much as fits.
static int try_fill(int fd, long number) {
    static char block[4096];
    memset(block, 'x', sizeof block);
    while (number > 0) {
        ssize_t written = write(fd, block, number < (long)sizeof block ? (size_t)number : sizeof block);
        if (written < 0) return -1;
        number -= written;
    }
    return 0;
}

static void fill(int fd, long number) {
    if (try_fill(fd, number)) fail("write");
}

static long long size(int fd) {
    struct stat stat;
    if (fstat(fd, &stat)) fail("stat");
    return stat.st_size;
}

static void append(const char *path, long number) {
    int fd = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    fill(fd, number);
    ok(size(fd));
}

// As programs do that want a file whole: a new one takes its name.
static void replace(const char *path, long number) {
    char temporary[300];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (try_fill(fd, number)) {
        int why = errno;
        unlink(temporary);
        errno = why;
        fail("write");
    }
    if (rename(temporary, path)) fail("rename");
    ok(size(fd));
}

// A file that loses its name at once.
static void scratch(const char *path, long number) {
    int fd = open_file(path, O_RDWR | O_CREAT);
    if (unlink(path) && errno != ENOENT) fail("unlink");
    fill(fd, number);
    ok(size(fd));
}

// Has a file open for so many milliseconds, and then writes one byte at its end.
static void hold(const char *path, long number) {
    int fd = open_file(path, O_WRONLY | O_APPEND);
    usleep(number * 1000);
    fill(fd, 1);
    ok(size(fd));
}

static void length(const char *path, long number) {
    (void)number;
    ok(size(open_file(path, O_RDONLY)));
}

static void drop(const char *path, long number) {
    (void)number;
    if (unlink(path)) fail("unlink");
    ok(0);
}

static const struct {
    const char *name;
    void (*act)(const char *path, long number);
} ACTS[] = {
    {"append", append}, {"replace", replace}, {"scratch", scratch},
    {"hold", hold}, {"length", length}, {"drop", drop},
};

int main(void) {
    const char *wanted = getenv("PATH_INFO");
    char act[16] = "", name[200] = "", path[256];
    long number = 0;
    sscanf(wanted ? wanted : "", "/%15[^/]/%199[^/]/%ld", act, name, &number);
    snprintf(path, sizeof path, "/cache/%s", name);
    for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++) {
        if (!strcmp(ACTS[i].name, act)) ACTS[i].act(path, number);
    }
    fputs("Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno such act\n", stdout);
    return 0;
}
