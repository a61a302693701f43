package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	lines, words := 0, 0
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		lines++
		words += len(strings.Fields(input.Text()))
	}
	if err := input.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d lines, %d words\n", lines, words)
}
