package central

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// sealed is a centre with entries, its keys and the public half of its root.
func sealed(t *testing.T) (*Central, *identity.Keys, []byte) {
	t.Helper()
	c := opened(t)
	ctx := radio.WithSource(t.Context(), radio.Source{Via: radio.ViaCommand, Address: "hoa"})
	if err := c.store.ApplyPlan(ctx, storetest.SamplePlan()); err != nil {
		t.Fatal(err)
	}
	root := mustKey(t)
	for range 4 {
		if err := c.MakeKeys(ctx, root, trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}); err != nil {
			t.Fatal(err)
		}
	}
	pub, err := root.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.openKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, keys, pub
}

// sealNow makes n entries and seals after each.
func (c *Central) sealNow(t *testing.T, keys *identity.Keys, n int) {
	t.Helper()
	for range n {
		if err := c.store.Witness(t.Context(), "key.online", "keys", radio.At(c.now()), func() (radio.AuditFacts, error) { return radio.AuditFacts{}, nil }); err != nil {
			t.Fatal(err)
		}
		head, err := c.auditHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.seal(t.Context(), keys, head); err != nil {
			t.Fatal(err)
		}
	}
}

// unguarded is the database for who can write to it, past its own guards.
func (c *Central) unguarded(t *testing.T) (do func(statement string, args ...any), db *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.cfg.Data, "loaxa.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	do = func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement, args...); err != nil {
			t.Fatal(statement, err)
		}
	}
	for _, guard := range []string{"audit_no_update", "audit_no_delete", "audit_seal_no_update", "audit_seal_no_delete", "audit_head_no_delete", "audit_head_onward"} {
		do("DROP TRIGGER " + guard)
	}
	return do, db
}

// ending is the last line of a file of n entries that nothing signs.
func ending(n int) []byte { return fmt.Appendf(nil, `{"end":%d}`, n) }

// TestAuditFileForged: in a signed export nothing can be changed, neither an entry nor that
// it is whole, with the signature or without.
func TestAuditFileForged(t *testing.T) {
	c, keys, pub := sealed(t)
	some := radio.AuditFilter{Action: "key."}
	write := func(f radio.AuditFilter) [][]byte {
		var out bytes.Buffer
		err := c.audits(keys, export.New(exportLog(c.store), c.now)).Write(t.Context(), export.AuditRequest{Kind: export.AuditLines, Filter: f},
			func(time.Time) (io.Writer, error) { return &out, nil })
		if err != nil {
			t.Fatal(err)
		}
		return bytes.SplitAfter(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	}
	read := func(lines [][]byte, root []byte) (AuditVerdict, error) {
		return VerifyAuditFile(bytes.NewReader(bytes.Join(lines, nil)), root)
	}
	whole, part := write(radio.AuditFilter{}), write(some)
	for name, lines := range map[string][][]byte{"whole": whole, "filtered": part} {
		if v, err := read(lines, pub); err != nil || !v.Signed || v.Proven != 1 || (v.Gaps > 0) != (name == "filtered") {
			t.Fatalf("%s: %+v %v", name, v, err)
		}
	}
	entry := func(line []byte, prev string) []byte {
		var e struct {
			Seq                       int64
			At                        radio.Millis
			Via                       radio.Via
			Address, Action, Subject  string
			Actor, Detail, Prev, Hash string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		r := radio.AuditRecord{Seq: e.Seq, At: e.At, Actor: "somebody else", From: radio.Source{Via: e.Via, Address: e.Address}, Action: e.Action, Subject: e.Subject, Detail: "{}"}
		out, err := json.Marshal(map[string]any{"seq": r.Seq, "at": r.At, "actor": r.Actor, "via": r.From.Via, "address": r.From.Address,
			"action": r.Action, "subject": r.Subject, "detail": r.Detail, "prev": prev, "hash": r.Chain(prev)})
		if err != nil {
			t.Fatal(err)
		}
		return append(out, '\n')
	}
	n := len(part)
	unsigned := ending(n - 2)
	// One entry says anything, and follows whatever it likes: a filter may have left that out.
	forged := slices.Clone(part)
	forged[n-2] = entry(part[n-2], radio.AuditStart())
	renamed := slices.Clone(whole)
	renamed[0] = bytes.Replace(whole[0], []byte(`"whole":true`), []byte(`"whole":false`), 1)
	fewer := slices.Concat(renamed[:2], renamed[3:len(whole)-1], [][]byte{ending(len(whole) - 3)})
	for name, lines := range map[string][][]byte{
		"an entry":                     forged,
		"an entry, without the seal":   slices.Concat(forged[:n-1], [][]byte{unsigned}),
		"no signature":                 slices.Concat(part[:n-1], [][]byte{unsigned}),
		"the filter":                   slices.Concat([][]byte{bytes.Replace(part[0], []byte(`"key."`), []byte(`"kez."`), 1)}, part[1:]),
		"the maker":                    slices.Concat([][]byte{bytes.Replace(whole[0], []byte(`"by":"`), []byte(`"by":"x`), 1)}, whole[1:]),
		"a whole one called filtered":  renamed,
		"a filtered one called whole":  slices.Concat([][]byte{bytes.Replace(part[0], []byte(`"whole":false`), []byte(`"whole":true`), 1)}, part[1:]),
		"one with an entry less":       fewer,
		"with the signature of others": slices.Concat(part[:n-1], whole[len(whole)-1:]),
	} {
		if v, err := read(lines, pub); err == nil {
			t.Errorf("%s: believed under the root: %+v", name, v)
		}
		if v, err := read(lines, nil); err == nil && (v.Proven > 0 || v.Signed) {
			t.Errorf("%s: called proven: %+v", name, v)
		}
	}
	// A whole export from before files were signed is proven by its chain to the signed head.
	old := slices.Concat(whole[:len(whole)-1], [][]byte{ending(len(whole) - 2)})
	if v, err := read(old, pub); err != nil || v.Signed || v.Proven != 1 {
		t.Errorf("%+v %v", v, err)
	}
}

// TestAuditRewrittenWithoutKey: who can write to the database and has no key of the centre
// writes a whole chain anew; what is missing then are the seals over its older entries.
func TestAuditRewrittenWithoutKey(t *testing.T) {
	c, keys, _ := sealed(t)
	c.sealNow(t, keys, 2)
	now := c.now()
	c.now = func() time.Time { return now.Add(sealedAfter + time.Minute) }
	if v, err := c.VerifyAudit(t.Context(), nil); err != nil || v.Proven != 2 {
		t.Fatalf("%+v %v", v, err)
	}
	do, db := c.unguarded(t)
	do(`DELETE FROM audit_seal`)
	rows, err := db.QueryContext(t.Context(), `SELECT seq, at, actor, via, address, token, action, subject, detail FROM audit ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	var all []radio.AuditRecord
	for rows.Next() {
		var e radio.AuditRecord
		if err := rows.Scan(&e.Seq, &e.At, &e.Actor, &e.From.Via, &e.From.Address, &e.From.Token, &e.Action, &e.Subject, &e.Detail); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	prev := radio.AuditStart()
	for _, e := range all {
		e.Actor = "somebody else"
		prev = e.Chain(prev)
		do(`UPDATE audit SET actor = $1, hash = $2 WHERE seq = $3`, e.Actor, prev, e.Seq)
	}
	do(`UPDATE audit_head SET hash = $1`, prev)
	var broken *radio.BrokenAudit
	if v, err := c.VerifyAudit(t.Context(), nil); !errors.As(err, &broken) || broken.Seq != 1 {
		t.Errorf("%+v %v", v, err)
	}
	// Nor do seals by a key that nobody knows stand for the centre's.
	stranger, foreign, _ := sealed(t)
	stranger.sealNow(t, foreign, 1)
	seal, err := foreign.SealAudit(radio.AuditHead{Seq: all[len(all)-1].Seq, Hash: prev, At: 1}, radio.AuditSeal{})
	if err != nil {
		t.Fatal(err)
	}
	do(`INSERT INTO audit_seal (number, before, seq, hash, at, envelope) VALUES (1, '', $1, $2, 1, $3)`, seal.Head.Seq, seal.Head.Hash, seal.Envelope)
	if v, err := c.VerifyAudit(t.Context(), nil); err == nil {
		t.Errorf("a stranger's seal: %+v", v)
	}
}

// TestSealsAreMissed: a seal that is taken away, moved or put in is named by the next one.
func TestSealsAreMissed(t *testing.T) {
	for name, do := range map[string][]string{
		"the first gone":                {`DELETE FROM audit_seal WHERE number = 1`},
		"one gone":                      {`DELETE FROM audit_seal WHERE number = 2`},
		"one gone, the rest renumbered": {`DELETE FROM audit_seal WHERE number = 2`, `UPDATE audit_seal SET number = 2 WHERE number = 3`},
		"two changed places":            {`UPDATE audit_seal SET number = 9 WHERE number = 2`, `UPDATE audit_seal SET number = 2 WHERE number = 3`, `UPDATE audit_seal SET number = 3 WHERE number = 9`},
		"another envelope":              {`UPDATE audit_seal SET envelope = (SELECT envelope FROM audit_seal WHERE number = 1) WHERE number = 2`},
	} {
		t.Run(name, func(t *testing.T) {
			c, keys, _ := sealed(t)
			c.sealNow(t, keys, 3)
			if v, err := c.VerifyAudit(t.Context(), nil); err != nil || v.Proven != 3 {
				t.Fatalf("%+v %v", v, err)
			}
			change, _ := c.unguarded(t)
			for _, statement := range do {
				change(statement)
			}
			var broken *radio.BrokenAudit
			if v, err := c.VerifyAudit(t.Context(), nil); !errors.As(err, &broken) {
				t.Errorf("%+v %v", v, err)
			}
		})
	}
}
