// Command child is an intake child that ends by telling what it cost. Tests under
// -race build it without the race detector, under which decoding costs ten times as
// much.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"loaxa/internal/central/library"
)

func main() {
	code := library.ChildMain(os.Stdin, os.Stdout)
	fmt.Fprintf(os.Stderr, "%d kB, %d ms\n", memory(), processor())
	os.Exit(code)
}

// memory is the most that this process or one of its tools held. Its own comes from
// /proc: what getrusage(2) says of it counts the process that it was started from.
func memory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	var own int64
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(peak, &own); err != nil {
		panic(err)
	}
	return max(own, usage(syscall.RUSAGE_CHILDREN).Maxrss)
}

// processor is the time of all of them.
func processor() int64 {
	total := int64(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		u := usage(who)
		total += u.Utime.Nano() + u.Stime.Nano()
	}
	return total / 1e6
}

func usage(who int) syscall.Rusage {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return u
}
