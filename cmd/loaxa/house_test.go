package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// desk runs commands as a person types them, on a data folder of its own.
type desk struct {
	t    *testing.T
	dir  string // for files
	data string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	t.Setenv("LOAXA_CONFIG", "")
	t.Setenv("SUDO_USER", "thu")
	d := &desk{t: t, dir: t.TempDir()}
	d.in(t.TempDir())
	return d
}

// in takes another data folder.
func (d *desk) in(data string) {
	d.data = data
	d.t.Setenv("LOAXA_DATA", data)
}

// file is a path for a file.
func (d *desk) file(name string) string { return filepath.Join(d.dir, name) }

// run types a command, whose words may name files as @name, and wants this exit code and
// pattern in all that it says.
func (d *desk) run(code int, want, in, line string) string {
	d.t.Helper()
	var said bytes.Buffer
	args := strings.Fields(line)
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "@"); ok {
			args[i] = d.file(name)
		}
	}
	got := dispatch(d.t.Context(), &env{in: strings.NewReader(in), out: &said, err: &said}, args)
	if got != code || !regexp.MustCompile("(?s)"+want).MatchString(said.String()) {
		d.t.Fatalf("loaxa %s: code %d, want %d and %q\n%s", line, got, code, want, &said)
	}
	return said.String()
}

const (
	ends = " --broker mqtts://a:8883 --media https://a:8443"
	word = "chiều nay trời mưa to\n"
)

// settled is a centre with a province, keys, and lan and hoa, who may alert in cam-xuyen.
func settled(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	layDown(t, d.data)
	for _, login := range []string{"lan", "hoa"} {
		d.run(0, "made", word, "user add --login "+login+" --name "+login+" --role approver@cam-xuyen --password-stdin")
	}
	d.run(0, "root key", "", "key root --plain --out @root.jwk")
	d.run(0, "keyring signed", "", "key sign --root @root.jwk"+ends)
	for _, login := range []string{"lan", "hoa"} {
		d.run(0, "opens with the password", word, "key person add --root @root.jwk --user "+login+" --area cam-xuyen --password-stdin")
	}
	return d
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	// A key file that others may read is refused.
	if err := filepath.Walk(to, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	}); err != nil {
		t.Fatal(err)
	}
}
