// The payload comes on standard input, the attributes of the event (CloudEvents) as CE_* variables.
package main

import (
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	subject, ok := os.LookupEnv("CE_SUBJECT")
	if !ok {
		subject = "unknown"
	}
	var celsius float64
	if _, err := fmt.Scan(&celsius); err != nil {
		// The program ends with exit code 1: the event was not handled.
		log.Fatalf("the payload is not a number: %v", err)
	}
	fmt.Printf("%s: %.1f °C\n", subject, celsius)
}
