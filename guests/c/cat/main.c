// Copies its input, or the files named as arguments, to its output, each piece as soon as it is there.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int copy(int from) {
    char buffer[4096];
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0, put; done < got; done += put)
            if ((put = write(STDOUT_FILENO, buffer + done, got - done)) < 0) return errno;
    return got < 0 ? errno : 0;
}

int main(int argc, char **argv) {
    int problem = argc == 1 ? copy(STDIN_FILENO) : 0;
    for (int i = 1; i < argc && !problem; i++) {
        int file = open(argv[i], O_RDONLY);
        problem = file < 0 ? errno : copy(file);
        if (problem) fprintf(stderr, "cat: %s: ", argv[i]);
        if (file >= 0) close(file);
    }
    if (problem) fprintf(stderr, "%s\n", strerror(problem));
    return problem != 0;
}
