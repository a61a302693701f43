// A web function over CGI (RFC 3875) with nothing but the standard library.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", hello)
	mux.HandleFunc("POST /echo", echo)
	mux.HandleFunc("/request", request)
	if err := cgi.Serve(mux); err != nil {
		fmt.Fprintln(os.Stderr, "cgi:", err)
		os.Exit(1)
	}
}

func hello(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "Hello, world!")
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	io.Copy(w, r.Body)
}

// Says what arrived, as net/http understood it.
func request(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s host=%s query=%s remote=%s\n", r.Method, r.URL.Path, r.Host, r.URL.RawQuery, r.RemoteAddr)
	for name := range r.Header {
		fmt.Fprintf(w, "%s: %s\n", name, r.Header.Get(name))
	}
}
