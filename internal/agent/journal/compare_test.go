package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// security lists what the journal says was refused or wrong.
func (l *lab) security(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, r := range l.drain(t, 50) {
		if r.Security != nil {
			out = append(out, r.Security.What+": "+r.Security.Text)
		}
	}
	return out
}

// TestCompare: the centre's word about the chain is held against it; a difference is
// told once, and the records of such a journal stay.
func TestCompare(t *testing.T) {
	l := newLab(t)
	links := []trust.Hash{trust.FirstHash(l.Status().ID)}
	for i := range 6 {
		l.write(t, fault(fmt.Sprint(i)))
		links = append(links, l.state.Hash)
	}
	id := l.Status().ID
	compare := func(journal radio.JournalID, seq uint64, hash trust.Hash) {
		t.Helper()
		same, err := l.Compare(t.Context(), journal, seq, hash)
		if want := journal == id && seq > 0 && seq < uint64(len(links)) && hash == links[seq]; err != nil || same != want {
			t.Fatalf("record %d is the same: %t, %v", seq, same, err)
		}
	}
	for seq := uint64(1); seq <= 6; seq++ {
		compare(id, seq, links[seq])
	}
	compare(id, 9, trust.Hash{9}) // not written yet
	compare(id, 0, trust.Hash{9})
	compare(radio.NewID[radio.JournalID](), 3, trust.Hash{9})
	if got := l.security(t); got != nil {
		t.Fatalf("told %q of what does not differ", got)
	}
	changed := links[4]
	changed[31] ^= 1
	for range 3 {
		compare(id, 4, changed)
		compare(id, 5, trust.Hash{5})
	}
	l.reopen(t)
	compare(id, 6, trust.Hash{6})
	if err := l.Rewind(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	got := l.security(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "journal: the centre holds another record 4 of journal "+string(id)) {
		t.Fatalf("told %q", got)
	}
	l.clock.Step(200 * 24 * time.Hour)
	if n, err := l.Prune(t.Context()); err != nil || n != 0 {
		t.Errorf("%d records pruned of a journal that the centre tells otherwise, %v", n, err)
	}
	l.clock.Step(210 * 24 * time.Hour)
	if n, err := l.Prune(t.Context()); err != nil || n != 7 {
		t.Errorf("%d records pruned in the end, %v", n, err)
	}
	// What was pruned is compared at its last link only.
	compare(id, 3, trust.Hash{3})
}

// TestFork: where the centre holds another record than this device wrote, what it holds the
// same is acknowledged and the rest is told again in a new journal, in its order and once.
func TestFork(t *testing.T) {
	for name, c := range map[string]struct {
		seq, acked uint64
		before     bool // the centre says what stands before
		other      bool // it speaks of another board's record
		want       int  // records told again; -1: nothing changes
	}{
		"from the first":            {seq: 1, want: 6},
		"behind what it holds":      {seq: 4, before: true, want: 3},
		"it does not say what":      {seq: 4, want: 6},
		"some was acknowledged":     {seq: 4, acked: 2, want: 4},
		"the last one":              {seq: 6, before: true, want: 1},
		"of another board":          {seq: 4, before: true, other: true, want: -1},
		"of what is acknowledged":   {seq: 2, acked: 2, want: -1},
		"of what was never written": {seq: 7, want: -1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			id := l.Status().ID
			links := []trust.Hash{trust.FirstHash(id)}
			for i := range 6 {
				l.write(t, fault(fmt.Sprint("f", i+1)))
				links = append(links, l.state.Hash)
			}
			if err := l.Ack(t.Context(), id, c.acked, nil); err != nil {
				t.Fatal(err)
			}
			f := wire.Forked{Seq: c.seq, Own: trust.Hash{1}}
			if !c.other && c.seq < 7 {
				f.Own = links[c.seq]
			}
			if c.before {
				f.Before = links[c.seq-1]
			}
			for range 2 { // it may come twice
				if err := l.Fork(t.Context(), id, f); err != nil {
					t.Fatal(err)
				}
			}
			l.reopen(t)
			st, got := l.Status(), l.drain(t, 50)
			if c.want < 0 {
				if st.ID != id || st.Head != 6 || st.Acked != c.acked {
					t.Errorf("%+v", st)
				}
				return
			}
			if st.ID == id || len(got) != c.want+1 || got[c.want].Security == nil {
				t.Fatalf("%+v %+v", st, got)
			}
			for i, r := range got[:c.want] {
				if want := fmt.Sprint("f", 6-c.want+i+1); r.Seq != uint64(i+1) || r.Fault.Text != want {
					t.Errorf("record %d is %+v, want %s", i+1, r, want)
				}
			}
			if text := got[c.want].Security.Text; !strings.Contains(text, fmt.Sprintf("another record %d of journal %s", c.seq, id)) {
				t.Errorf("told %q", text)
			}
		})
	}
}
