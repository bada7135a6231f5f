package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"loaxa/internal/radio"
)

type postgresEngine struct {
	dsn string // for pg_dump, which connects by itself
}

func openPostgres(dsn string) (*Store, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// ParseConfig's text may hold the password.
		return nil, fmt.Errorf("%w: the postgres address cannot be read", radio.ErrInvalid)
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(16)
	return &Store{write: db, read: db, eng: postgresEngine{dsn: dsn}}, nil
}

func (postgresEngine) name() string { return "postgres" }

// Codes of PostgreSQL's errcodes appendix.
const (
	pgUniqueViolation      = "23505"
	pgSerializationFailure = "40001"
	pgDeadlockDetected     = "40P01"
)

func (postgresEngine) duplicate(err error) bool { return pgCode(err) == pgUniqueViolation }

func (postgresEngine) busy(err error) bool {
	c := pgCode(err)
	return c == pgSerializationFailure || c == pgDeadlockDetected
}

func pgCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
