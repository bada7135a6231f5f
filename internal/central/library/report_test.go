package library

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCheckFiles judges uploads of all kinds through the real child and the real
// tools, and holds what was accepted against ffmpeg's own loudness meter.
func TestCheckFiles(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe", "mpg123", "lame")
	in := newIntake(t, func(o *Options) { o.Limits.Bytes, o.Limits.Seconds = 2<<20, 16 })
	for _, f := range makeFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			checkFixture(t, in, f)
		})
	}
}

// checkFixture judges one upload as the command line does.
func checkFixture(t *testing.T, in *Intake, f fixture) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload.mp3")
	if err := os.WriteFile(path, f.data, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	exit, err := CheckFiles(t.Context(), in, []string{path}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if f.code != "" {
		checkRejected(t, f, path, exit, out.Bytes())
		return
	}
	var line Accepted
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || !line.OK || exit != ExitAllOK {
		t.Fatalf("exit %d, %s", exit, out.Bytes())
	}
	if math.Abs(line.Seconds-f.seconds) > max(f.slack, 0.1) {
		t.Errorf("%.3f s, want %.2f", line.Seconds, f.seconds)
	}
	if !slices.Equal(line.Warnings, append([]string{}, f.warnings...)) {
		t.Errorf("warnings %q, want %q", line.Warnings, f.warnings)
	}
	if line.LUFS < -17 || line.LUFS > -15 || line.TruePeakDBTP > -1 {
		t.Errorf("%.1f LUFS, %.1f dBTP", line.LUFS, line.TruePeakDBTP)
	}
}

func checkRejected(t *testing.T, f fixture, path string, exit int, out []byte) {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(out, &line); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if exit != ExitSomeRefused || line["ok"] != false || line["code"] != string(f.code) || line["file"] != path {
		t.Errorf("exit %d, want %s: %s", exit, f.code, out)
	}
	if line["reason_vi"] == "" || line["reason_en"] == "" || len(line) != 5 {
		t.Errorf("fields of %s", out)
	}
}

// TestCheckFilesExit: the exit code is the worst, every file has its line, in order.
func TestCheckFilesExit(t *testing.T) {
	dir := t.TempDir()
	house := readTestFile(t, "../../sound/testdata/house-32.mp3")
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty, missing := write("good.mp3", house), write("empty.mp3", nil), filepath.Join(dir, "missing.mp3")
	pipe := filepath.Join(dir, "pipe.mp3") // to open it would wait for ever
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	in := newIntake(t, func(o *Options) { o.FFmpeg = "no-such-ffmpeg" })
	for _, c := range []struct {
		files []string
		exit  int
		codes string
	}{
		{nil, 0, ""},
		{[]string{good}, 0, "ok"},
		{[]string{good, empty, good}, 1, "ok empty ok"},
		{[]string{missing, empty}, 2, "unavailable empty"},
		{[]string{dir}, 2, "unavailable"},
		{[]string{pipe, good}, 2, "unavailable ok"},
	} {
		var out bytes.Buffer
		exit, err := CheckFiles(t.Context(), in, c.files, &out)
		if err != nil || exit != c.exit {
			t.Errorf("%v: exit %d, %v; want %d", c.files, exit, err, c.exit)
		}
		var codes []string
		for line := range strings.Lines(out.String()) {
			var l struct {
				OK   bool
				Code string
				File string
				VI   string `json:"reason_vi"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			// The reason in Vietnamese is Vietnamese, not what the system says.
			if want, ok := map[string]string{missing: "Không có tệp này", dir: "Đây không phải là một tệp", pipe: "Đây không phải là một tệp"}[l.File]; ok && !strings.HasPrefix(l.VI, want) || strings.Contains(l.VI, dir) {
				t.Errorf("%s: %q", l.File, l.VI)
			}
			if l.OK {
				l.Code = "ok"
			}
			codes = append(codes, l.Code)
		}
		if got := strings.Join(codes, " "); got != c.codes {
			t.Errorf("%v: %q, want %q", c.files, got, c.codes)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if exit, err := CheckFiles(ctx, in, []string{good}, io.Discard); exit != ExitCouldNot || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: exit %d, %v", exit, err)
	}
	full := fmt.Errorf("disk full")
	if exit, err := CheckFiles(t.Context(), in, []string{good}, failingWriter{full}); exit != ExitCouldNot || !errors.Is(err, full) {
		t.Errorf("failing report: exit %d, %v", exit, err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
