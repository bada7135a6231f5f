package fetch

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Memory keeps small values over a restart (journal).
type Memory interface {
	Keep(ctx context.Context, name string, value []byte) error
	Kept(name string) ([]byte, error)
}

const (
	// keptMeter is the name under which the meter is kept.
	keptMeter = "fetch meter"
	// measuredFrom is the least of one transfer that tells the rate of a link: of fewer
	// bytes the round trips tell more than the link.
	measuredFrom = 64 << 10
)

// meter measures the link by what is downloaded over it: its rate, and how much of a
// month's data is used.
type meter struct {
	mu   sync.Mutex
	kept struct {
		BPS   int64  `json:"bps,omitempty"`
		Month string `json:"month,omitempty"` // local, 2026-11
		Used  int64  `json:"used,omitempty"`  // bytes of it
	}
	dirty bool
}

// took takes a transfer in: bytes that came in so much time of waiting for them.
func (m *meter) took(month string, bytes int64, waited time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes <= 0 {
		return
	}
	if month != m.kept.Month && month != "" {
		m.kept.Month, m.kept.Used = month, 0
	}
	m.kept.Used += bytes
	m.dirty = true
	if bytes < measuredFrom || waited <= 0 {
		return
	}
	bps := float64(bytes) * 8 / waited.Seconds()
	if was := float64(m.kept.BPS); was > 0 {
		bps = 0.7*was + 0.3*bps // a link is now better, now worse
	}
	m.kept.BPS = twoDigits(int64(bps))
}

// twoDigits keeps reports from changing with every download.
func twoDigits(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return n / unit * unit
}

// loadMeter reads what was kept; a meter that cannot be read begins anew.
func (f *Fetcher) loadMeter() {
	if f.opts.Memory == nil {
		return
	}
	b, err := f.opts.Memory.Kept(keptMeter)
	if err != nil {
		return // nothing yet
	}
	f.meter.mu.Lock()
	defer f.meter.mu.Unlock()
	if err := json.Unmarshal(b, &f.meter.kept); err != nil {
		f.log.Warn("what was measured of the link cannot be read", "error", err)
	}
}

// keepMeter writes it down, once an audio: flash wears out.
func (f *Fetcher) keepMeter(ctx context.Context) {
	f.meter.mu.Lock()
	defer f.meter.mu.Unlock()
	if f.opts.Memory == nil || !f.meter.dirty {
		return
	}
	b, err := json.Marshal(f.meter.kept)
	if err == nil {
		err = f.opts.Memory.Keep(ctx, keptMeter, b)
	}
	if err != nil {
		f.log.Warn("what was measured of the link is not kept", "error", err)
		return
	}
	f.meter.dirty = false
}

// Meter adds what was measured of the link to its status, and what its contract allows.
func (f *Fetcher) Meter(l *radio.LinkStatus) {
	month := f.month()
	f.meter.mu.Lock()
	defer f.meter.mu.Unlock()
	l.DownBPS, l.CapBytes, l.UsedBytes = f.meter.kept.BPS, f.opts.MeteredBytes, 0
	if l.CapBytes > 0 && (month == "" || month == f.meter.kept.Month) {
		l.UsedBytes = f.meter.kept.Used
	}
}

// month is the local calendar month; "" while nobody knows the time.
func (f *Fetcher) month() string {
	if !f.opts.Clock.State().Usable() {
		return ""
	}
	return f.zone().In(f.opts.Clock.Now()).Format("2006-01")
}

// waiting counts the bytes of a body and the time spent waiting for them, without what
// the device does with them in between.
type waiting struct {
	io.Reader
	bytes int64
	took  time.Duration
}

func (w *waiting) Read(b []byte) (int, error) {
	begin := time.Now()
	n, err := w.Reader.Read(b)
	w.took += time.Since(begin)
	w.bytes += int64(n)
	return n, err
}
