package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// fakeCache keeps audio in memory under the rules of the real one.
type fakeCache struct {
	mu       sync.Mutex
	parts    map[radio.SHA256][]byte
	sizes    map[radio.SHA256]int64
	ready    map[radio.SHA256]bool
	max      int64
	broken   error
	verified []radio.SHA256
	evicted  int
}

func newCache() *fakeCache {
	return &fakeCache{parts: map[radio.SHA256][]byte{}, sizes: map[radio.SHA256]int64{}, ready: map[radio.SHA256]bool{}, max: 1 << 30}
}

func (c *fakeCache) Ready(sha radio.SHA256) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready[sha]
}

func (c *fakeCache) Have(sha radio.SHA256) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.parts[sha]))
}

func (c *fakeCache) Begin(sha radio.SHA256, size int64) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var total int64
	for h, n := range c.sizes {
		if h != sha {
			total += n
		}
	}
	if total+size > c.max {
		return 0, fmt.Errorf("%w: full", radio.ErrUnavailable)
	}
	c.sizes[sha] = size
	return int64(len(c.parts[sha])), nil
}

func (c *fakeCache) Put(sha radio.SHA256, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if rest := c.sizes[sha] - int64(len(c.parts[sha])); int64(len(b)) != min(chunk, rest) {
		return fmt.Errorf("%w: chunk of %d bytes, %d are left", radio.ErrInvalid, len(b), rest)
	}
	c.parts[sha] = append(c.parts[sha], b...)
	return nil
}

func (c *fakeCache) Commit(sha radio.SHA256) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if hashOf(c.parts[sha]) != sha {
		delete(c.parts, sha)
		return fmt.Errorf("%w: wrong hash", radio.ErrInvalid)
	}
	c.ready[sha] = true
	return nil
}

func (c *fakeCache) Delete(sha radio.SHA256) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parts, sha)
	delete(c.sizes, sha)
	delete(c.ready, sha)
	return nil
}

func (c *fakeCache) Verify(sha radio.SHA256) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified = append(c.verified, sha)
	return nil
}

func (c *fakeCache) Evict(needed func(radio.SHA256) bool, _ int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for sha := range c.sizes {
		if !needed(sha) {
			delete(c.sizes, sha)
			delete(c.parts, sha)
			delete(c.ready, sha)
			n++
		}
	}
	c.evicted += n
	return n, nil
}

type fakePlan struct {
	mu        sync.Mutex
	programme *radio.Programme
	settings  radio.Settings
	media     []string
	changed   chan struct{}
	refused   map[radio.BulletinID]bool // by their approvals
}

func (p *fakePlan) CheckApproval(_ *radio.Programme, b radio.BulletinID, _ int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused[b] {
		return fmt.Errorf("%w: nobody has approved it", radio.ErrForbidden)
	}
	return nil
}

func (p *fakePlan) Programme() (*radio.Programme, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.programme, p.programme != nil
}

func (p *fakePlan) Settings() radio.Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings
}

func (p *fakePlan) Endpoints() trust.Endpoints {
	p.mu.Lock()
	defer p.mu.Unlock()
	return trust.Endpoints{Media: p.media}
}

func (p *fakePlan) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *fakePlan) set(programme *radio.Programme) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.programme = programme
	close(p.changed)
	p.changed = make(chan struct{})
}

type fakeFaults struct {
	mu  sync.Mutex
	log []string
}

func (f *fakeFaults) Raise(_ context.Context, code, _ string) { f.note("+" + code) }
func (f *fakeFaults) Clear(_ context.Context, code string)    { f.note("-" + code) }
func (f *fakeFaults) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

// fakeHost answers requests in memory and notes them.
type fakeHost struct {
	start time.Time
	files map[radio.SHA256][]byte
	// odd may answer in place of the host; nil leaves it to the host.
	odd  func(n int, r *http.Request) (*http.Response, error)
	log  []string // seconds since start, name, range
	seen int
}

func (h *fakeHost) RoundTrip(r *http.Request) (*http.Response, error) {
	h.seen++
	sha := radio.SHA256(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	h.log = append(h.log, strings.TrimSpace(fmt.Sprintf("%s%.4s %s", r.URL.Host, sha, r.Header.Get("Range"))))
	if h.odd != nil {
		if resp, err := h.odd(h.seen, r); resp != nil || err != nil {
			return resp, err
		}
	}
	rec := httptest.NewRecorder()
	b, ok := h.files[sha]
	if !ok {
		http.NotFound(rec, r)
	} else {
		rec.Header().Set("ETag", `"`+string(sha)+`"`)
		http.ServeContent(rec, r, "", time.Time{}, bytes.NewReader(b))
	}
	return rec.Result(), nil
}

func answer(status int, header ...string) *http.Response {
	rec := httptest.NewRecorder()
	for i := 0; i < len(header); i += 2 {
		rec.Header().Set(header[i], header[i+1])
	}
	rec.WriteHeader(status)
	return rec.Result()
}

func hashOf(b []byte) radio.SHA256 {
	sum := sha256.Sum256(b)
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

func file(n, size int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8), 7}, size/3+1)[:size] }

// lab is a fetcher among fakes.
type lab struct {
	*Fetcher
	plan   *fakePlan
	cache  *fakeCache
	clock  *clock.Fake
	faults *fakeFaults
	host   *fakeHost
}

// slot is one audio of the programme with its cron rule.
type slot struct {
	data []byte
	cron string
}

func programme(slots ...slot) *radio.Programme {
	p := &radio.Programme{Device: id[radio.DeviceID](1), Revision: 1, IssuedAt: radio.At(noon), NotAfter: radio.At(noon.AddDate(0, 0, 35)), Zone: "Asia/Ho_Chi_Minh"}
	for i, s := range slots {
		b := id[radio.BulletinID](byte(10 + i))
		p.Audio = append(p.Audio, radio.ProgrammeAudio{Bulletin: b, Version: 1, Title: fmt.Sprint("bulletin ", i),
			Renditions: []radio.Rendition{{SHA256: hashOf(s.data), Kbps: 64, Bytes: int64(len(s.data)), Frames: 10, Samples: 11520}}})
		if s.cron == "" {
			continue
		}
		p.Slots = append(p.Slots, radio.ProgrammeSlot{Schedule: id[radio.ScheduleID](byte(50 + i)), Slot: id[radio.SlotID](byte(100 + i)),
			Priority: radio.Normal, Cron: s.cron, GraceSeconds: 60,
			Items: []radio.Item{{Entry: id[radio.EntryID](byte(150 + i)), Kind: radio.KindAudio, Bulletin: b, Version: 1, Repeat: 1}}})
	}
	return p
}

func newLab(t *testing.T, p *radio.Programme, files ...[]byte) *lab {
	t.Helper()
	l := &lab{plan: &fakePlan{programme: p, media: []string{"https://a"}, changed: make(chan struct{}), settings: radio.Settings{Rendition: 64}},
		cache: newCache(), clock: clock.NewFake(noon), faults: &fakeFaults{}, host: &fakeHost{start: time.Now(), files: map[radio.SHA256][]byte{}}}
	for _, b := range files {
		l.host.files[hashOf(b)] = b
	}
	l.use(t, &http.Client{Transport: l.host})
	return l
}

func (l *lab) use(t *testing.T, c *http.Client) {
	t.Helper()
	f, err := New(Options{Device: id[radio.DeviceID](1), Plan: l.plan, Cache: l.cache, Clock: l.clock, Faults: l.faults, Client: c, ChunkSize: chunk})
	if err != nil {
		t.Fatal(err)
	}
	l.Fetcher = f
}

// during runs the fetcher inside a bubble of fake time, wall clock included, for d.
func (l *lab) during(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	step := max(time.Second, d/200)
	for range d / step {
		time.Sleep(step) // fake time
		synctest.Wait()
		l.clock.Advance(step)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func (l *lab) ready(files ...[]byte) bool {
	return !slices.ContainsFunc(files, func(b []byte) bool { return !l.cache.Ready(hashOf(b)) })
}
