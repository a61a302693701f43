#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

int main(void) {
    unsigned long lines = 0, words = 0;
    bool in_word = false;
    for (int c; (c = getchar()) != EOF;) {
        lines += c == '\n';
        words += !isspace(c) && !in_word;
        in_word = !isspace(c);
    }
    printf("%lu lines, %lu words\n", lines, words);
    return 0;
}
