package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
)

var postgres *storetest.Postgres

// TestMain starts one PostgreSQL for the whole package, unless -short.
func TestMain(m *testing.M) {
	flag.Parse()
	code := 1
	func() {
		if !testing.Short() {
			pg, err := storetest.StartPostgres(context.Background())
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			postgres = pg
			defer func() {
				if err := pg.Stop(); err != nil {
					fmt.Fprintln(os.Stderr, err)
					code = 1
				}
			}()
		}
		code = m.Run()
	}()
	os.Exit(code)
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store {
		return open(t, storetest.File(t))
	})
}

func TestPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL is not started with -short")
	}
	storetest.Run(t, func(t *testing.T) *store.Store {
		dsn, err := postgres.Fresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return open(t, dsn)
	})
}

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestReopenKeepsSchemaAndRefusesNewer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.db")
	for range 2 {
		s, err := store.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
