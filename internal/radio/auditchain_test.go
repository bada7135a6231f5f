package radio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func chained(n int) []AuditRecord {
	out := make([]AuditRecord, n)
	prev := AuditStart()
	for i := range out {
		out[i] = AuditRecord{Seq: int64(i + 1), At: Millis(i), Actor: "lan", From: Source{Via: ViaWeb, Address: "192.0.2.1"}, Action: "bulletin.add", Subject: fmt.Sprint(i), Detail: "{}", Prev: prev}
		out[i].Hash = out[i].Chain(prev)
		prev = out[i].Hash
	}
	return out
}

func check(c *AuditChain, all []AuditRecord) error {
	for _, e := range all {
		if err := c.Add(e); err != nil {
			return err
		}
	}
	return c.End()
}

func TestAuditChain(t *testing.T) {
	without := func(seqs ...int64) func([]AuditRecord) []AuditRecord {
		return func(all []AuditRecord) (out []AuditRecord) {
			for _, e := range all {
				gone := false
				for _, s := range seqs {
					gone = gone || e.Seq == s
				}
				if !gone {
					out = append(out, e)
				}
			}
			return out
		}
	}
	cases := []struct {
		name   string
		picked bool
		do     func([]AuditRecord) []AuditRecord
		seq    int64 // 0: all is well
	}{
		{"whole", false, without(), 0},
		{"one missing", false, without(3), 3},
		{"two missing", false, without(3, 4), 3},
		{"the first missing", false, without(1), 1},
		{"the last missing", false, without(6), 6},
		{"a filter left some out", true, without(2, 3, 6), 0},
		{"picked and changed", true, func(a []AuditRecord) []AuditRecord { a[3].Subject = "x"; return without(2)(a) }, 4},
		{"picked, changed with its own hash", true, func(a []AuditRecord) []AuditRecord {
			a[3].Subject = "x"
			a[3].Hash = a[3].Chain(a[3].Prev)
			return without(2)(a)
		}, 5},
		{"changed with its own hash", false, func(a []AuditRecord) []AuditRecord {
			a[3].Subject = "x"
			a[3].Hash = a[3].Chain(a[3].Prev)
			return a
		}, 4},
		{"twice", false, func(a []AuditRecord) []AuditRecord { return append(a[:3:3], a[2:]...) }, 3},
		{"moved", false, func(a []AuditRecord) []AuditRecord { a[2], a[3] = a[3], a[2]; return a }, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			all := chained(6)
			chain := AuditChain{Picked: c.picked}
			chain.Expect(AuditHead{Seq: 6, Hash: all[5].Hash})
			err := check(&chain, c.do(all))
			var broken *BrokenAudit
			switch {
			case c.seq == 0 && err != nil:
				t.Error(err)
			case c.seq != 0 && (!errors.As(err, &broken) || broken.Seq != c.seq || !errors.Is(err, ErrConflict)):
				t.Errorf("want entry %d, got %v", c.seq, err)
			}
		})
	}
	// Numbers that were never given (before the chain) are no loss.
	gap := chained(2)
	gap[1].Seq = 5
	gap[1].Hash = gap[1].Chain(gap[0].Hash)
	if err := check(&AuditChain{}, gap); err != nil {
		t.Error(err)
	}
}

// FuzzAuditRecord: no two different entries share their bytes: a text cannot move from one
// field into the next.
func FuzzAuditRecord(f *testing.F) {
	f.Add("an", "web", "an", "", "a", "b", "{}")
	f.Add("", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, actor, via, address, token, action, subject, detail string) {
		e := AuditRecord{Seq: 1, Actor: actor, From: Source{Via(via), address, TokenID(token)}, Action: action, Subject: subject, Detail: detail}
		other := e
		other.Actor, other.From.Via = actor+via, ""
		if (other != e) == (other.Chain("x") == e.Chain("x")) {
			t.Errorf("%+v and %+v have one hash", e, other)
		}
		other = e
		other.Subject, other.Detail = "", subject+detail
		if (other != e) == (other.Chain("x") == e.Chain("x")) {
			t.Errorf("%+v and %+v have one hash", e, other)
		}
	})
}

func TestAuditFactsAreBounded(t *testing.T) {
	f := AuditFacts{Why: strings.Repeat("ữ", 5000)}
	for i := range 200 {
		f.Change(fmt.Sprint(i), strings.Repeat("a", 5000), "b")
	}
	f.Change("same", "x", "x")
	text, err := f.Text()
	var e AuditEntry
	e.Tell(text)
	if err != nil || len(text) > 80_000 || !utf8.ValidString(text) || e.Facts == nil || len(e.Facts.Values) != auditValues || e.Facts.Left != 200-auditValues || !strings.HasSuffix(e.Facts.Why, "…") {
		t.Errorf("%d bytes, %+v, %v", len(text), e.Facts, err)
	}
	if len(f.Values) != 200 || len(f.Values[0].Was) != 5000 {
		t.Error("bounding changed what was handed in")
	}
}

func backwards(words string) string {
	lines := strings.Split(words, "\n")
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// TestAuditColumns: what a search looks at follows from what is chained. Of an entry that
// was too long, an earlier version kept more words.
func TestAuditColumns(t *testing.T) {
	long := AuditFacts{Code: "tin", Why: strings.Repeat("Đường ướt\n", 100), Area: "xa"}
	for n := range auditValues + 10 {
		long.Change(fmt.Sprint(n), "", fmt.Sprintf("giá trị %d %s", n, strings.Repeat("ừ", 600)))
	}
	short := AuditFacts{Code: "tin", Title: "Bão số 5", Area: "xa"}
	record := func(detail string) AuditRecord {
		e := AuditRecord{Seq: 1, Detail: detail}
		e.Hash = e.Chain(AuditStart())
		return e
	}
	kept := func(f AuditFacts) AuditRecord {
		text, err := f.Text()
		if err != nil {
			t.Fatal(err)
		}
		return record(text)
	}
	for name, c := range map[string]struct {
		e       AuditRecord
		columns AuditColumns
		ok      bool
	}{
		"short":                         {kept(short), AuditColumns{"xa", short.Words()}, true},
		"short, a word more":            {kept(short), AuditColumns{"xa", short.Words() + " x"}, false},
		"short, no words":               {kept(short), AuditColumns{"xa", ""}, false},
		"short, another area":           {kept(short), AuditColumns{"", short.Words()}, false},
		"long":                          {kept(long), AuditColumns{"xa", long.bounded().Words()}, true},
		"long, of an earlier version":   {kept(long), AuditColumns{"xa", long.Words()}, true},
		"long, a word of it taken away": {kept(long), AuditColumns{"xa", strings.Replace(long.Words(), "gia tri 7 ", "gia tri ", 1)}, false},
		"long, in another order":        {kept(long), AuditColumns{"xa", backwards(long.Words())}, false},
		"long, another area":            {kept(long), AuditColumns{"tinh", long.Words()}, false},
		"words of old":                  {record("tin: sai số liệu"), AuditColumns{Words: AuditFacts{Title: "tin: sai số liệu"}.Words()}, true},
		"words of old, changed":         {record("tin: sai số liệu"), AuditColumns{Words: "tin"}, false},
	} {
		var chain AuditChain
		c.e.Columns = &c.columns
		var broken *BrokenAudit
		if err := chain.Add(c.e); (err == nil) != c.ok || err != nil && (!errors.As(err, &broken) || broken.Seq != 1) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
