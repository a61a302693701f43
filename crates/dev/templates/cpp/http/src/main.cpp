// A web function as a CGI program (RFC 3875): the request comes in variables and on standard input,
// the answer goes to standard output, a header, an empty line and a body.

#include <cstdlib>
#include <iostream>
#include <string_view>

int main() {
    const char *path = std::getenv("PATH_INFO");
    std::string_view name = path ? path : "/";
    name.remove_prefix(name.starts_with('/'));
    std::cout << "Content-Type: text/plain; charset=utf-8\r\n\r\n"
              << "Hello, " << (name.empty() ? "world" : name) << "!\n";
}
