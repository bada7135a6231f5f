package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "codes.csv")
	if err := os.WriteFile(file, []byte("a1,ABCDE-FGHJK-0123-4567-89ab-cdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args string
		in   string
		ok   bool
	}{
		"plain":          {"", "", true},
		"codes":          {"--centre https://127.0.0.1:8443 --codes " + file, "", true},
		"codes by stdin": {"--centre https://127.0.0.1:8443 --codes -", "a1,ABCDE-FGHJK-0123-4567-89ab-cdef\n", true},
		"wrong codes":    {"--centre https://127.0.0.1:8443 --codes -", "a1\n", false},
		"no such file":   {"--codes " + file + ".none", "", false},
		"argument":       {"now", "", false},
		"unknown flag":   {"--fast", "", false},
		"level":          {"--log-level loud", "", false},
		"bounds":         {"--loss 2", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := options(strings.Fields(c.args), strings.NewReader(c.in), io.Discard, io.Discard)
			if (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
	var out, said strings.Builder
	if code := run(t.Context(), []string{"--agents", "0"}, nil, &out, &said); code != 2 || !strings.Contains(said.String(), "agents") {
		t.Errorf("exit %d, %s", code, &said)
	}
	if code := run(t.Context(), []string{"--data", t.TempDir()}, nil, &out, &said); code != 1 || !strings.Contains(said.String(), "loaxa device codes") {
		t.Errorf("exit %d, %s", code, &said)
	}
	if code := run(t.Context(), []string{"--version"}, nil, &out, &said); code != 0 || out.Len() == 0 {
		t.Errorf("exit %d, %s", code, &out)
	}
}
