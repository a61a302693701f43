// Shows what a command-line program sees, or does one thing with it: cli ACT [ARGUMENT]…
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cli:", err)
		code = 1
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("which act?")
	}
	argument := ""
	if len(args) > 1 {
		argument = args[1]
	}
	switch args[0] {
	case "args":
		for _, arg := range args[1:] {
			fmt.Println(arg)
		}
	case "env":
		for _, entry := range os.Environ() {
			fmt.Println(entry)
		}
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return 0, err
	case "exit":
		return strconv.Atoi(argument)
	case "panic":
		panic("at the disco")
	case "read":
		content, err := os.ReadFile(argument)
		fmt.Print(string(content))
		return 0, err
	case "ls":
		entries, err := os.ReadDir(argument)
		for _, entry := range entries {
			fmt.Println(entry.Name())
		}
		return 0, err
	default:
		return 0, errors.New("no such act")
	}
	return 0, nil
}
