package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// LogTx is one writing transaction on the log: journals, airings, words and what
// devices say of themselves. ingest and reconcile decide between its reads and its
// writes, so the transaction is handed to them; no other writer of the log runs
// beside it.
type LogTx struct {
	store *Store
	q     querier
	// sqlite is q on SQLite, nil on PostgreSQL.
	sqlite *preparedTx
	// counted and absent say how rows read so far count in the rollups.
	counted map[airingRef]counted
	absent  map[airingRef]bool
	// closed are the closed months and when, once they were asked for.
	closed map[string]radio.Millis
}

// logLock names the log among PostgreSQL's advisory locks.
const logLock = 0x10a8a1

// Log runs f in one transaction on the log and commits when it returns nil.
func (s *Store) Log(ctx context.Context, f func(*LogTx) error) error {
	t := &LogTx{store: s, counted: map[airingRef]counted{}, absent: map[airingRef]bool{}}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if s.eng.name() == "postgres" {
			// SQLite has one writer anyway. Here two that read, decide and write the
			// same rows must come one after the other, too.
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, logLock); err != nil {
				return fmt.Errorf("lock the log: %w", err)
			}
			t.q = tx
			return f(t)
		}
		t.sqlite = &preparedTx{tx: tx, all: &s.prepared, mine: map[string]*sql.Stmt{}}
		t.q = t.sqlite
		return f(t)
	})
	if err == nil && t.sqlite != nil {
		// What is committed stays committed: a statement that cannot be kept now is
		// prepared by the next transaction for itself.
		_ = s.prepared.keep(ctx, s.write, t.sqlite.fresh)
	}
	return err
}

// bulk describes a table for writing many rows at once. Columns are "name type" with
// PostgreSQL's types text, bigint and bytea.
type bulk struct {
	table   string
	columns []string
	// conflict is what follows the values: ON CONFLICT …
	conflict string
}

// put writes rows: on PostgreSQL as arrays in one statement (no two rows may have the
// same key), on SQLite one by one with a prepared statement.
func (t *LogTx) put(ctx context.Context, b bulk, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	names, types := splitColumns(b.columns)
	places := make([]string, len(names))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
		if t.pg() {
			places[i] += "::" + types[i] + "[]"
		}
	}
	query := "INSERT INTO " + b.table + " (" + strings.Join(names, ", ") + ") "
	if t.pg() {
		query += "SELECT * FROM unnest(" + strings.Join(places, ", ") + ") "
	} else {
		query += "VALUES (" + strings.Join(places, ", ") + ") "
	}
	query += b.conflict
	var err error
	if t.pg() {
		_, err = t.q.ExecContext(ctx, query, arrays(types, rows)...)
	} else {
		err = t.sqlite.each(ctx, query, rows)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", b.table, err)
	}
	return nil
}

// update sets columns of rows that exist, found by their first keys columns. It leaves
// indexes alone that hold none of the other columns.
func (t *LogTx) update(ctx context.Context, b bulk, keys int, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	names, types := splitColumns(b.columns)
	var set, cond, places, aliases []string
	for i, n := range names {
		value := fmt.Sprintf("$%d", i+1)
		if t.pg() {
			places, value = append(places, value+"::"+types[i]+"[]"), fmt.Sprintf("u.c%d", i)
			aliases = append(aliases, fmt.Sprintf("c%d", i))
		}
		if i < keys {
			cond = append(cond, b.table+"."+n+" = "+value)
		} else {
			set = append(set, n+" = "+value)
		}
	}
	query := "UPDATE " + b.table + " SET " + strings.Join(set, ", ")
	var err error
	if t.pg() {
		query += " FROM unnest(" + strings.Join(places, ", ") + ") AS u(" + strings.Join(aliases, ", ") + ") WHERE " + strings.Join(cond, " AND ")
		_, err = t.q.ExecContext(ctx, query, arrays(types, rows)...)
	} else {
		err = t.sqlite.each(ctx, query+" WHERE "+strings.Join(cond, " AND "), rows)
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", b.table, err)
	}
	return nil
}

// pick reads the rows of a table with the given keys, in one statement whatever their
// number. from is "table alias", key columns are "alias.name type".
func pick[T any](ctx context.Context, t *LogTx, what, from string, columns []string, keys [][]any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	names, types := splitColumns(columns)
	conds, places, aliases := make([]string, len(names)), make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		conds[i] = fmt.Sprintf("%s = k.value ->> %d", n, i)
		if t.pg() {
			aliases[i], places[i] = fmt.Sprintf("k%d", i), fmt.Sprintf("$%d::%s[]", i+1, types[i])
			conds[i] = n + " = k." + aliases[i]
		}
	}
	where := strings.Join(conds, " AND ")
	if t.pg() {
		return collect(ctx, t.q, scan, "SELECT "+what+" FROM "+from+" JOIN unnest("+strings.Join(places, ", ")+") AS k("+
			strings.Join(aliases, ", ")+") ON "+where, arrays(types, keys)...)
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	// CROSS JOIN keeps the order: each key is looked up in the table's own index.
	return collect(ctx, t.q, scan, "SELECT "+what+" FROM json_each($1) k CROSS JOIN "+from+" WHERE "+where, string(list))
}

func (t *LogTx) pg() bool { return t.sqlite == nil }

func splitColumns(columns []string) (names, types []string) {
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, " ")
		names, types = append(names, name), append(types, typ)
	}
	return names, types
}

// arrays turns rows into one typed slice a column, as pgx sends arrays.
func arrays(types []string, rows [][]any) []any {
	out := make([]any, len(types))
	for i, typ := range types {
		switch typ {
		case "bigint":
			out[i] = columnOf[int64](rows, i)
		case "bytea":
			out[i] = columnOf[[]byte](rows, i)
		default:
			out[i] = columnOf[string](rows, i)
		}
	}
	return out
}

func columnOf[T any](rows [][]any, i int) []T {
	col := make([]T, len(rows))
	for j, r := range rows {
		if r[i] != nil {
			col[j] = r[i].(T)
		}
	}
	return col
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// monthOf names the part of the log an instant belongs to: yyyymm in UTC.
func monthOf(at radio.Millis) int64 {
	y, m, _ := at.Time().Date()
	return int64(y)*100 + int64(m)
}
