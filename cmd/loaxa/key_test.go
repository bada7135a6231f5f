package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKeysAfterRestore: a key revoked after the backup does not come back unasked, a root
// made after it is walked to, and what a newer key folder knows is kept.
func TestKeysAfterRestore(t *testing.T) {
	d := settled(t)
	d.run(incomplete, "made", "", "backup --to @b.tar.gz") // the sample plan has no audio
	d.run(0, "revoked", "", "key person revoke --root @root.jwk --user lan")
	d.run(0, "root2.jwk.steps.json: keep them", "", "key root --plain --after @root.jwk --out @root2.jwk")
	later := d.file("later")
	copyFolder(t, filepath.Join(d.data, "keys"), later)
	kid := regexp.MustCompile(`lan +cam-xuyen +alert +(\S+)`).FindStringSubmatch(d.run(0, `lan [^\n]* revoked`, "", "key person list"))
	if kid == nil {
		t.Fatal("no key of lan")
	}

	t.Run("nothing newer is left", func(t *testing.T) {
		d := &desk{t: t, dir: d.dir}
		d.in(t.TempDir())
		said := d.run(0, "REVOCATIONS SINCE .* UTC[+-].* ARE LOST", "", "restore --from @b.tar.gz")
		if !strings.Contains(said, "key root --steps") || !strings.Contains(said, "--keys FOLDER") {
			t.Error(said)
		}
		d.run(1, "look at whom it trusts", "", "key person revoke --root @root.jwk --user lan")
		d.run(1, "look at whom it trusts", "", "key online --root @root.jwk --stolen")
		d.run(1, "look at whom it trusts", "", "key root --plain --after @root.jwk --out @root3.jwk")
		said = d.run(1, "say --yes", "", "key sign --root @root.jwk"+ends)
		for _, part := range []string{"the backup of", "Revocations since then are lost", "2 keys of persons", kid[1], "since 20", "online key", "person revoke"} {
			if !strings.Contains(said, part) {
				t.Errorf("nothing of %q:\n%s", part, said)
			}
		}
		d.run(1, `not this province|not the province's root key: root 1.*--steps`, "", "key sign --yes --root @root2.jwk"+ends)
		d.run(1, "no file of root steps|not a file of root steps", "", "key root --steps @root2.jwk")
		d.run(0, "root key 2", "", "key root --steps @root2.jwk.steps.json")
		d.run(1, "lead no further than root 2", "", "key root --steps @root2.jwk.steps.json")
		d.run(1, "was the province's root key 1", "", "key sign --yes --root @root.jwk"+ends)
		d.run(0, "lan .*keyring signed", "", "key sign --yes --root @root2.jwk"+ends)
		if said := d.run(0, "keyring signed", "", "key sign --root @root2.jwk"+ends); strings.Contains(said, "lan") {
			t.Error("asked twice", said)
		}
		d.run(0, "1 keys of lan revoked", "", "key person revoke --root @root2.jwk --user lan")
	})
	for name, place := range map[string]func(data string) string{
		"a copy of the key folder": func(string) string { return " --keys @later" },
		"the folder itself": func(data string) string {
			copyFolder(t, later, filepath.Join(data, "keys"))
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{t: t, dir: d.dir}
			d.in(t.TempDir())
			more := place(d.data)
			said := d.run(0, `root 2, 1 keys revoked\).*no revocation is lost`, "", "restore --from @b.tar.gz"+more)
			if aside, err := filepath.Glob(filepath.Join(d.data, "keys.before-*")); err != nil || (len(aside) == 1) != (more == "") || strings.Contains(said, "keys.before-") != (more == "") {
				t.Errorf("%v %v\n%s", aside, err, said)
			}
			d.run(0, `lan [^\n]* revoked`, "", "key person list")
			d.run(0, "keyring signed", "", "key sign --root @root2.jwk"+ends)
			d.run(0, `lan [^\n]* revoked`, "", "key person list")
			d.run(1, "revoked for good|holds no such key", "", "key person revoke --root @root2.jwk --user lan")
		})
	}
	t.Run("keys of nobody", func(t *testing.T) {
		d := &desk{t: t, dir: d.dir}
		d.in(t.TempDir())
		d.run(1, "is no folder of keys", "", "restore --from @b.tar.gz --keys @nowhere")
	})

	t.Run("a lost keyring", func(t *testing.T) {
		d := &desk{t: t, dir: d.dir, data: d.data}
		if err := os.Remove(filepath.Join(d.data, "keys", "keyring.json")); err != nil {
			t.Fatal(err)
		}
		d.run(1, "keyring.json is missing.*key sign", "", "key person list")
		d.run(1, "keyring.json is missing", "", "key person revoke --root @root2.jwk --user hoa")
		d.run(1, "keyring.json is missing", "", "key root --plain --after @root2.jwk --out @root3.jwk")
		if said := d.run(1, "The keyring is lost.*hoa .*say --yes", "", "key sign --root @root2.jwk"+ends); strings.Contains(said, "lan ") {
			t.Error("a revoked key would be certified", said)
		}
		d.run(0, "1 keys of persons; 1 keys stay revoked.*keyring signed", "", "key sign --yes --root @root2.jwk"+ends)
		d.run(0, `hoa [^\n]* works.*lan [^\n]* revoked`, "", "key person list")
	})
	gone(t, d.file("root3.jwk"))
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left behind", filepath.Base(path))
	}
}

// TestWrongRootBefore: a step that comes to nothing says why and leaves no file.
func TestWrongRootBefore(t *testing.T) {
	d := newDesk(t)
	layDown(t, d.data)
	d.run(0, "root key", "", "key root --plain --out @root.jwk")
	d.run(0, "root key", "", "key root --plain --out @other.jwk")
	d.run(0, "signed", "", "key sign --root @root.jwk"+ends)
	if err := os.WriteFile(d.file("text"), []byte("not a key at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, args, want string }{
		{"another key", "--after @other.jwk", `--after \S+other.jwk: .*not the province's root key: root 1`},
		{"no file", "--after @none.jwk", `--after: key file \S+none.jwk: not found`},
		{"no key", "--after @text", `--after: key file \S+text: invalid: it holds no key`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{t: t, dir: d.dir, data: d.data}
			d.run(1, c.want, "", "key root --plain --out @new.jwk "+c.args)
			gone(t, d.file("new.jwk"))
		})
	}
	before, err := os.ReadFile(d.file("root.jwk"))
	if err != nil {
		t.Fatal(err)
	}
	d.run(1, "exists already", "", "key root --plain --after @root.jwk --out @other.jwk")
	d.run(1, "exists already", "", "key root --plain --out @root.jwk")
	if after, err := os.ReadFile(d.file("root.jwk")); err != nil || string(after) != string(before) {
		t.Error("a root key was overwritten")
	}
	d.run(0, "root key 2", "", "key root --plain --after @root.jwk --out @new.jwk")
}
