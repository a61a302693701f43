// A web function as a CGI program (RFC 3875), which net/http/cgi turns into a handler.
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/cgi"
	"strings"
)

func main() {
	if err := cgi.Serve(http.HandlerFunc(greet)); err != nil {
		log.Fatal(err)
	}
}

func greet(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	if name == "" {
		name = "world"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Hello, %s!\n", name)
}
