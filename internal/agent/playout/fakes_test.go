package playout_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakePlan hands out what the test lays down.
type fakePlan struct {
	mu       sync.Mutex
	prog     *radio.Programme
	policy   radio.Policy
	settings radio.Settings
	changed  chan struct{}
	// unapproved audio must not sound; all else is approved.
	unapproved map[radio.BulletinID]bool
}

func (f *fakePlan) CheckApproval(p *radio.Programme, b radio.BulletinID, version int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := p.Find(b, version); !ok || f.unapproved[b] {
		return fmt.Errorf("%w: not approved", radio.ErrForbidden)
	}
	return nil
}

// disown takes an approval away, or gives it back, as a new keyring does.
func (f *fakePlan) disown(name string, gone bool) {
	f.set(func(f *fakePlan) {
		if f.unapproved == nil {
			f.unapproved = map[radio.BulletinID]bool{}
		}
		f.unapproved[idOf[radio.BulletinID](name)] = gone
	})
}

func (f *fakePlan) Programme() (*radio.Programme, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.prog, f.prog != nil
}

func (f *fakePlan) Policy() radio.Policy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.policy
}

func (f *fakePlan) Settings() radio.Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings
}

func (f *fakePlan) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakePlan) set(change func(*fakePlan)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	close(f.changed)
	f.changed = make(chan struct{})
}

// fakeAudio knows which hashes are ready.
type fakeAudio struct {
	mu      sync.Mutex
	missing map[radio.SHA256]bool
	broken  map[radio.SHA256]bool // ready, but cannot be opened
	rotten  map[radio.SHA256]bool // ready, but damaged: Verify drops it
	changed chan struct{}
}

func (f *fakeAudio) Ready(h radio.SHA256) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.missing[h]
}

func (f *fakeAudio) Open(h radio.SHA256) (playout.AudioReader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missing[h] || f.broken[h] {
		return nil, radio.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

func (f *fakeAudio) Verify(h radio.SHA256) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.rotten[h] {
		return nil
	}
	delete(f.rotten, h)
	f.missing[h] = true
	close(f.changed)
	f.changed = make(chan struct{})
	return errors.New("a wrong hash")
}

func (f *fakeAudio) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeAudio) set(h radio.SHA256, ready bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missing[h] = !ready
	close(f.changed)
	f.changed = make(chan struct{})
}

// fakeJournal outlives a run, as the file does.
type fakeJournal struct {
	mu      sync.Mutex
	clk     *clock.Fake
	records []radio.Record
	begun   map[radio.AiringID]bool
	alerts  map[radio.AlertID]radio.KeptAlert
	full    bool // the disk
}

func (f *fakeJournal) SetAlert(_ context.Context, a radio.KeptAlert, steps ...radio.Record) error {
	for _, r := range steps {
		if _, err := f.Append(context.Background(), r); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return errors.New("no space left on device")
	}
	f.alerts[a.ID] = a
	return nil
}

func (f *fakeJournal) Alerts(context.Context) (list []radio.KeptAlert, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.alerts {
		list = append(list, a)
	}
	return list, nil
}

func (f *fakeJournal) ForgetAlert(_ context.Context, id radio.AlertID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.alerts, id)
	return nil
}

func newJournal(clk *clock.Fake) *fakeJournal {
	return &fakeJournal{clk: clk, begun: map[radio.AiringID]bool{}, alerts: map[radio.AlertID]radio.KeptAlert{}}
}

func (f *fakeJournal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return r, errors.New("no space left on device")
	}
	r.Seq, r.At = uint64(len(f.records)+1), radio.At(f.clk.Now())
	if err := r.Check(); err != nil {
		return r, err
	}
	f.records = append(f.records, r)
	if r.Airing != nil {
		f.begun[r.Airing.ID] = true
	}
	if r.Result != nil {
		f.begun[r.Result.ID] = true
	}
	return r, nil
}

func (f *fakeJournal) Begun(id radio.AiringID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun[id], nil
}

func (f *fakeJournal) Unfinished(context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	open, consumed := map[radio.AiringID]radio.AiringRecord{}, map[radio.AiringID]int64{}
	for _, r := range f.records {
		switch {
		case r.Airing != nil:
			open[r.Airing.ID] = *r.Airing
		case r.Progress != nil:
			consumed[r.Progress.ID] = r.Progress.Consumed
		case r.Result != nil:
			delete(open, r.Result.ID)
		}
	}
	var list []radio.AiringRecord
	for _, a := range open {
		list = append(list, a)
	}
	return list, consumed, nil
}

func (f *fakeJournal) results() []radio.Confirmation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []radio.Confirmation
	for _, r := range f.records {
		if r.Result != nil {
			out = append(out, *r.Result)
		}
	}
	return out
}

func (f *fakeJournal) kinds(id radio.AiringID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, r := range f.records {
		switch {
		case r.Airing != nil && r.Airing.ID == id:
			out = append(out, "airing")
		case r.Progress != nil && r.Progress.ID == id:
			out = append(out, "progress")
		case r.Result != nil && r.Result.ID == id:
			out = append(out, "result")
		}
	}
	return out
}

func (f *fakeJournal) setFull(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

// fakeFaults records openings and closings.
type fakeFaults struct {
	mu   sync.Mutex
	open map[string]bool
	log  []string
}

func (f *fakeFaults) Raise(_ context.Context, code, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open[code] {
		f.open[code] = true
		f.log = append(f.log, "+"+code)
	}
}

func (f *fakeFaults) Clear(_ context.Context, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[code] {
		delete(f.open, code)
		f.log = append(f.log, "-"+code)
	}
}

func (f *fakeFaults) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

func hashOf(name string) radio.SHA256 {
	sum := sha256.Sum256([]byte(name))
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

func idOf[T ~string](name string) T {
	sum := sha256.Sum256([]byte(name))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

func (s sound) String() string {
	return fmt.Sprintf("%s %s skip %d consumed %d", s.id, s.wall.Format("15:04:05.000"), s.skip, s.consumed)
}

func (f *fakeJournal) Sounded(_ context.Context, most int) ([]radio.Sounded, error) {
	var out []radio.Sounded
	for _, c := range f.results() {
		if s, counts := c.Sounded(); counts {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b radio.Sounded) int { return int(a.Start - b.Start) })
	return out[max(len(out)-most, 0):], nil
}
