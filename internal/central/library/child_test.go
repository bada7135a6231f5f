package library

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestLimits: a limit reached ends in a refusal or a plain error, and nothing of
// the child's process group is left.
func TestLimits(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe")
	upload := wavFile(speechlike(20, 0.3), 44100, 1)
	for _, c := range []struct {
		name   string
		change func(*Options)
		kind   error
	}{
		{"wall time", func(o *Options) { o.Limits.Wall = 300 * time.Millisecond }, radio.ErrUnavailable},
		{"resident memory", func(o *Options) { o.Limits.RSS = 4 << 20 }, radio.ErrInvalid},
		{"address space", func(o *Options) { o.Limits.Memory = 16 << 20 }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newIntake(t, c.change)
			_, err := in.Prepare(t.Context(), bytes.NewReader(upload))
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			nothingLeft(t, in)
		})
	}
	t.Run("caller gives up", func(t *testing.T) {
		in := newIntake(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		started := make(chan struct{})
		go func() { <-started; cancel() }()
		_, err := in.Prepare(ctx, &signalReader{Reader: bytes.NewReader(upload), atEOF: started})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		nothingLeft(t, in)
	})
}

// signalReader closes a channel when its reader has ended.
type signalReader struct {
	io.Reader
	atEOF chan struct{}
}

func (s *signalReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil {
		close(s.atEOF)
	}
	return n, err
}

// nothingLeft looks for processes working in the intake's folder, and for files. A
// killed process may take a moment to be gone.
func nothingLeft(t *testing.T, in *Intake) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for still := workers(t, in); len(still) > 0; still = workers(t, in) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still at work: %v", still)
		}
	}
	if left, err := os.ReadDir(in.opt.WorkDir); err != nil || len(left) != 0 {
		t.Errorf("left in the work folder: %v, %v", left, err)
	}
}

// workers gives the processes whose folder is the intake's.
func workers(t *testing.T, in *Intake) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(links, func(link string) bool {
		dir, err := os.Readlink(link)
		return err != nil || !strings.HasPrefix(dir, in.opt.WorkDir)
	})
}

// TestChildGoesWrong: whatever the child does, the parent gives an error.
func TestChildGoesWrong(t *testing.T) {
	for name, script := range map[string]string{
		"no such program": "",
		"crash":           "exit 3",
		"killed":          "kill -9 $$",
		"says nothing":    "cat >/dev/null & exit 0",
		"says nonsense":   "echo nonsense",
		"says too much":   "head -c 200000 /dev/zero",
		"empty answer":    "echo '{}'",
		"no rendition":    `echo '{"Prepared":{"seconds":1}}'`,
		"bad rendition":   `echo '{"Prepared":{"seconds":1,"renditions":[{"sha256":"x"}]}}'`,
		"leaves a child":  `read job; dir=${job#*'"Dir":"'}; cd "${dir%%'"'*}"; sleep 1000 & echo '{}'`,
	} {
		t.Run(name, func(t *testing.T) {
			in := newIntake(t, func(o *Options) {
				o.Command = []string{"sh", "-c", script}
				if script == "" {
					o.Command = []string{"/no/such/program"}
				}
			})
			if p, err := in.Prepare(t.Context(), strings.NewReader("x")); err == nil || errors.Is(err, radio.ErrInvalid) && name != "bad rendition" {
				t.Errorf("prepared %+v, %v", p, err)
			}
			nothingLeft(t, in)
		})
	}
}

func TestChildMainRefusesJobs(t *testing.T) {
	for name, job := range map[string]string{
		"nothing":   "",
		"half":      `{"Dir":`,
		"not json":  "hello\n",
		"very long": strings.Repeat("x", maxJob+1),
	} {
		var out bytes.Buffer
		if code := ChildMain(strings.NewReader(job), &out); code != 0 || !strings.Contains(out.String(), "Broken") {
			t.Errorf("%s: exit %d, %s", name, code, out.String())
		}
	}
}
