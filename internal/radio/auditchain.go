package radio

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Source is from where a change was made.
type Source struct {
	Via Via `json:"via,omitempty"`
	// Address is the client's network address, or the operating system's user of a command.
	Address string `json:"address,omitempty"`
	// Token is the id of the API token, "" without one.
	Token TokenID `json:"token,omitempty"`
}

// Via is the way by which a change came in.
type Via string

// Ways. An entry from before they were kept has none.
const (
	ViaWeb     Via = "web"     // a page of the console
	ViaAPI     Via = "api"     // the console's JSON
	ViaCommand Via = "command" // a command on the centre's own machine
	ViaDevice  Via = "device"  // the devices' HTTPS
	ViaCentre  Via = "centre"  // the centre by itself
)

type sourceKey struct{}

// WithSource marks what is done under the context as coming from there.
func WithSource(ctx context.Context, o Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, o)
}

// SourceOf is from where the work under the context comes: the centre's own when nobody
// marked it.
func SourceOf(ctx context.Context) Source {
	if o, ok := ctx.Value(sourceKey{}).(Source); ok {
		return o
	}
	return Source{Via: ViaCentre}
}

// Operator is the actor of a command: who runs it on the centre's machine.
func (o Source) Operator() string {
	if o.Via == ViaCommand {
		return "command:" + o.Address
	}
	return "centre"
}

// AuditRecord is an entry as it is kept and chained: every byte of it counts.
type AuditRecord struct {
	Seq     int64
	At      Millis
	Actor   string
	From    Source
	Action  string
	Subject string
	Detail  string // facts as JSON, or words from before there were facts
	// Prev is the hash of the entry before, Hash this one's.
	Prev, Hash string
	// Columns are those by which the database finds the entry, nil where they are not known:
	// they follow from Detail, and stand outside the chain.
	Columns *AuditColumns
}

// AuditColumns is what searches look at.
type AuditColumns struct {
	Area  AreaID // where the thing stands, which says who may read the entry
	Words string // folded
}

// Find gives the columns that follow from what is chained.
func (e AuditRecord) Find() AuditColumns {
	entry := e.Entry()
	if entry.Facts == nil {
		return AuditColumns{Words: AuditFacts{Title: entry.Detail}.Words()}
	}
	return AuditColumns{Area: entry.Facts.Area, Words: entry.Facts.Words()}
}

// checkColumns says whether the columns are those that follow from the entry. Of an entry
// whose words were too many, an earlier version kept in the columns those too that were left
// out of the entry: there they hold at least what the entry says, in its order.
func (e AuditRecord) checkColumns() error {
	if e.Columns == nil {
		return nil
	}
	want := e.Find()
	if e.Columns.Area != want.Area {
		return broken(e.Seq, "is found under area %q, and says %q: its column was changed", e.Columns.Area, want.Area)
	}
	if e.Columns.Words == want.Words || e.Entry().Facts.wasCut() && holds(e.Columns.Words, want.Words) {
		return nil
	}
	return broken(e.Seq, "is found under other words than it says: its column was changed")
}

// holds says whether the lines of want stand in text, in their order; the mark of what was
// cut is not looked for.
func holds(text, want string) bool {
	for line := range strings.SplitSeq(want, "\n") {
		line = strings.TrimSuffix(line, "…")
		i := strings.Index(text, line)
		if i < 0 {
			return false
		}
		text = text[i+len(line):]
	}
	return true
}

// AuditStart stands before the first entry.
func AuditStart() string { return hexSum([]byte("loaxa.audit.v1")) }

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Chain is the entry's hash after the one before: SHA-256 over that hash and the entry's
// fields in their order, each with its length before it, numbers as 8 bytes.
func (e AuditRecord) Chain(prev string) string {
	b := []byte(prev)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(e.At))
	for _, s := range []string{e.Actor, string(e.From.Via), e.From.Address, string(e.From.Token), e.Action, e.Subject, e.Detail} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return hexSum(b)
}

// AuditHead names the newest entry of a chain; Seq 0 is an empty one.
type AuditHead struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	At   Millis `json:"at,omitempty"` // when it was signed
}

// BrokenAudit says which entry of a chain is the first that cannot be right.
type BrokenAudit struct {
	Seq int64
	Why string
}

// Error names the entry.
func (b *BrokenAudit) Error() string { return fmt.Sprintf("audit entry %d %s", b.Seq, b.Why) }

// Unwrap says its kind.
func (b *BrokenAudit) Unwrap() error { return ErrConflict }

func broken(seq int64, format string, args ...any) error {
	return &BrokenAudit{Seq: seq, Why: fmt.Sprintf(format, args...)}
}

// AuditChain walks entries from the oldest on. Its zero value walks a whole chain.
type AuditChain struct {
	// Picked lets entries be missing between: a filter has left them out. Each is then
	// proven by the hash of the entry before that it brings along.
	Picked bool

	last    AuditHead
	begun   bool
	entries int64
	gaps    int64
	// heads are hashes that are known from elsewhere, by entry.
	heads map[int64][]string
}

// Expect notes what a signed head says of an entry, before the walk.
func (c *AuditChain) Expect(h AuditHead) {
	if c.heads == nil {
		c.heads = map[int64][]string{}
	}
	c.heads[h.Seq] = append(c.heads[h.Seq], h.Hash)
}

// Add takes the next entry. The error names the first that was changed, taken away, put in
// or moved.
func (c *AuditChain) Add(e AuditRecord) error {
	if e.Seq <= c.last.Seq {
		return broken(e.Seq, "stands after entry %d: the order was changed", c.last.Seq)
	}
	prev := c.last.Hash
	if !c.begun {
		prev = AuditStart()
	}
	if c.Picked {
		// Between neighbours the chain must hold; over a gap each stands for itself.
		if c.begun && e.Seq == c.last.Seq+1 && e.Prev != c.last.Hash {
			return broken(e.Seq, "does not follow entry %d: one of the two was changed", c.last.Seq)
		}
		if e.Prev != prev {
			c.gaps++
		}
		prev = e.Prev
	}
	if e.Chain(prev) != e.Hash {
		switch {
		case e.Seq > c.last.Seq+1:
			return broken(c.last.Seq+1, "is missing: entry %d does not follow entry %d", e.Seq, c.last.Seq)
		case e.Prev != prev && e.Chain(e.Prev) == e.Hash && c.last.Seq > 0:
			return broken(c.last.Seq, "was changed: entry %d followed another one", e.Seq)
		}
		return broken(e.Seq, "was changed, or the one before it: its hash does not fit what it says")
	}
	if e.Prev != "" && e.Prev != prev {
		return broken(e.Seq, "was changed: it names another entry before it")
	}
	if err := e.checkColumns(); err != nil {
		return err
	}
	if slices.ContainsFunc(c.heads[e.Seq], func(want string) bool { return want != e.Hash }) {
		return broken(e.Seq, "is not the one that was signed: the chain was written anew")
	}
	delete(c.heads, e.Seq)
	c.last, c.begun = AuditHead{Seq: e.Seq, Hash: e.Hash}, true
	c.entries++
	return nil
}

// End says whether every head that was expected was met: a chain that is cut short ends
// before one. Entries that a filter left out are not missed.
func (c *AuditChain) End() error {
	var first int64
	for seq := range c.heads {
		if seq > 0 && (first == 0 || seq < first) {
			first = seq
		}
	}
	if first == 0 || c.Picked {
		return nil
	}
	if first < c.last.Seq {
		return broken(first, "is missing: a signed head names it")
	}
	return broken(c.last.Seq+1, "is missing: the chain ends at entry %d, a signed head names entry %d", c.last.Seq, first)
}

// Head is the newest entry taken.
func (c *AuditChain) Head() AuditHead { return c.last }

// Count says how many entries were taken, and how often a filter left some out between.
func (c *AuditChain) Count() (entries, gaps int64) { return c.entries, c.gaps }

// Entry is the record as people read it.
func (e AuditRecord) Entry() AuditEntry {
	out := AuditEntry{Seq: e.Seq, At: e.At, Actor: e.Actor, From: e.From, Action: e.Action, Subject: e.Subject, Hash: e.Hash}
	out.Tell(e.Detail)
	return out
}
