package store

import (
	"slices"
	"strings"
	"testing"
)

// TestLibpqEnv: PostgreSQL's own programs get the same address as the driver, through
// their environment only.
func TestLibpqEnv(t *testing.T) {
	t.Setenv("LOAXA_DATABASE", "postgres://u:secret@h/d")
	for _, c := range []struct {
		dsn  string
		want []string
		not  []string
	}{
		{"postgres://u:p%40ss@db.example:5433/loaxa?sslmode=verify-full&sslrootcert=system&statement_cache_capacity=0",
			[]string{"PGHOST=db.example", "PGPORT=5433", "PGUSER=u", "PGPASSWORD=p@ss", "PGDATABASE=loaxa", "PGSSLMODE=verify-full"}, []string{"statement_cache"}},
		{"postgres:///t1?host=%2Ftmp%2Fpg&user=loaxa", []string{"PGHOST=/tmp/pg", "PGUSER=loaxa", "PGDATABASE=t1"}, nil},
		{"postgres://u@a:1,b:2/d?target_session_attrs=read-write", []string{"PGHOST=a,b", "PGPORT=1,2", "PGTARGETSESSIONATTRS=read-write"}, nil},
	} {
		env, name, err := libpqEnv(c.dsn)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !slices.Contains(env, w) {
				t.Errorf("%s: no %s", c.dsn, w)
			}
		}
		if !slices.Contains(c.want, "PGDATABASE="+name) && name != "d" {
			t.Errorf("%s: database %s", c.dsn, name)
		}
		for _, kv := range env {
			if strings.HasPrefix(kv, "LOAXA_") || slices.ContainsFunc(c.not, func(n string) bool { return strings.Contains(kv, n) }) {
				t.Errorf("%s: %s", c.dsn, kv)
			}
		}
	}
	if _, _, err := libpqEnv("postgres://u:secret@h:x/d"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
