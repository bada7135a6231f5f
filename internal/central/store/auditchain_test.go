package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// onBoth opens a fresh database of each kind.
func onBoth(t *testing.T, run func(t *testing.T, s *store.Store)) {
	t.Run("SQLite", func(t *testing.T) { run(t, open(t, storetest.File(t))) })
	t.Run("Postgres", func(t *testing.T) {
		if testing.Short() {
			t.Skip("PostgreSQL is not started with -short")
		}
		run(t, open(t, freshPostgres(t)))
	})
}

// verify walks the chain as `loaxa audit verify` does.
func verify(t *testing.T, s *store.Store, signed ...radio.AuditHead) error {
	t.Helper()
	chain := radio.AuditChain{}
	for _, h := range signed {
		chain.Expect(h)
	}
	return s.ReadAudit(t.Context(), func(r *store.AuditReading) error {
		head, err := r.Head(t.Context())
		if err != nil {
			return err
		}
		chain.Expect(head)
		if err := r.Walk(t.Context(), radio.AuditFilter{}, chain.Add); err != nil {
			return err
		}
		return chain.End()
	})
}

func entries(t *testing.T, s *store.Store, n int) (head radio.AuditHead) {
	t.Helper()
	ctx := radio.WithSource(t.Context(), radio.Source{Via: radio.ViaAPI, Address: "203.0.113.7", Token: "01TOKEN"})
	for i := range n {
		if err := s.Witness(ctx, "key.online", "keys", radio.Millis(i+1), func() (radio.AuditFacts, error) {
			f := radio.AuditFacts{Why: fmt.Sprintf("Lý do %d, \xff", i), Area: radio.AreaID(fmt.Sprint("area ", i))}
			if i == 3 { // more than an entry keeps
				f.Why = strings.Repeat("dài \n", 400)
				for n := range 100 {
					f.Change(fmt.Sprint("setting ", n), "", strings.Repeat("Đ", 600))
				}
			}
			return f, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ReadAudit(t.Context(), func(r *store.AuditReading) (err error) {
		head, err = r.Head(t.Context())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return head
}

// TestAuditIsOnlyAddedTo: the databases themselves refuse to change or remove an entry.
func TestAuditIsOnlyAddedTo(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		head := entries(t, s, 5)
		head.At = 9
		if _, err := s.AddAuditSeal(t.Context(), func(radio.AuditSeal) (radio.AuditSeal, error) {
			return radio.AuditSeal{Number: 1, Head: head, Envelope: []byte("x")}, nil
		}); err != nil {
			t.Fatal(err)
		}
		statements := []string{
			`UPDATE audit SET actor = 'nobody' WHERE seq = 2`, `UPDATE audit SET hash = '' WHERE seq = 2`, `UPDATE audit SET seq = 9 WHERE seq = 2`,
			`DELETE FROM audit WHERE seq = 5`, `DELETE FROM audit`, `UPDATE audit_seal SET hash = 'x'`, `DELETE FROM audit_seal`,
			`UPDATE audit_head SET seq = 4`, `DELETE FROM audit_head`,
		}
		if s.Engine() == "postgres" {
			statements = append(statements, `TRUNCATE audit`, `TRUNCATE audit_seal`, `TRUNCATE audit_head`)
		}
		for _, statement := range statements {
			if err := s.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only added to") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if err := verify(t, s, head); err != nil {
			t.Error(err)
		}
	})
}

// TestAuditTampering: who gets round the database's own guards leaves a chain whose first
// bad, missing or moved entry is named.
func TestAuditTampering(t *testing.T) {
	const rows = 6
	flip := func(column string) string {
		return fmt.Sprintf(`UPDATE audit SET %s = %s || 'x' WHERE seq = 3`, column, column)
	}
	cases := []struct {
		name, do string
		seq      int64
		why      string
	}{
		{"actor", flip("actor"), 3, "changed"}, {"way", flip("via"), 3, "changed"}, {"address", flip("address"), 3, "changed"}, {"token", flip("token"), 3, "changed"},
		{"action", flip("action"), 3, "changed"}, {"subject", flip("subject"), 3, "changed"}, {"detail", flip("detail"), 3, "changed"},
		{"instant", `UPDATE audit SET at = at + 1 WHERE seq = 3`, 3, "changed"},
		{"hash", flip("hash"), 3, "changed"},
		{"text moved between fields", `UPDATE audit SET actor = substr(actor, 1, 3), address = substr(actor, 4) || address WHERE seq = 3`, 3, "changed"},
		{"area", `UPDATE audit SET area = 'elsewhere' WHERE seq = 3`, 3, "area"},
		{"area taken away", `UPDATE audit SET area = '' WHERE seq = 4`, 4, "area"},
		{"words", flip("words"), 3, "other words"}, {"words taken away", `UPDATE audit SET words = '' WHERE seq = 3`, 3, "other words"},
		{"words of a long entry", `UPDATE audit SET words = replace(words, 'dai', 'ngan') WHERE seq = 4`, 4, "other words"},
		{"removed", `DELETE FROM audit WHERE seq = 3`, 3, "missing"},
		{"the first removed", `DELETE FROM audit WHERE seq = 1`, 1, "missing"},
		{"the last removed", `DELETE FROM audit WHERE seq = 6`, 6, "missing"},
		{"the last two removed", `DELETE FROM audit WHERE seq > 4`, 5, "missing"},
		{"cut off with its head", `DELETE FROM audit WHERE seq > 4; UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)`, 5, "missing"},
		{"put in", `INSERT INTO audit (seq, at, actor, action, subject, hash) VALUES (7, 1, 'a', 'b', 'c', '')`, 7, "changed"},
		{"two exchanged", `UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 100`, 3, "changed"},
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		signed := entries(t, s, rows)
		drop := `DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_head_onward; CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE kept_head AS SELECT * FROM audit_head`
		back := `DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; UPDATE audit_head SET seq = (SELECT seq FROM kept_head), hash = (SELECT hash FROM kept_head)`
		if s.Engine() == "postgres" {
			drop = strings.NewReplacer("audit_no_update", "audit_no_update ON audit", "audit_no_delete", "audit_no_delete ON audit", "audit_head_onward", "audit_head_onward ON audit_head").Replace(drop)
		}
		if err := s.Exec(t.Context(), drop); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				if err := verify(t, s, signed); err != nil {
					t.Fatal(err)
				}
				if err := s.Exec(t.Context(), c.do); err != nil {
					t.Fatal(err)
				}
				err := verify(t, s, signed)
				var broken *radio.BrokenAudit
				if !errors.As(err, &broken) || broken.Seq != c.seq || !strings.Contains(broken.Why, c.why) {
					t.Errorf("want entry %d %s, got: %v", c.seq, c.why, err)
				}
				if err := s.Exec(t.Context(), back); err != nil {
					t.Fatal(err)
				}
			})
		}
		// Who writes the rest of the chain anew after a change is caught by the signed head.
		t.Run("written anew", func(t *testing.T) {
			var all []radio.AuditRecord
			if err := s.ReadAudit(t.Context(), func(r *store.AuditReading) error {
				return r.Walk(t.Context(), radio.AuditFilter{}, func(e radio.AuditRecord) error { all = append(all, e); return nil })
			}); err != nil {
				t.Fatal(err)
			}
			prev := all[1].Hash
			for _, e := range all[2:] {
				e.Actor = "somebody else"
				prev = e.Chain(prev)
				if err := s.Exec(t.Context(), `UPDATE audit SET actor = $1, hash = $2 WHERE seq = $3`, e.Actor, prev, e.Seq); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Exec(t.Context(), `UPDATE audit_head SET hash = $1`, prev); err != nil {
				t.Fatal(err)
			}
			if err := verify(t, s); err != nil {
				t.Fatalf("without a signed head nothing tells: %v", err)
			}
			var broken *radio.BrokenAudit
			if err := verify(t, s, signed); !errors.As(err, &broken) || broken.Seq != rows || !strings.Contains(broken.Why, "anew") {
				t.Error(err)
			}
		})
	})
}

// BenchmarkAudit: how many changes a second the chain lets through, alone and many at once.
func BenchmarkAudit(b *testing.B) {
	for name, dsn := range map[string]func() (string, error){
		"SQLite":   func() (string, error) { return storetest.File(b), nil },
		"Postgres": func() (string, error) { return postgres.Database() },
	} {
		b.Run(name, func(b *testing.B) {
			if name == "Postgres" && postgres == nil {
				b.Skip("PostgreSQL is not started with -short")
			}
			address, err := dsn()
			if err != nil {
				b.Fatal(err)
			}
			s, err := store.Open(b.Context(), address)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
			b.SetParallelism(8)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := s.Witness(b.Context(), "key.online", "keys", 1, func() (radio.AuditFacts, error) { return radio.AuditFacts{}, nil }); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
