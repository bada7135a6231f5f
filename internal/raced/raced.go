// Package raced tells tests whether the race detector watches them. With it, arithmetic of
// one goroutine takes about six times as long, and finds no race: tests that draw many
// cases by lot take a part of them then. `make test` runs their packages without the
// detector too, and there they take them all. Imported by tests only.
package raced

// Some is how many of n cases a test takes now: all, or a fifth with the race detector.
func Some[N int | uint64](n N) N {
	if On {
		return max(1, n/5)
	}
	return n
}

// Few is the same of the longest: all, or a twenty-fifth with the race detector.
func Few[N int | uint64](n N) N { return Some(Some(n)) }
