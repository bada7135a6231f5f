package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a private cluster for tests: own folder, unix socket only, no TCP port.
type Postgres struct {
	dir  string
	kept bool // the folder stays
	bin  string
	run  func(name string, args ...string) *exec.Cmd
	next int
	made string // the database that Fresh copies
}

// StartPostgres makes and starts a cluster. As root the server runs as user
// postgres, because it refuses to run as root. Stop it with Stop.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	dir, err := os.MkdirTemp("", "loaxa-pg-")
	if err != nil {
		return nil, err
	}
	return startPostgres(ctx, dir, false)
}

// StartPostgresIn starts the cluster kept in a folder, and makes it if there is none:
// for data that takes long to load.
func StartPostgresIn(ctx context.Context, dir string) (*Postgres, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	return startPostgres(ctx, dir, true)
}

func startPostgres(ctx context.Context, dir string, kept bool) (*Postgres, error) {
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		return nil, errors.New("no PostgreSQL server found under /usr/lib/postgresql: run `make deps`")
	}
	p := &Postgres{dir: dir, kept: kept, bin: bins[len(bins)-1]}
	p.run = func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
		cmd.Dir = dir
		return cmd
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL needs its own user: %w", err)
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
			return nil, err
		}
		plain := p.run
		p.run = func(name string, args ...string) *exec.Cmd {
			cmd := plain(name, args...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			return cmd
		}
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		// Kept from an earlier time.
	} else if out, err := p.run("initdb", "-D", data, "-A", "trust", "-U", "loaxa", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	buffers := "32MB"
	if kept {
		buffers = "256MB" // what the README advises for a province
	}
	opts := "-c listen_addresses='' -c unix_socket_directories='" + dir + "' -c fsync=off -c shared_buffers=" + buffers + " -c max_connections=60"
	if out, err := p.run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", filepath.Join(dir, "log"), "-o", opts, "start").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w: %s", err, out)
	}
	return p, nil
}

// Database makes an empty database and gives its address.
func (p *Postgres) Database() (string, error) {
	return p.create("template1")
}

// Fresh makes a database with nothing in it but the schema of today, which is made once,
// and gives its address.
func (p *Postgres) Fresh(ctx context.Context) (string, error) {
	if p.made == "" {
		dsn, err := p.Database()
		if err == nil {
			err = migrated(ctx, dsn)
		}
		if err != nil {
			return "", err
		}
		p.made = "t" + strconv.Itoa(p.next)
	}
	return p.create(p.made)
}

func (p *Postgres) create(template string) (string, error) {
	p.next++
	name := "t" + strconv.Itoa(p.next)
	out, err := p.run("createdb", "-h", p.dir, "-U", "loaxa", "-T", template, name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("createdb: %w: %s", err, out)
	}
	return p.address(name), nil
}

// Kept gives the address of a database with a name, and makes it if there is none.
func (p *Postgres) Kept(ctx context.Context, name string) (string, error) {
	out, err := p.run("psql", "-h", p.dir, "-U", "loaxa", "-d", "postgres", "-Atc", "SELECT 1 FROM pg_database WHERE datname = '"+name+"'").CombinedOutput()
	if err == nil && len(out) == 0 {
		out, err = p.run("createdb", "-h", p.dir, "-U", "loaxa", name).CombinedOutput()
	}
	if err != nil {
		return "", fmt.Errorf("database %s: %w: %s", name, err, out)
	}
	return p.address(name), nil
}

func (p *Postgres) address(name string) string {
	return "postgres:///" + name + "?host=" + strings.ReplaceAll(p.dir, "/", "%2F") + "&user=loaxa"
}

// Stop ends the server and removes its folder, unless it is kept.
func (p *Postgres) Stop() error {
	// A fresh command: the context given at the start may have ended.
	mode := "immediate"
	if p.kept {
		mode = "fast"
	}
	stop := p.run("pg_ctl", "-D", filepath.Join(p.dir, "data"), "-m", mode, "-w", "-t", "600", "stop")
	fresh := exec.Command(stop.Path, stop.Args[1:]...)
	fresh.Dir, fresh.SysProcAttr = stop.Dir, stop.SysProcAttr
	fresh.WaitDelay = 30 * time.Second
	out, err := fresh.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("stop PostgreSQL: %w: %s", err, out)
	}
	if p.kept {
		return err
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
