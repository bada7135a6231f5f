package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/journal"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// TestCopiedCards: a card was copied, and both boards name the same number, or none. They
// speak by turns, then at the same time. Nobody's record is lost: each stands in the log
// exactly once, the fault opens, and verify names where the journal went two ways.
func TestCopiedCards(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"motso", "khongso"})
	h.serve()
	var all []*copiedCard
	for code, serial := range map[string]string{"motso": "10000000a1b2c3d4", "khongso": ""} {
		c := &copiedCard{h: h, code: code, wrote: map[string]bool{}}
		c.one = h.device(code, `driver: "null"`)
		c.one.board(serial)
		c.one.start()
		c.told(c.one)
		c.two = c.one.copied()
		all = append(all, c)
	}
	// By turns: the first goes on, then the copy, under the same numbers.
	for _, c := range all {
		c.one.start()
	}
	for _, c := range all {
		c.told(c.one)
		c.two.start()
	}
	for _, c := range all {
		c.told(c.two)
		c.one.start()
	}
	for _, c := range all {
		c.two.start() // and at the same time: each throws the other out
	}
	h.eventually(60*time.Second, "both cards to be noticed", func() bool {
		var faults struct {
			Faults []radio.Fault `json:"faults"`
		}
		h.get("/api/v1/faults?kind=cloned", &faults)
		return len(faults.Faults) == 2
	})
	for _, c := range all {
		c.one.stop(t)
		c.two.stop(t)
	}
	for _, c := range all {
		for _, a := range []*agentProcess{c.one, c.two} {
			a.start()
			c.told(a)
		}
	}
	for _, c := range all {
		c.accounted()
	}
	code, rep := verifies(t, h.env())
	if code != 0 {
		t.Errorf("verify: exit code %d, %v", code, rep["findings"])
	}
	for _, c := range all {
		if !strings.Contains(fmt.Sprint(rep["notes"]), c.code) || !strings.Contains(fmt.Sprint(rep["notes"]), "a second board with a copy of its card") {
			t.Errorf("verify does not name the fork of %s: %v", c.code, rep["notes"])
		}
	}
}

// copiedCard is one identity on two boards, with all that either wrote.
type copiedCard struct {
	h        *house
	code     string
	one, two *agentProcess
	wrote    map[string]bool
}

// told waits until the centre has all that a board wrote, stops it, and takes down what
// stands in its journal.
func (c *copiedCard) told(a *agentProcess) {
	c.h.t.Helper()
	c.h.eventually(60*time.Second, "all records of "+a.code+" to be acknowledged", func() bool {
		s, ok := a.status()
		return ok && s.Link.Connected && s.Journal.Head > 0 && s.Journal.Acked == s.Journal.Head
	})
	a.stop(c.h.t)
	maps.Copy(c.wrote, a.records())
}

// ownNumber is what a record says of its place, which is another one in another journal.
var ownNumber = regexp.MustCompile(`^\{"seq":\d+,`)

// records are those in a stopped device's journal, without their numbers.
func (a *agentProcess) records() map[string]bool {
	t := a.h.t
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(a.dir, "data", "journal.db"))
	path := filepath.Join(t.TempDir(), "journal.db")
	if err = errors.Join(err, os.WriteFile(path, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Path: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	clk, err := clock.New(clock.Options{Assumed: true, Floor: j.Floor()}, slog.New(slog.DiscardHandler))
	if err = errors.Join(err, j.Start(clk, radio.NewID[radio.BootID]()), j.Rewind(t.Context(), j.Status().ID, 0)); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for {
		b, more, err := j.Batch(wire.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return out
		}
		for _, r := range b.Records {
			out[string(ownNumber.ReplaceAll(r, nil))] = true
		}
		if err := j.Ack(t.Context(), b.Journal, b.First+uint64(len(b.Records))-1, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// accounted holds the log against what the boards wrote: each record once.
func (c *copiedCard) accounted() {
	t := c.h.t
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.h.data(), "loaxa.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT r.bytes FROM journal_record r JOIN device d ON d.id = r.device WHERE d.code = $1`, c.code)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	times := map[string]int{}
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		times[string(ownNumber.ReplaceAll(b, nil))]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(c.wrote) < 6 {
		t.Fatalf("%s: the boards wrote %d records only", c.code, len(c.wrote))
	}
	for r := range c.wrote {
		if times[r] != 1 {
			t.Errorf("%s: a record stands in the log %d times: %s", c.code, times[r], r)
		}
	}
	for r, n := range times {
		if n != 1 {
			t.Errorf("%s: told %d times: %s", c.code, n, r)
		}
	}
}
