package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

var (
	airingNames = strings.Fields(`month device airing origin slot_at repeat day start samples revision held frozen_at deadline commune campaign slot priority
		bulletin place item outcome reason said started_at consumed expected at_least proof stale clock known_at words`)
	wordNames = strings.Fields(`month device airing n known_at said outcome reason started_at consumed expected at_least proof stale clock journal seq`)
)

func (r yearRow) values(month int64) []any {
	a := r.AsRun
	return []any{month, string(a.Key.Device), string(a.Airing), string(a.Origin), int64(a.Key.SlotAt), int64(1), string(a.Day), int64(a.Start), a.Samples,
		a.Revision, a.Held, int64(a.FrozenAt), int64(a.Deadline), string(a.Commune), string(a.Campaign), int64(a.SlotTime), string(a.Priority), string(a.Bulletin),
		r.place, r.item, string(a.Outcome), string(a.Reason), a.From, int64(a.StartedAt), a.Consumed, a.Expected, int64(0), a.Proof, int64(0), a.Clock, int64(a.KnownAt), int64(a.Words)}
}

func (r yearRow) word(month int64) []any {
	a := r.AsRun
	return []any{month, string(a.Key.Device), string(a.Airing), int64(1), int64(a.KnownAt), a.From, string(a.Outcome), string(a.Reason), int64(a.StartedAt),
		a.Consumed, a.Expected, int64(0), a.Proof, int64(0), a.Clock, string(a.Key.Device), int64(a.Start / 1000)}
}

// loading fills a database with a year, a month in a transaction, and goes on where it
// was broken off. Rows come in the order of the primary key; the other indexes are made
// afterwards. It writes around the store, whose own way is measured by bench-ingest.
type loading struct {
	y  *year
	db *sql.DB
	pg bool
	b  *testing.B
}

// execer is a handle, a connection or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (l *loading) exec(ctx context.Context, q execer, query string, args ...any) {
	l.b.Helper()
	if _, err := q.ExecContext(ctx, query, args...); err != nil {
		l.b.Fatalf("%.120s: %v", query, err)
	}
}

// texts reads one column of text.
func (l *loading) texts(ctx context.Context, query string) []string {
	l.b.Helper()
	rows, err := l.db.QueryContext(ctx, query)
	if err != nil {
		l.b.Fatal(err)
	}
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			l.b.Fatal(err)
		}
		out = append(out, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		l.b.Fatal(err)
	}
	return out
}

func (l *loading) run(ctx context.Context) {
	l.exec(ctx, l.db, `CREATE TABLE IF NOT EXISTS bench_done (step TEXT PRIMARY KEY)`)
	l.exec(ctx, l.db, `CREATE TABLE IF NOT EXISTS bench_index (sql TEXT PRIMARY KEY)`)
	done := l.texts(ctx, `SELECT step FROM bench_done`)
	if slices.Contains(done, "all") {
		return
	}
	start := time.Now()
	l.dropIndexes(ctx)
	for _, month := range l.y.months() {
		if !slices.Contains(done, fmt.Sprint(month)) {
			l.month(ctx, month)
			fmt.Fprintf(os.Stderr, "month %d loaded after %s\n", month, time.Since(start).Round(time.Second))
		}
	}
	if !slices.Contains(done, "rollups") {
		tx := l.begin(ctx)
		file := filepath.Join("migrations", map[bool]string{true: "postgres", false: "sqlite"}[l.pg], "0008_rollup.sql")
		text, err := os.ReadFile(file)
		if err != nil {
			l.b.Fatal(err)
		}
		// The migration's own statements; slot_day was counted month by month.
		for _, s := range regexp.MustCompile(`(?s)INSERT INTO (?:commune_day|province_day|campaign_month) .*?;`).FindAllString(string(text), -1) {
			l.exec(ctx, tx, s)
		}
		for i, id := range l.y.communes {
			l.exec(ctx, tx, `INSERT INTO area (id, code, kind, name) VALUES ($1, $2, 'commune', $3)`, string(id), fmt.Sprintf("xa-%02d", i), communeName(i))
		}
		l.commit(ctx, tx, "rollups")
	}
	for _, s := range l.texts(ctx, `SELECT sql FROM bench_index ORDER BY sql`) {
		tx := l.begin(ctx)
		l.exec(ctx, tx, s)
		l.exec(ctx, tx, `DELETE FROM bench_index WHERE sql = $1`, s)
		if err := tx.Commit(); err != nil {
			l.b.Fatal(err)
		}
		fmt.Fprintf(os.Stderr, "%.60s… made after %s\n", s, time.Since(start).Round(time.Second))
	}
	if l.pg {
		l.exec(ctx, l.db, `VACUUM ANALYZE`)
	}
	l.exec(ctx, l.db, `INSERT INTO bench_done (step) VALUES ('all')`)
	fmt.Fprintf(os.Stderr, "loaded in %s\n", time.Since(start).Round(time.Second))
}

func (l *loading) begin(ctx context.Context) *sql.Tx {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		l.b.Fatal(err)
	}
	return tx
}

func (l *loading) commit(ctx context.Context, tx *sql.Tx, step string) {
	l.exec(ctx, tx, `INSERT INTO bench_done (step) VALUES ($1)`, step)
	if err := tx.Commit(); err != nil {
		l.b.Fatal(err)
	}
}

func (l *loading) dropIndexes(ctx context.Context) {
	names := `SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'airing' AND sql IS NOT NULL`
	keep := `INSERT INTO bench_index (sql) SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'airing' AND sql IS NOT NULL AND name = $1 ON CONFLICT DO NOTHING`
	if l.pg {
		names = `SELECT indexname FROM pg_indexes WHERE tablename = 'airing' AND indexname <> 'airing_pkey'`
		keep = `INSERT INTO bench_index (sql) SELECT indexdef FROM pg_indexes WHERE tablename = 'airing' AND indexname = $1 ON CONFLICT DO NOTHING`
	}
	for _, step := range l.texts(ctx, `SELECT step FROM bench_done`) {
		if step == "rollups" {
			return // indexes are being made
		}
	}
	for _, n := range l.texts(ctx, names) {
		tx := l.begin(ctx)
		l.exec(ctx, tx, keep, n)
		l.exec(ctx, tx, `DROP INDEX `+n)
		if err := tx.Commit(); err != nil {
			l.b.Fatal(err)
		}
	}
}

type yearCell struct {
	commune, day       string
	slot               int64
	campaign, bulletin string
	planned            int64
	origin, priority   string
}

// month loads the rows of a month with their words, captions and counts.
func (l *loading) month(ctx context.Context, month int64) {
	cells := map[yearCell]*[10]int64{}
	captions := map[string]string{}
	words := l.y.month(month, func(string, string) {})
	rows := func(yield func(yearRow) bool) {
		for r := range l.y.month(month, func(id, body string) { captions[id] = body }) {
			a := r.AsRun
			c := yearCell{string(a.Commune), string(a.Day), int64(a.SlotTime), string(a.Campaign), string(a.Bulletin), 0, string(a.Origin), string(a.Priority)}
			if a.Planned() {
				c.planned = 1
			}
			if cells[c] == nil {
				cells[c] = &[10]int64{}
			}
			cells[c][slices.Index(radio.Outcomes(), a.Outcome)]++
			if !yield(r) {
				return
			}
		}
	}
	if l.pg {
		l.copyMonth(ctx, month, rows, words, cells, captions)
		return
	}
	tx := l.begin(ctx)
	putAiring := l.prepare(ctx, tx, "airing", airingNames)
	putWord := l.prepare(ctx, tx, "airing_word", wordNames)
	for r := range rows {
		l.put(ctx, putAiring, r.values(month))
	}
	for r := range words {
		if r.Words > 0 {
			l.put(ctx, putWord, r.word(month))
		}
	}
	l.counts(ctx, tx, cells, captions)
	l.commit(ctx, tx, fmt.Sprint(month))
}

func (l *loading) prepare(ctx context.Context, tx *sql.Tx, table string, names []string) *sql.Stmt {
	places := make([]string, len(names))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	s, err := tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(places, ", ")+")")
	if err != nil {
		l.b.Fatal(err)
	}
	return s
}

func (l *loading) put(_ context.Context, s *sql.Stmt, values []any) {
	if _, err := s.Exec(values...); err != nil {
		l.b.Fatal(err)
	}
}

func (l *loading) counts(ctx context.Context, tx execer, cells map[yearCell]*[10]int64, captions map[string]string) {
	for id, body := range captions {
		l.exec(ctx, tx, `INSERT INTO caption (id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, body)
	}
	for c, n := range cells {
		l.exec(ctx, tx, `INSERT INTO slot_day (commune, day, slot, campaign, bulletin, planned, origin, priority, pending, aired, partial, preempted, declined, refused, missed, failed, cancelled, silent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (commune, day, slot, campaign, bulletin, planned, origin, priority)
			DO UPDATE SET pending = slot_day.pending + excluded.pending, aired = slot_day.aired + excluded.aired, partial = slot_day.partial + excluded.partial,
			preempted = slot_day.preempted + excluded.preempted, declined = slot_day.declined + excluded.declined, refused = slot_day.refused + excluded.refused,
			missed = slot_day.missed + excluded.missed, failed = slot_day.failed + excluded.failed, cancelled = slot_day.cancelled + excluded.cancelled, silent = slot_day.silent + excluded.silent`,
			c.commune, c.day, c.slot, c.campaign, c.bulletin, c.planned, c.origin, c.priority, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9])
	}
}

// copyMonth loads a month with COPY, on one connection and in one transaction.
func (l *loading) copyMonth(ctx context.Context, month int64, rows, words func(func(yearRow) bool), cells map[yearCell]*[10]int64, captions map[string]string) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		l.b.Fatal(err)
	}
	l.exec(ctx, conn, `BEGIN`)
	err = conn.Raw(func(driver any) error {
		pg := driver.(*stdlib.Conn).Conn()
		for _, part := range []struct {
			table string
			names []string
			rows  func(func(yearRow) bool)
			value func(yearRow) []any
		}{
			{"airing", airingNames, rows, func(r yearRow) []any { return r.values(month) }},
			{"airing_word", wordNames, func(yield func(yearRow) bool) {
				words(func(r yearRow) bool { return r.Words == 0 || yield(r) })
			}, func(r yearRow) []any { return r.word(month) }},
		} {
			next, stop := iter.Pull(iter.Seq[yearRow](part.rows))
			_, err := pg.CopyFrom(ctx, pgx.Identifier{part.table}, part.names, pgx.CopyFromFunc(func() ([]any, error) {
				r, ok := next()
				if !ok {
					return nil, nil
				}
				return part.value(r), nil
			}))
			stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.b.Fatal(err)
	}
	l.counts(ctx, conn, cells, captions)
	l.exec(ctx, conn, `INSERT INTO bench_done (step) VALUES ($1)`, fmt.Sprint(month))
	l.exec(ctx, conn, `COMMIT`)
	if err := conn.Close(); err != nil {
		l.b.Fatal(err)
	}
}

// openYear opens the benchmark's database, loaded.
func openYear(b *testing.B, dsn string, pg bool, days int) (*store.Store, *year) {
	ctx := context.Background()
	y := newYear(days)
	s, err := store.Open(ctx, dsn) // makes the schema
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	driver, raw := "pgx", dsn
	if !pg {
		// A month is one transaction: a rollback journal holds only pages that were there
		// before. What a power cut breaks is loaded again.
		driver, raw = "sqlite", "file:"+dsn+"?_pragma=journal_mode(TRUNCATE)&_pragma=synchronous(OFF)&_pragma=cache_size(-262144)&_pragma=busy_timeout(10000)&_pragma=temp_store(FILE)"
	}
	db, err := sql.Open(driver, raw)
	if err != nil {
		b.Fatal(err)
	}
	if !pg {
		db.SetMaxOpenConns(1)
	}
	(&loading{y: y, db: db, pg: pg, b: b}).run(ctx)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	if s, err = store.Open(ctx, dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s, y
}
