package agent

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOldFolder: an agent that was installed when its folder was the centre's finds its
// journal there; a centre's folder is not taken for an agent's.
func TestOldFolder(t *testing.T) {
	for name, c := range map[string]struct {
		now, old string // a file in each
		inOld    bool
	}{
		"a fresh device":             {"", "", false},
		"an older agent":             {"", journalFile, true},
		"an older one, folder made":  {"spare", journalFile, true},
		"moved":                      {journalFile, "", false},
		"both":                       {journalFile, journalFile, false},
		"a centre on this machine":   {"", "loaxa.db", false},
		"a centre and a fresh agent": {journalFile, "loaxa.db", false},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := []string{t.TempDir(), t.TempDir()}
			for i, file := range []string{c.now, c.old} {
				if file == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dirs[i], file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := whereData(dirs[0], dirs[1]); (got == dirs[1]) != c.inOld {
				t.Errorf("data in %s", got)
			}
		})
	}
	if cfg, old := InOldFolder(Config{Data: "/srv/x"}); cfg.Data != "/srv/x" || old != "" {
		t.Errorf("a folder that was named: %+v %s", cfg, old)
	}
}
