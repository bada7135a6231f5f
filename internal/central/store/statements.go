package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements keeps the log's statements prepared on SQLite's one writing connection;
// parsing them anew was a fifth of the work of a commit. Their number is that of the
// texts in this package. PostgreSQL's driver keeps its own.
type statements struct {
	mu   sync.Mutex
	held map[string]*sql.Stmt
}

func (s *statements) get(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[query]
}

// keep prepares what a transaction had to prepare for itself, now that the connection
// is free again.
func (s *statements) keep(ctx context.Context, db *sql.DB, queries []string) error {
	for _, q := range queries {
		stmt, err := db.PrepareContext(ctx, q)
		if err != nil {
			return err
		}
		s.mu.Lock()
		_, twice := s.held[q]
		if !twice {
			s.held[q] = stmt
		}
		s.mu.Unlock()
		if twice {
			if err := stmt.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// preparedTx is a transaction on SQLite that runs every statement prepared.
//
// SQLite answers within the process, and the transaction holds the only lock there is
// to wait for: so each statement asks ctx once and then runs without it. The driver
// would start a goroutine for each to interrupt it.
type preparedTx struct {
	tx    *sql.Tx
	all   *statements
	mine  map[string]*sql.Stmt
	fresh []string // not among all yet
}

// stmt gives the statement within the transaction, which closes it.
func (p *preparedTx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s, ok := p.mine[query]; ok {
		return s, nil
	}
	var s *sql.Stmt
	if held := p.all.get(query); held != nil {
		s = p.tx.StmtContext(context.WithoutCancel(ctx), held)
	} else {
		var err error
		if s, err = p.tx.PrepareContext(context.WithoutCancel(ctx), query); err != nil {
			return nil, err
		}
		p.fresh = append(p.fresh, query)
	}
	p.mine[query] = s
	return s, nil
}

// QueryContext is querier.
func (p *preparedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.WithoutCancel(ctx), args...)
}

// QueryRowContext is querier.
func (p *preparedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return p.tx.QueryRowContext(ctx, query, args...) // tells the same error
	}
	return s.QueryRowContext(context.WithoutCancel(ctx), args...)
}

// ExecContext is querier.
func (p *preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.WithoutCancel(ctx), args...)
}

// each runs a statement for every row.
func (p *preparedTx) each(ctx context.Context, query string, rows [][]any) error {
	for _, r := range rows {
		if _, err := p.ExecContext(ctx, query, r...); err != nil {
			return err
		}
	}
	return nil
}
