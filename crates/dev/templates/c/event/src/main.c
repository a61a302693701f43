// The payload comes on standard input, the attributes of the event (CloudEvents) as CE_* variables.

#include <stdio.h>
#include <stdlib.h>

int main(void) {
    const char *subject = getenv("CE_SUBJECT");
    double celsius;
    if (scanf("%lf", &celsius) != 1) {
        fprintf(stderr, "the payload is not a number\n");
        return 1; // The event was not handled.
    }
    printf("%s: %.1f °C\n", subject ? subject : "unknown", celsius);
    return 0;
}
