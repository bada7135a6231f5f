package store

import (
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
	if err != nil || len(found) != 1 || found[0].Area != "P" || found[0].Priority != radio.Normal || found[0].SubmittedAt != 5 || found[0].EditedAt != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	held, err := s.BulletinHolders(t.Context(), "B", 1)
	if err != nil || len(held) != 1 || held[0] != (radio.BulletinHolder{Device: "D", Last: 8, Current: 8}) {
		t.Errorf("held %+v, %v", held, err)
	}
}
