// Package store holds all SQL of the centre. It keeps what library, schedule,
// dispatch, identity, ingest and reconcile hand it, as rows and never as live
// objects, and hands rows back to them, to report and to web. One set of statements
// serves SQLite (the default) and PostgreSQL; only true differences stand in
// sqlite.go and postgres.go. storetest describes the behaviour both must show.
//
// Instants are radio.Millis in both engines. Exported methods own their
// transaction; unexported helpers receive it.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

//go:embed migrations
var migrations embed.FS

// Store is the one durable state of the centre. Safe for concurrent use.
type Store struct {
	write *sql.DB // SQLite: one connection, transactions start immediate
	read  *sql.DB
	eng   engine

	prepared statements
	captions captionCache
}

// engine is what truly differs between the two databases.
type engine interface {
	name() string
	// duplicate says whether err is a broken unique or primary key.
	duplicate(err error) bool
	// busy says whether the same transaction may go through later.
	busy(err error) bool
	// snapshot writes a consistent copy of the whole database to a file.
	snapshot(ctx context.Context, db *sql.DB, path string) error
}

// Open connects and brings the schema up to date. dsn is the path of an SQLite file
// or a postgres:// address. A schema newer than this program is refused.
func Open(ctx context.Context, dsn string) (*Store, error) {
	s, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

func connect(dsn string) (*Store, error) {
	var s *Store
	var err error
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		s, err = openPostgres(dsn)
	} else {
		s, err = openSQLite(dsn)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.prepared.held, s.captions.held = map[string]*sql.Stmt{}, map[string]caption{}
	return s, nil
}

// Close waits for running statements and closes.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// Engine names the database: sqlite or postgres.
func (s *Store) Engine() string { return s.eng.name() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// Snapshot writes a consistent copy to a new file while others write on: SQLite's VACUUM
// INTO, PostgreSQL's pg_dump in its custom format.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	return s.eng.snapshot(ctx, s.read, path)
}

// tx runs f in one writing transaction and commits when it returns nil.
func (s *Store) tx(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.kind(fmt.Errorf("begin: %w", err))
	}
	if err := f(tx); err != nil {
		return s.kind(errors.Join(err, rollback(tx)))
	}
	if err := tx.Commit(); err != nil {
		return s.kind(fmt.Errorf("commit: %w", err))
	}
	return nil
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// kind turns drivers' errors into radio's kinds, by code and never by text.
func (s *Store) kind(err error) error {
	switch {
	case err == nil, errors.Is(err, radio.ErrInvalid), errors.Is(err, radio.ErrConflict),
		errors.Is(err, radio.ErrNotFound), errors.Is(err, radio.ErrForbidden):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return missing{err}
	case s.eng.duplicate(err):
		return fmt.Errorf("%w: %w", radio.ErrConflict, err)
	case s.eng.busy(err):
		return fmt.Errorf("%w: %w", radio.ErrUnavailable, err)
	}
	return err
}

// missing is ErrNotFound for people: what was looked for, without the driver's words.
type missing struct{ err error }

func (m missing) Error() string {
	return radio.ErrNotFound.Error() + ": " + strings.TrimSuffix(m.err.Error(), ": "+sql.ErrNoRows.Error())
}
func (m missing) Unwrap() []error { return []error{radio.ErrNotFound, m.err} }

// querier is a transaction or a handle.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// collect runs a query and scans every row.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, v)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z_]+\.sql$`)

type migration struct {
	number int
	name   string
	text   string
}

func (s *Store) migrations() ([]migration, error) {
	dir := path.Join("migrations", s.eng.name())
	entries, err := fs.ReadDir(migrations, dir)
	if err != nil {
		return nil, err
	}
	var out []migration
	for _, e := range entries {
		m := migrationName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("migration file %s: want NNNN_name.sql", e.Name())
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, err
		}
		text, err := migrations.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, migration{number: n, name: e.Name(), text: string(text)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].number < out[j].number })
	return out, nil
}

// migrate applies what is missing, each file in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	all, err := s.migrations()
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := s.write.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY, name TEXT NOT NULL)`); err != nil {
		return fmt.Errorf("make schema_version: %w", err)
	}
	var have int
	if err := s.write.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM schema_version`).Scan(&have); err != nil {
		return fmt.Errorf("read schema_version: %w", err)
	}
	newest := 0
	if len(all) > 0 {
		newest = all[len(all)-1].number
	}
	if have > newest {
		return fmt.Errorf("%w: the database has schema %d, this program knows up to %d: use a newer program", radio.ErrConflict, have, newest)
	}
	for _, m := range all {
		if m.number <= have {
			continue
		}
		err := s.tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, m.text); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO schema_version (number, name) VALUES ($1, $2)`, m.number, m.name)
			return err
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return errors.Join(s.fillSearch(ctx), s.chainAudit(ctx))
}
