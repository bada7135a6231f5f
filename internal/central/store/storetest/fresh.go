package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"loaxa/internal/central/store"
)

// File gives the path of a new database of SQLite with nothing in it but the schema of
// today, which is made once for each test program.
func File(t testing.TB) string {
	t.Helper()
	return FileIn(t, t.TempDir())
}

// FileIn makes such a file, named as a centre names it, in a folder.
func FileIn(t testing.TB, dir string) string {
	t.Helper()
	data, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "loaxa.db")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// empty is such a file's content.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "loaxa-empty-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of no use to anybody
	file := filepath.Join(dir, "loaxa.db")
	if err := migrated(context.Background(), file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// migrated brings a database's schema up to date.
func migrated(ctx context.Context, dsn string) error {
	s, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	return s.Close()
}
