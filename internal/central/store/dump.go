package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"loaxa/internal/radio"
)

// OpenUnchanged connects without bringing the schema up to date, for a copy of what is
// there. A schema newer than this program is refused all the same.
func OpenUnchanged(ctx context.Context, dsn string) (*Store, error) {
	s, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	have, err := s.Schema(ctx)
	if newest := NewestSchema(); err == nil && have > newest {
		err = fmt.Errorf("%w: the database has schema %d, this program knows up to %d: use a newer program", radio.ErrConflict, have, newest)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

// Schema is the number of the newest migration the database has had.
func (s *Store) Schema(ctx context.Context) (int, error) {
	var have int
	if err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM schema_version`).Scan(&have); err != nil {
		return 0, s.kind(fmt.Errorf("read schema_version: %w", err))
	}
	return have, nil
}

// NewestSchema is the number of the newest migration this program knows; both engines
// have the same.
func NewestSchema() int {
	all, err := (&Store{eng: sqliteEngine{}}).migrations()
	if err != nil || len(all) == 0 {
		return 0 // the files are embedded: tests find a wrong name, nobody else
	}
	return all[len(all)-1].number
}

// ApprovedAudio lists the hashes of every rendition of an approved bulletin.
func (s *Store) ApprovedAudio(ctx context.Context) ([]radio.SHA256, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) ([]radio.Rendition, error) {
		var text string
		var list []radio.Rendition
		if err := r.Scan(&text); err != nil {
			return nil, err
		}
		return list, json.Unmarshal([]byte(text), &list)
	}, `SELECT renditions FROM bulletin_version WHERE state = $1`, radio.Approved)
	if err != nil {
		return nil, s.kind(fmt.Errorf("audio of approved bulletins: %w", err))
	}
	var out []radio.SHA256
	for _, list := range all {
		for _, r := range list {
			out = append(out, r.SHA256)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Restored marks a database that has just come back from a backup: what was ended since
// must not live again, so every session and API token ends, and every unused code.
// facts go into the audit.
func (s *Store) Restored(ctx context.Context, actor string, facts radio.AuditFacts, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			`DELETE FROM web_session`, `DELETE FROM enrolment_code WHERE used_at = 0`, `DELETE FROM invitation WHERE used_at = 0`, `DELETE FROM second_reset`,
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("end sessions and codes of the backup: %w", err)
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE api_token SET revoked_at = $1 WHERE revoked_at = 0`, at); err != nil {
			return fmt.Errorf("end API tokens of the backup: %w", err)
		}
		return audit(ctx, tx, at, actor, "centre.restore", "centre", facts)
	})
}

// EmptyPostgres gives ErrConflict when the database holds any table.
func EmptyPostgres(ctx context.Context, dsn string) error {
	s, err := connect(dsn)
	if err != nil {
		return err
	}
	var tables int
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'`).Scan(&tables)
	if err == nil && tables > 0 {
		err = fmt.Errorf("%w: the PostgreSQL database is not empty: name a fresh one (createdb) in the configuration", radio.ErrConflict)
	}
	return errors.Join(err, s.Close())
}

// LoadPostgres fills an empty database from a copy that Snapshot made, all or nothing.
func LoadPostgres(ctx context.Context, dsn, path string) error {
	env, name, err := libpqEnv(dsn)
	if err != nil {
		return err
	}
	return pgTool(ctx, env, "pg_restore", "--no-password", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
		"--dbname="+name, path)
}

func (e postgresEngine) snapshot(ctx context.Context, _ *sql.DB, path string) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%w: %s exists already", radio.ErrConflict, path)
	}
	env, _, err := libpqEnv(e.dsn)
	if err != nil {
		return err
	}
	return pgTool(ctx, env, "pg_dump", "--no-password", "--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--file="+path)
}

// pgTool runs one of PostgreSQL's own programs.
func pgTool(ctx context.Context, env []string, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("%w: %s is missing: install PostgreSQL's client programs (Debian: postgresql-client)", radio.ErrUnavailable, name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.WaitDelay = env, 10*time.Second
	said := &lastWords{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return nil
}

// lastWords keeps the end of what a program prints.
type lastWords struct{ b []byte }

func (l *lastWords) Write(p []byte) (int, error) {
	const most = 4096
	l.b = append(l.b, p...)
	l.b = l.b[max(0, len(l.b)-most):]
	return len(p), nil
}

func (l *lastWords) String() string { return string(bytes.TrimSpace(l.b)) }

// libpqNames are the parameters of an address that libpq takes from the environment
// besides host, port, user, password and database.
var libpqNames = map[string]string{
	"sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT", "sslnegotiation": "PGSSLNEGOTIATION",
	"connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS", "options": "PGOPTIONS",
	"krbsrvname": "PGKRBSRVNAME", "channel_binding": "PGCHANNELBINDING", "passfile": "PGPASSFILE",
}

// libpqEnv puts an address into the environment of PostgreSQL's programs, where other
// users of the machine cannot read it as they can a command line; and gives the name of
// the database. What only the Go driver knows (its caches, say) is left out.
func libpqEnv(dsn string) (env []string, database string, err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// ParseConfig's text may hold the password.
		return nil, "", fmt.Errorf("%w: the postgres address cannot be read", radio.ErrInvalid)
	}
	hosts, ports := []string{cfg.Host}, []string{strconv.Itoa(int(cfg.Port))}
	for _, f := range cfg.Fallbacks {
		// The driver lists a host twice, with and without TLS.
		if port := strconv.Itoa(int(f.Port)); f.Host != hosts[len(hosts)-1] || port != ports[len(ports)-1] {
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "LOAXA_") {
			env = append(env, kv)
		}
	}
	env = append(env, "PGHOST="+strings.Join(hosts, ","), "PGPORT="+strings.Join(ports, ","), "PGUSER="+cfg.User, "PGDATABASE="+cfg.Database)
	if cfg.Password != "" {
		env = append(env, "PGPASSWORD="+cfg.Password)
	}
	if u, err := url.Parse(dsn); err == nil {
		for key, value := range u.Query() {
			if name, known := libpqNames[key]; known {
				env = append(env, name+"="+value[len(value)-1])
			}
		}
	}
	return env, cfg.Database, nil
}
