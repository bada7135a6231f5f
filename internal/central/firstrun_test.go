package central

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestFirstRun: an empty centre prints one address; there the first administrator is made,
// and the page ends. Nothing of it stands in the log.
func TestFirstRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Data, cfg.People.Listen = t.TempDir(), l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c, err := Open(t.Context(), cfg, []string{"true"}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	links, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- c.FirstRun(t.Context(), func(link string, _ radio.Millis) { links <- link }) }()
	link := <-links
	client := &http.Client{Timeout: 10 * time.Second}
	ask := func(f func() (*http.Response, error)) (int, string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			resp, err := f()
			if err != nil && time.Now().Before(deadline) { // it has only just begun to listen
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err = errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(b)
		}
	}
	if status, page := ask(func() (*http.Response, error) { return client.Get(link) }); status != http.StatusOK || !strings.Contains(page, `name="login"`) {
		t.Fatalf("%d %s", status, page)
	}
	at := strings.LastIndex(link, "/") + 1
	other := link[:at] + "0" + link[at+1:]
	if other == link {
		other = link[:at] + "1" + link[at+1:]
	}
	if status, _ := ask(func() (*http.Response, error) { return client.Get(other) }); status != http.StatusNotFound {
		t.Errorf("another code: %d", status)
	}
	const secret = "chiều nay trời mưa to"
	form := url.Values{"login": {"quan-tri"}, "name": {"Hồ Sỹ Quản"}, "password": {secret}, "again": {secret}}
	if status, page := ask(func() (*http.Response, error) { return client.PostForm(link, form) }); status != http.StatusOK {
		t.Fatalf("%d %s", status, page)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	all, err := c.People(t.Context())
	if err != nil || len(all) != 1 || all[0].Login != "quan-tri" || all[0].Grants[0] != (radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere}) {
		t.Fatalf("%+v %v", all, err)
	}
	code := link[strings.LastIndex(link, "/")+1:]
	if strings.Contains(log.String(), code) || strings.Contains(log.String(), secret) {
		t.Errorf("the log holds a secret:\n%s", log.String())
	}
	if err := filepath.WalkDir(cfg.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(code)) {
			t.Errorf("%s holds the code", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	// Somebody exists: it neither asks nor listens.
	if err := c.FirstRun(t.Context(), func(link string, _ radio.Millis) { t.Errorf("told %s", link) }); err != nil {
		t.Error(err)
	}
}

// TestFirstRunByCommand: an account that a command makes meanwhile ends the waiting, and a
// stopped centre does not wait on.
func TestFirstRunByCommand(t *testing.T) {
	for _, stop := range []bool{false, true} {
		c := opened(t)
		c.cfg.People.Listen = "127.0.0.1:0"
		ctx, cancel := context.WithCancel(t.Context())
		told, ended := make(chan string, 1), make(chan error, 1)
		go func() { ended <- c.FirstRun(ctx, func(link string, _ radio.Millis) { told <- link }) }()
		<-told
		if stop {
			cancel()
		} else if _, err := c.AddPerson(ctx, "quan-tri", "Quản", "chiều nay trời mưa to", nil, "command:root"); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("stopped %v: %v", stop, err)
		}
		cancel()
	}
}
