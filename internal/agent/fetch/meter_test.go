package fetch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// slowly gives bytes at a rate.
type slowly struct {
	io.Reader
	bps int
}

func (s slowly) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b[:min(len(b), 500)])
	time.Sleep(time.Duration(n) * 8 * time.Second / time.Duration(s.bps))
	return n, err
}

// fakeMemory keeps values.
type fakeMemory struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
}

func (m *fakeMemory) Keep(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[name] = bytes.Clone(value)
	m.writes++
	return nil
}

func (m *fakeMemory) Kept(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.values[name]; ok {
		return v, nil
	}
	return nil, radio.ErrNotFound
}

// TestMeter: the rate is that of the downloads, whatever the disk does in between; the
// data of the month adds up over a restart, and begins anew with the local month.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small, large, next := file(1, 3000), file(2, 200_000), file(3, 100_000)
		l := newLab(t, programme(slot{small, "10 12 * * *"}, slot{large, "15 12 * * *"}), small, large, next)
		m := &fakeMemory{values: map[string][]byte{}}
		l.metered(t, m, 5_000_000)
		l.host.odd = func(_ int, r *http.Request) (*http.Response, error) {
			for sha, b := range l.host.files {
				if r.URL.Path[len(r.URL.Path)-64:] == string(sha) {
					resp := answer(200)
					resp.Body = io.NopCloser(slowly{bytes.NewReader(b), 120_000})
					return resp, nil
				}
			}
			return nil, nil
		}
		var s radio.LinkStatus
		if l.Meter(&s); s.DownBPS != 0 || s.UsedBytes != 0 || s.CapBytes != 5_000_000 {
			t.Errorf("before the first download: %+v", s)
		}
		l.during(t, time.Minute)
		if !l.ready(small, large) {
			t.Fatal("not there")
		}
		if l.Meter(&s); s.DownBPS < 110_000 || s.DownBPS > 130_000 || s.UsedBytes != 203_000 {
			t.Errorf("measured %+v", s)
		}
		if m.writes > 3 {
			t.Errorf("%d writes for two audios", m.writes)
		}
		l.metered(t, m, 5_000_000) // a restart
		if l.Meter(&s); s.DownBPS < 110_000 || s.UsedBytes != 203_000 {
			t.Errorf("after a restart: %+v", s)
		}
		// The link becomes slower, the month a new one: it is past midnight in Hanoi, not in UTC.
		l.clock.Advance(time.Date(2026, 11, 30, 17, 30, 0, 0, time.UTC).Sub(l.clock.Now()))
		if l.Meter(&s); s.UsedBytes != 0 {
			t.Errorf("the new month begins with %+v", s)
		}
		was := s.DownBPS
		l.host.odd = func(int, *http.Request) (*http.Response, error) {
			resp := answer(200)
			resp.Body = io.NopCloser(slowly{bytes.NewReader(next), 20_000})
			return resp, nil
		}
		l.plan.set(programme(slot{next, "50 0 * * *"}))
		l.during(t, 2*time.Minute)
		if l.Meter(&s); !l.ready(next) || s.UsedBytes != 100_000 || s.DownBPS >= was || s.DownBPS < 20_000 {
			t.Errorf("slower, in a new month: %+v", s)
		}
	})
}

// metered begins anew with a memory and a cap.
func (l *lab) metered(t *testing.T, m Memory, most int64) {
	t.Helper()
	o := l.opts
	o.Memory, o.MeteredBytes = m, most
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Fetcher = f
}
