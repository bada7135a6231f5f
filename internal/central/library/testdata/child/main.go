// Command child is an intake child and nothing else. Tests under -race build it
// without the race detector, under which decoding costs ten times as much.
package main

import (
	"os"

	"loaxa/internal/central/library"
)

func main() { os.Exit(library.ChildMain(os.Stdin, os.Stdout)) }
