// A CGI program (RFC 3875): PATH_INFO picks how it answers, well or badly.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void hello(void) { fputs("Content-Type: text/plain\r\n\r\nHello, world!\n", stdout); }

// Sends the request's body back, as far as CONTENT_LENGTH says, and takes over its type.
static void echo(void) {
    const char *type = getenv("CONTENT_TYPE"), *length = getenv("CONTENT_LENGTH");
    size_t left = length ? strtoull(length, NULL, 10) : 0, got;
    char buffer[4096];
    printf("Content-Type: %s\r\n\r\n", type ? type : "application/octet-stream");
    while (left && (got = fread(buffer, 1, left < sizeof buffer ? left : sizeof buffer, stdin))) {
        fwrite(buffer, 1, got, stdout);
        left -= got;
    }
}

static void env(void) {
    fputs("Content-Type: text/plain\n\n", stdout);
    for (char **entry = environ; *entry; entry++) puts(*entry);
}

static void status(void) { fputs("Status: 418 I'm a teapot\r\nX-One: 1\r\nX-One: 2\r\n\r\nshort and stout\n", stdout); }
static void location(void) { fputs("Location: https://example.com/elsewhere\r\n\r\n", stdout); }
static void local_location(void) { fputs("Location: /hello\r\n\r\n", stdout); }

// Answers in pieces, each sent before the next one is made.
static void stream(void) {
    fputs("Content-Type: text/plain\r\n\r\n", stdout);
    for (int piece = 1; piece <= 3; piece++) {
        printf("piece %d\n", piece);
        fflush(stdout);
        usleep(50000);
    }
}

static void big(void) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    fputs("Content-Type: application/octet-stream\r\n\r\n", stdout);
    for (int i = 0; i < 512; i++) fwrite(block, 1, sizeof block, stdout);
}

static void silent(void) {}
static void no_blank_line(void) { fputs("Content-Type: text/plain\r\n", stdout); }
static void no_colon(void) { fputs("this is no header\r\n\r\nbody\n", stdout); }
static void bad_name(void) { fputs("Content-Type: text/plain\r\nbad name: 1\r\n\r\nbody\n", stdout); }
static void bad_value(void) { fputs("Content-Type: text/plain\r\nX-Split: a\rSet-Cookie: b\r\n\r\nbody\n", stdout); }
static void bad_status(void) { fputs("Status: many\r\n\r\nbody\n", stdout); }
static void hop_by_hop(void) { fputs("Content-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nbody\n", stdout); }
static void wrong_length(void) { fputs("Content-Type: text/plain\r\nContent-Length: 99\r\n\r\nbody\n", stdout); }

static void endless_header(void) {
    for (;;) fputs("X-More: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", stdout);
}

static void spin(void) {
    for (volatile int turns = 0;; turns++) {}
}

static void complain(void) {
    fputs("something went wrong\n", stderr);
    exit(3);
}

static void late_trap(void) {
    fputs("Content-Type: text/plain\r\n\r\nbegun\n", stdout);
    fflush(stdout);
    __builtin_trap();
}

static const struct {
    const char *path;
    void (*answer)(void);
} PATHS[] = {
    {"/", hello}, {"/hello", hello}, {"/echo", echo}, {"/env", env}, {"/status", status},
    {"/location", location}, {"/local-location", local_location}, {"/stream", stream}, {"/big", big},
    {"/silent", silent}, {"/no-blank-line", no_blank_line}, {"/no-colon", no_colon}, {"/bad-name", bad_name},
    {"/bad-value", bad_value}, {"/bad-status", bad_status}, {"/hop-by-hop", hop_by_hop},
    {"/wrong-length", wrong_length}, {"/endless-header", endless_header}, {"/spin", spin},
    {"/complain", complain}, {"/late-trap", late_trap},
};

int main(void) {
    const char *path = getenv("PATH_INFO");
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        if (strcmp(PATHS[i].path, path && *path ? path : "/")) continue;
        PATHS[i].answer();
        return 0;
    }
    fputs("Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno such path\n", stdout);
    return 0;
}
