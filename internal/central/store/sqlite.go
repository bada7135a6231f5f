package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"loaxa/internal/radio"
)

type sqliteEngine struct{}

// openSQLite keeps one writing connection and several reading ones. The settings
// stand in the DSN because a PRAGMA sent to the pool reaches one connection only.
// WAL with synchronous=FULL: a commit survives a power cut.
//
// The writer holds 64 MiB of pages: rows of one day lie apart in the table, by device.
// It carries the log over into the file after 32 MiB, not after SQLite's 4 MiB: many
// commits change the same pages, and each is then written once for all of them.
func openSQLite(file string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	dsn := func(extra string) string {
		return "file:" + (&url.URL{Path: file}).EscapedPath() +
			"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
			"&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)&_txlock=immediate" + extra
	}
	write, err := sql.Open("sqlite", dsn("&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(8192)"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	return &Store{write: write, read: read, eng: sqliteEngine{}}, nil
}

func (sqliteEngine) name() string { return "sqlite" }

func (sqliteEngine) duplicate(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	c := e.Code()
	return c == lib.SQLITE_CONSTRAINT_UNIQUE || c == lib.SQLITE_CONSTRAINT_PRIMARYKEY
}

func (sqliteEngine) busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_BUSY || e.Code()&0xff == lib.SQLITE_LOCKED)
}

func (sqliteEngine) snapshot(ctx context.Context, db *sql.DB, path string) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%w: %s exists already", radio.ErrConflict, path)
	}
	// A reading connection does not hold up the writer, but query_only forbids writing
	// the copy, too: it is lifted for this one statement.
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	_, err = conn.ExecContext(ctx, `PRAGMA query_only = 0`)
	if err == nil {
		_, err = conn.ExecContext(ctx, `VACUUM INTO $1`, path)
	}
	_, back := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA query_only = 1`)
	if err := errors.Join(err, back, conn.Close()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}
