package store

import (
	"errors"
	"path/filepath"
	"testing"

	"loaxa/internal/radio"
)

// TestUpgradeToTheDesk: what a centre without the desk held goes on to be found, owned
// by the province, and known to be on devices.
func TestUpgradeToTheDesk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	old, err := openSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := old.migrations()
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT NOT NULL)`}
	for _, m := range all {
		if m.number < 6 {
			statements = append(statements, m.text)
		}
	}
	statements = append(statements,
		`INSERT INTO schema_version (number, name) VALUES (5, 'x')`,
		`INSERT INTO area (id, code, kind, name) VALUES ('P', 'ha-tinh', 'province', 'Tỉnh')`,
		`INSERT INTO bulletin (id, code, version) VALUES ('B', 'nq57', 1)`,
		`INSERT INTO bulletin_version VALUES ('B', 1, 'Nghị quyết', 3, '', '', 'vi', 'approved', 0, '[]', 0, 0, 0, 'abc', '[]', 'lan', 5, 'hoa', 6, '')`,
		`INSERT INTO issued VALUES ('D', 'programme', 7, 1, 2, 'x', CAST('{"audio":[{"bulletin":"B","version":1}]}' AS BLOB), CAST('' AS BLOB)),
			('D', 'programme', 8, 2, 3, 'y', CAST('{"audio":[{"bulletin":"B","version":1},{"bulletin":"C","version":2}]}' AS BLOB), CAST('' AS BLOB)),
			('D', 'policy', 9, 2, 3, 'y', CAST('{}' AS BLOB), CAST('' AS BLOB))`)
	for _, text := range statements {
		if _, err := old.write.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%.60s: %v", text, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	found, err := s.ListBulletins(t.Context(), radio.BulletinView{Everything: true}, radio.BulletinFilter{Text: "nghi quyet"}, radio.BulletinCursor{}, 10)
	if err != nil || len(found) != 1 || found[0].Area != "P" || found[0].Priority != radio.Normal || found[0].SubmittedAt != 5 || found[0].EditedAt != 0 ||
		found[0].State != radio.Approved || found[0].Signed != nil { // approved, and in need of approval again
		t.Errorf("found %+v, %v", found, err)
	}
	held, err := s.BulletinHolders(t.Context(), "B", 1)
	if err != nil || len(held) != 1 || held[0] != (radio.BulletinHolder{Device: "D", Last: 8, Current: 8}) {
		t.Errorf("held %+v, %v", held, err)
	}
}

// TestUpgradeChainsTheAudit: entries from before there was a chain get their place in it,
// gaps in their numbers and words from before there were facts too; once.
func TestUpgradeChainsTheAudit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	old, err := openSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := old.migrations()
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT NOT NULL)`}
	for _, m := range all {
		if m.number < 21 {
			statements = append(statements, m.text)
		}
	}
	statements = append(statements, `INSERT INTO schema_version (number, name) VALUES (20, 'x')`,
		`INSERT INTO audit (seq, at, actor, action, subject, detail) VALUES (1, 5, 'boss', 'person.add', 'lan', 'lan: [editor]'),
			(2, 6, 'boss', 'person.add', 'hung', '{"code":"hung","title":"Đặng Hùng"}'), (7, 6, 'boss', 'device.add', 'D', '{}')`)
	for _, text := range statements {
		if _, err := old.write.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%.60s: %v", text, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		chain := radio.AuditChain{}
		if err := s.ReadAudit(t.Context(), func(r *AuditReading) error {
			head, err := r.Head(t.Context())
			if err != nil {
				return err
			}
			chain.Expect(head)
			if err := r.Walk(t.Context(), radio.AuditFilter{}, chain.Add); err != nil {
				return err
			}
			return chain.End()
		}); err != nil || chain.Head().Seq != 7 {
			t.Errorf("%+v %v", chain.Head(), err)
		}
		found, err := s.AuditPage(t.Context(), radio.AuditFilter{Text: "dang hung"}, 0, 9)
		if err != nil || len(found) != 1 || found[0].Seq != 2 {
			t.Errorf("%+v %v", found, err)
		}
		// An entry that is put in without a hash is no entry from before.
		if _, err := s.write.ExecContext(t.Context(), `INSERT INTO audit (seq, at, actor, action, subject) VALUES (100, 7, 'thief', 'person.grant', 'thief')`); err == nil {
			if err := s.chainAudit(t.Context()); err != nil {
				t.Fatal(err)
			}
			again := radio.AuditChain{}
			if err := s.ReadAudit(t.Context(), func(r *AuditReading) error { return r.Walk(t.Context(), radio.AuditFilter{}, again.Add) }); err == nil {
				t.Error("it was taken into the chain")
			}
			for _, q := range []string{`DROP TRIGGER audit_no_delete`, `DELETE FROM audit WHERE seq = 100`,
				`CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END`} {
				if _, err := s.write.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgradeNumbersSeals: seals from before they had numbers keep their order.
func TestUpgradeNumbersSeals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	old, err := openSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := old.migrations()
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT NOT NULL)`}
	for _, m := range all {
		if m.number < 22 {
			statements = append(statements, m.text)
		}
	}
	statements = append(statements, `INSERT INTO schema_version (number, name) VALUES (21, 'x')`,
		`INSERT INTO audit_seal (seq, hash, at, envelope) VALUES (70, 'b', 2, CAST('second' AS BLOB)), (7, 'a', 1, CAST('first' AS BLOB))`)
	for _, text := range statements {
		if _, err := old.write.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%.60s: %v", text, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var kept []radio.AuditSeal
	err = s.ReadAudit(t.Context(), func(r *AuditReading) (err error) {
		kept, err = r.Seals(t.Context())
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil || len(kept) != 2 || kept[0].Number != 1 || kept[0].Head != (radio.AuditHead{Seq: 7, Hash: "a", At: 1}) ||
		string(kept[0].Envelope) != "first" || kept[1].Number != 2 || kept[1].Head.Seq != 70 || kept[1].Before != "" {
		t.Errorf("%+v %v", kept, err)
	}
}
