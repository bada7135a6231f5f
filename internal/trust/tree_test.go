package trust

import (
	"fmt"
	"testing"
)

// TestTree: every entry of lists of every small size is proven by its path, at its place,
// and by nothing else. The roots of RFC 6962's well-known test vectors hold.
func TestTree(t *testing.T) {
	if got := NewTree(nil).Root().String(); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty tree %s", got)
	}
	if got := NewTree([][]byte{{}}).Root().String(); got != "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" {
		t.Errorf("tree of one empty entry %s", got)
	}
	for size := 1; size <= 20; size++ {
		var list [][]byte
		for i := range size {
			list = append(list, fmt.Appendf(nil, "entry %d", i))
		}
		tree := NewTree(list)
		for i, b := range list {
			path := tree.Path(i)
			got, err := TreeRoot(b, i, size, path)
			if err != nil || got != tree.Root() {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			if got, err := TreeRoot([]byte("another"), i, size, path); err == nil && got == tree.Root() {
				t.Errorf("another entry passes at %d of %d", i, size)
			}
			for other := range size {
				if got, err := TreeRoot(b, other, size, path); other != i && err == nil && got == tree.Root() {
					t.Errorf("entry %d of %d passes at %d", i, size, other)
				}
			}
			if len(path) > 0 {
				if _, err := TreeRoot(b, i, size, path[1:]); err == nil {
					t.Errorf("entry %d of %d: a path cut short passes", i, size)
				}
			}
			if _, err := TreeRoot(b, i, size, append(path, Hash{})); err == nil {
				t.Errorf("entry %d of %d: a longer path passes", i, size)
			}
		}
	}
	if _, err := TreeRoot(nil, 3, 3, nil); err == nil {
		t.Error("a place behind the end passes")
	}
}
