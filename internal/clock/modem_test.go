package clock

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestModem(t *testing.T) {
	sh := func(script string) ModemOptions {
		return ModemOptions{Command: []string{"/bin/sh", "-c", script}, Every: time.Minute, Timeout: 500 * time.Millisecond}
	}
	for name, c := range map[string]struct {
		modem ModemOptions
		state State
		says  string // the error
	}{
		"an answer":     {sh("echo 1772427600.5 0.25"), Trusted, ""},
		"too vague":     {sh("echo 1772427600 60"), Untrusted, "accuracy"},
		"before floor":  {sh("echo 1600000000 1"), Untrusted, "has passed already"},
		"nothing":       {sh("true"), Untrusted, "want one line"},
		"words":         {sh("echo it is noon"), Untrusted, "want one line"},
		"two lines":     {sh("echo 1772427600 1; echo 1772427600 1"), Untrusted, "want one line"},
		"a flood":       {sh("head -c 100000 /dev/zero"), Untrusted, "want one line"},
		"it fails":      {sh("echo 1772427600 1; exit 1"), Untrusted, "exit status 1"},
		"it hangs":      {sh("exec sleep 600"), Untrusted, "no answer within"},
		"it is missing": {ModemOptions{Command: []string{"/nowhere/modem"}, Every: time.Minute, Timeout: time.Second}, Untrusted, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newBench(t, y1970, Options{BuildTime: built, Modem: c.modem})
			err := s.askOnce(t.Context())
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v, want %q", err, c.says)
			}
			source := SourceNone
			if c.state == Trusted {
				source = SourceModem
			}
			r := want(t, s, c.state, source)
			if c.state == Trusted && (!s.Now().Equal(time.Unix(1772427600, 5e8)) || r.Bound != 250*time.Millisecond) {
				t.Errorf("now %s, bound %s", s.Now(), r.Bound)
			}
		})
	}
	for name, m := range map[string]ModemOptions{
		"searched":  {Command: []string{"mmcli"}, Every: time.Minute, Timeout: time.Second},
		"too often": {Command: []string{"/usr/bin/mmcli"}, Every: time.Second, Timeout: time.Second},
		"no time":   {Command: []string{"/usr/bin/mmcli"}, Every: time.Minute},
	} {
		if _, err := New(Options{Modem: m}, silent); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestModemIsAskedByRun: the program is asked when the clock begins, and not while the
// kernel is synchronised.
func TestModemIsAskedByRun(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	opts := Options{BuildTime: built, Modem: ModemOptions{Command: []string{"/bin/sh", "-c", `echo x >> "$0"; echo 1772427600 1`, asked},
		Every: time.Hour, Timeout: 10 * time.Second}}
	s, _ := newBench(t, y1970, opts)
	run(t, s, func() bool { return s.State().Source == SourceModem })
	s, b := newBench(t, noon, opts)
	b.setSync(true, time.Millisecond)
	run(t, s, func() bool { return true })
	if names, err := filepath.Glob(asked); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

func FuzzParseModem(f *testing.F) {
	for _, s := range []string{"1772427600.5 0.25", "1772427600 1", "", "0 0", "1772427600 -1", "99999999999 59.9", "1772427600.1234567890 1", "1e9 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, accuracy, err := parseModem(s)
		if err == nil && (accuracy <= 0 || accuracy >= MaxBound || at.Year() >= lastYear || at.Unix() < 1e8) {
			t.Errorf("%q is %s ± %s", s, at, accuracy)
		}
		if err != nil && !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
