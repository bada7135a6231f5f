package radio

import (
	"errors"
	"testing"
)

// TestAuditSealsInARow: seals follow each other; those from before they had numbers stand at
// the front, and nowhere else.
func TestAuditSealsInARow(t *testing.T) {
	old := func(n int64) AuditSeal { // as the database numbers it
		return AuditSeal{Number: n, Head: AuditHead{Seq: n}, Envelope: []byte{byte(n)}}
	}
	next := func(before AuditSeal) AuditSeal {
		x := old(before.Number + 1)
		x.Before = before.Digest()
		return x
	}
	one, two := old(1), old(2)
	three := next(two)
	four := next(three)
	first := next(AuditSeal{})
	says := func(x AuditSeal) *AuditSeal { return &x }
	bare := func(x AuditSeal) *AuditSeal { return &AuditSeal{Head: x.Head} }
	type row struct {
		kept AuditSeal
		said *AuditSeal
	}
	for name, c := range map[string]struct {
		rows []row
		bad  int // which is the first to be refused; 0 for none
	}{
		"numbered from the start":          {[]row{{first, says(first)}, {next(first), says(next(first))}}, 0},
		"old ones first":                   {[]row{{one, bare(one)}, {two, bare(two)}, {three, says(three)}, {four, says(four)}}, 0},
		"one whose key has gone":           {[]row{{one, bare(one)}, {two, nil}, {three, says(three)}, {four, nil}}, 0},
		"an old one gone":                  {[]row{{two, bare(two)}}, 1},
		"an old one changed":               {[]row{{one, bare(one)}, {AuditSeal{Number: 2, Head: two.Head, Envelope: []byte("x")}, bare(two)}, {three, says(three)}}, 3},
		"a bare one after a numbered":      {[]row{{one, bare(one)}, {two, bare(two)}, {three, says(three)}, {four, bare(four)}}, 4},
		"one gone":                         {[]row{{one, bare(one)}, {two, bare(two)}, {four, says(four)}}, 3},
		"another head than its row":        {[]row{{first, says(AuditSeal{Number: 1, Head: AuditHead{Seq: 9}})}}, 1},
		"the first follows something else": {[]row{{first, says(AuditSeal{Number: 1, Head: first.Head, Before: "x"})}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var all AuditSeals
			for i, r := range c.rows {
				err := all.Add(r.kept, r.said)
				var broken *BrokenAudit
				if i+1 == c.bad {
					if !errors.As(err, &broken) {
						t.Errorf("row %d: %v", i+1, err)
					}
					return
				}
				if err != nil {
					t.Fatalf("row %d: %v", i+1, err)
				}
			}
		})
	}
}
