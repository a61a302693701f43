// The payload comes on standard input, the attributes of the event (CloudEvents) as CE_* variables.

#include <cstdlib>
#include <iomanip>
#include <iostream>

int main() {
    const char *subject = std::getenv("CE_SUBJECT");
    double celsius;
    if (!(std::cin >> celsius)) {
        std::cerr << "the payload is not a number\n";
        return 1; // The event was not handled.
    }
    std::cout << (subject ? subject : "unknown") << ": " << std::fixed << std::setprecision(1)
              << celsius << " °C\n";
}
