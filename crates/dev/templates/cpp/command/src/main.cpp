#include <iostream>
#include <iterator>
#include <sstream>
#include <string>

int main() {
    std::size_t lines = 0, words = 0;
    for (std::string line; std::getline(std::cin, line); ++lines) {
        std::istringstream text(line);
        words += std::distance(std::istream_iterator<std::string>(text), {});
    }
    std::cout << lines << " lines, " << words << " words\n";
}
