// A web function as a CGI program (RFC 3875): the request comes in variables and on standard input,
// the answer goes to standard output, a header, an empty line and a body.

#include <stdio.h>
#include <stdlib.h>

int main(void) {
    const char *path = getenv("PATH_INFO");
    const char *name = path && path[0] == '/' && path[1] ? path + 1 : "world";
    printf("Content-Type: text/plain; charset=utf-8\r\n\r\n");
    printf("Hello, %s!\n", name);
    return 0;
}
