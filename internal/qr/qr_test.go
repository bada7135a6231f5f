package qr

import (
	"strings"
	"testing"
)

func TestEncode(t *testing.T) {
	c, err := Encode("LOAXA-ENROL:LOA.HATINH.EXAMPLE:8443/01234-56789-0123-4567-89AB-CDEF")
	if err != nil {
		t.Fatal(err)
	}
	// 68 characters of the small alphabet fit into version 4: 33 squares and the border.
	if c.Size() != 33+2*margin {
		t.Fatalf("%d squares wide", c.Size())
	}
	for i := range c.Size() {
		for m := range margin {
			if c.Dark(i, m) || c.Dark(m, i) || c.Dark(i, c.Size()-1-m) || c.Dark(c.Size()-1-m, i) {
				t.Fatalf("the border is not light at %d", i)
			}
		}
	}
	// The three eyes: a dark frame of seven squares, a light one, a dark core.
	far := c.Size() - margin - 7
	for _, eye := range [][2]int{{margin, margin}, {far, margin}, {margin, far}} {
		for y := range 7 {
			for x := range 7 {
				ring := min(x, y, 6-x, 6-y)
				if c.Dark(eye[0]+x, eye[1]+y) != (ring != 1) {
					t.Fatalf("eye at %v: square %d %d", eye, x, y)
				}
			}
		}
	}
	if p := c.Path(); !strings.HasPrefix(p, "M4 4h7v1h-7z") {
		t.Errorf("path begins %.40q", p)
	}
	if lines := strings.Split(strings.TrimSpace(c.Terminal()), "\n"); len(lines) != (c.Size()+1)/2 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestTooMuch(t *testing.T) {
	if _, err := Encode(strings.Repeat("x", 5000)); err == nil {
		t.Error("5000 characters in one code")
	}
}
