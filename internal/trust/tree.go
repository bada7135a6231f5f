package trust

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"loaxa/internal/radio"
)

// Tree is the hash tree of RFC 6962 §2.1 over a list: its root stands for all of the
// list, and a path of few hashes proves that one entry stands in it. For one goroutine.
type Tree struct {
	leaves []Hash
	nodes  map[span]Hash
}

// span is the part of the list below an inner node.
type span struct{ from, to int }

// NewTree makes the tree of a list.
func NewTree(list [][]byte) Tree {
	t := Tree{leaves: make([]Hash, len(list)), nodes: map[span]Hash{}}
	for i, b := range list {
		t.leaves[i] = leafHash(b)
	}
	return t
}

// The prefixes keep a leaf from being taken for an inner node.
func leafHash(b []byte) Hash { return sha256.Sum256(append([]byte{0}, b...)) }

func nodeHash(l, r Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[1+sha256.Size:], r[:])
	return sha256.Sum256(b[:])
}

// Root of the tree; of an empty list the hash of nothing.
func (t Tree) Root() Hash {
	if len(t.leaves) == 0 {
		return sha256.Sum256(nil)
	}
	return t.node(span{0, len(t.leaves)})
}

// split is the largest power of two below n.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

func (t Tree) node(s span) Hash {
	if s.to-s.from == 1 {
		return t.leaves[s.from]
	}
	h, ok := t.nodes[s]
	if !ok {
		k := s.from + split(s.to-s.from)
		h = nodeHash(t.node(span{s.from, k}), t.node(span{k, s.to}))
		t.nodes[s] = h
	}
	return h
}

// Path of the entry at a place, the lowest hash first.
func (t Tree) Path(place int) []Hash { return t.path(span{0, len(t.leaves)}, place) }

func (t Tree) path(s span, i int) []Hash {
	if s.to-s.from <= 1 {
		return nil
	}
	k := s.from + split(s.to-s.from)
	if i < k {
		return append(t.path(span{s.from, k}, i), t.node(span{k, s.to}))
	}
	return append(t.path(span{k, s.to}, i), t.node(span{s.from, k}))
}

// MaxTreePath bounds a path: a list of four thousand million entries.
const MaxTreePath = 32

// TreeRoot is the root of a tree of size entries that holds entry b at a place, by its path.
func TreeRoot(b []byte, place, size int, path []Hash) (Hash, error) {
	if place < 0 || place >= size || len(path) > MaxTreePath {
		return Hash{}, fmt.Errorf("%w: place %d in a tree of %d, path of %d", radio.ErrInvalid, place, size, len(path))
	}
	root, rest, err := climb(leafHash(b), place, size, path)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: the path is too long", radio.ErrInvalid)
	}
	return root, err
}

func climb(h Hash, place, size int, path []Hash) (Hash, []Hash, error) {
	if size == 1 {
		return h, path, nil
	}
	k := split(size)
	var err error
	left := place < k
	if left {
		h, path, err = climb(h, place, k, path)
	} else {
		h, path, err = climb(h, place-k, size-k, path)
	}
	if err != nil {
		return h, path, err
	}
	if len(path) == 0 {
		return h, nil, fmt.Errorf("%w: the path is too short", radio.ErrInvalid)
	}
	if left {
		return nodeHash(h, path[0]), path[1:], nil
	}
	return nodeHash(path[0], h), path[1:], nil
}

// Size is how many entries the tree holds.
func (t Tree) Size() int { return len(t.leaves) }
