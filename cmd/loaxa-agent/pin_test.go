package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestPINAndClock: the PIN that was set on the command line counts on the local page of
// the real agent, wrong ones are counted over a restart, and a clock that is known is
// not set by hand.
func TestPINAndClock(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real agent process")
	}
	dir := shortDir(t)
	path := configFile(t, dir, "10:00")
	c := newCentre(t)
	if code, out, errs := call(t, nil, "enrol", "--config", path, "--server", c.url, "--code", c.code); code != 0 {
		t.Fatalf("enrol: exit %d\n%s%s", code, out, errs)
	}
	var out, errs bytes.Buffer
	e := &env{in: strings.NewReader("482913\n"), out: &out, err: &errs}
	if code := dispatch(t.Context(), e, []string{"pin", "--config", path, "set"}); code != 0 || strings.Contains(out.String()+errs.String(), "482913") {
		t.Fatalf("pin set: exit %d\n%s%s", code, &out, &errs)
	}
	run := func(do func(try func(pin string) int)) {
		cmd, _ := process(t, "run", "--config", path)
		log, err := os.CreateTemp(dir, "log")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		address := regexp.MustCompile(`address=(http://\S+)/`)
		var at [][]byte
		eventually(t, "the local page", func() bool {
			b, err := os.ReadFile(log.Name())
			at = address.FindSubmatch(b)
			return err == nil && at != nil
		})
		do(func(pin string) int {
			resp, err := http.PostForm(string(at[1])+"/clock", url.Values{"time": {"2027-01-01T08:00"}, "pin": {pin}})
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			return resp.StatusCode
		})
		if code, _, said := call(t, nil, "pin", "--config", path, "set"); code != 1 {
			t.Errorf("pin set beside an agent: exit %d, %s", code, said)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	run(func(try func(string) int) {
		for _, w := range []struct {
			pin  string
			want int
		}{{"482914", 403}, {"482913", 409}, {"000000", 403}, {"x", 403}, {"", 403}, {"482914", 403}} {
			if got := try(w.pin); got != w.want {
				t.Errorf("%q: %d, want %d", w.pin, got, w.want)
			}
		}
	})
	run(func(try func(string) int) {
		for _, w := range []struct {
			pin  string
			want int
		}{{"482915", 429}, {"482913", 429}} {
			if got := try(w.pin); got != w.want {
				t.Errorf("after a restart, %q: %d, want %d", w.pin, got, w.want)
			}
		}
	})
}
