package fleet

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// maxUnacked bounds what one agent keeps for a centre that does not answer. Beyond it the
// agent refuses to write, which the counter `held_back` tells.
const maxUnacked = 5000

// journal is an agent's journal in memory: chained and numbered as on a device, yet a
// record goes once it is acknowledged, and with the process everything. A second start
// begins a new journal, as a device does whose flash was replaced.
type journal struct {
	clock watch
	boot  radio.BootID
	up    time.Duration // Mono at the start
	wake  chan struct{}

	mu         sync.Mutex
	id         radio.JournalID
	acked      uint64
	prev       trust.Hash // before the first record kept
	last       trust.Hash
	records    [][]byte // from acked+1 on
	connection uint64
	keys       radio.Issued // the keyring of the enrolment
	alerts     map[radio.AlertID]radio.KeptAlert
	cycles     map[radio.AiringID]bool // of alerts that began
}

func newJournal(c watch, keys radio.Issued) *journal {
	j := &journal{clock: c, boot: radio.NewID[radio.BootID](), up: c.Mono(), wake: make(chan struct{}, 1), keys: keys}
	j.begin()
	return j
}

// begin starts a new journal; it needs mu.
func (j *journal) begin() {
	j.id = radio.NewID[radio.JournalID]()
	j.acked, j.prev = 0, trust.FirstHash(j.id)
	j.last = j.prev
}

// Append writes a record; see agent/journal.
func (j *journal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return r, j.append(&r)
}

// append stamps and chains a record; it needs mu.
func (j *journal) append(r *radio.Record) error {
	if len(j.records) >= maxUnacked {
		return fmt.Errorf("%w: %d records without acknowledgement", radio.ErrUnavailable, maxUnacked)
	}
	r.Seq, r.At, r.Boot = j.acked+uint64(len(j.records))+1, radio.At(j.clock.Now()), j.boot
	r.Up, r.Clock = j.clock.Mono().Milliseconds(), j.clock.State().Stamp()
	if err := r.Check(); err != nil {
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a %s record: %w", r.Kind, err)
	}
	j.last = trust.NextHash(j.last, b)
	j.records = append(j.records, b)
	if r.Kind == radio.RecordAiring && r.Airing.Origin != radio.FromSchedule {
		if j.cycles == nil {
			j.cycles = map[radio.AiringID]bool{}
		}
		j.cycles[r.Airing.ID] = true
	}
	signal(j.wake)
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // already signalled
	}
}

// Batch gives the next records without acknowledgement.
func (j *journal) Batch(most int) (wire.JournalPayload, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := wire.JournalPayload{Journal: j.id, First: j.acked + 1, Prev: j.prev}
	room := wire.Journal.MaxPayload() - 512 // its other members
	for _, b := range j.records[:min(most, wire.MaxBatch, len(j.records))] {
		if room -= base64.RawURLEncoding.EncodedLen(len(b)) + len(`"",`); room < 0 {
			break
		}
		p.Records = append(p.Records, b)
	}
	return p, len(p.Records) > 0, nil
}

// Ack forgets what the centre holds.
func (j *journal) Ack(_ context.Context, id radio.JournalID, upto uint64, _ []wire.Rejected) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case id != j.id || upto <= j.acked:
		return nil
	case upto > j.acked+uint64(len(j.records)):
		return fmt.Errorf("%w: acknowledged up to %d, %d were written", radio.ErrInvalid, upto, j.acked+uint64(len(j.records)))
	}
	n := int(upto - j.acked)
	for _, b := range j.records[:n] {
		j.prev = trust.NextHash(j.prev, b)
	}
	j.records, j.acked = slices.Clone(j.records[n:]), upto
	signal(j.wake)
	return nil
}

// Compare holds the centre's word against the chain, as far as that is still here.
func (j *journal) Compare(_ context.Context, id radio.JournalID, seq uint64, hash trust.Hash) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if id != j.id || seq < j.acked || seq > j.acked+uint64(len(j.records)) {
		return false, nil
	}
	own := j.prev
	for _, b := range j.records[:seq-j.acked] {
		own = trust.NextHash(own, b)
	}
	return own == hash, nil
}

// Fork begins another journal when the centre has not taken this one's next records.
func (j *journal) Fork(ctx context.Context, id radio.JournalID, f wire.Forked) error {
	if own, err := j.Compare(ctx, id, f.Seq, f.Own); err != nil || !own || f.Seq <= j.Status().Acked {
		return err
	}
	return j.Renew(ctx, "another record is held")
}

// Rewind changes nothing: what was acknowledged is gone, which Oldest has told.
func (j *journal) Rewind(context.Context, radio.JournalID, uint64) error { return nil }

// Renew begins another journal with what is not acknowledged.
func (j *journal) Renew(context.Context, string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	old := j.records
	j.records = nil
	j.begin()
	for _, b := range old {
		r, err := radio.ParseRecord(b)
		if err == nil {
			err = j.append(&r)
		}
		if err != nil {
			return fmt.Errorf("begin a new journal: %w", err)
		}
	}
	return nil
}

// Status implements link.Journal.
func (j *journal) Status() radio.JournalStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	return radio.JournalStatus{ID: j.id, Head: j.acked + uint64(len(j.records)), Acked: j.acked}
}

// Oldest is the first record that can still be sent.
func (j *journal) Oldest() uint64 { return j.Status().Acked + 1 }

// Wake implements link.Journal.
func (j *journal) Wake() <-chan struct{} { return j.wake }

// NextConnection needs no disk: the instant is higher at every start.
func (j *journal) NextConnection(context.Context) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.connection = max(j.connection+1, uint64(j.clock.Now().UnixMilli()))
	return j.connection, nil
}

// Document gives the keyring of the enrolment; everything else is retained at the broker
// and comes with the connection.
func (j *journal) Document(name string) (radio.Issued, error) {
	if name != string(wire.Keys) || j.keys.Revision == 0 {
		return radio.Issued{}, fmt.Errorf("document %s: %w", name, radio.ErrNotFound)
	}
	return j.keys, nil
}

// Keep implements inbox.Journal: a fleet is enrolled anew when its centre moves.
func (j *journal) Keep(context.Context, string, []byte) error { return nil }

// Kept implements inbox.Journal.
func (j *journal) Kept(name string) ([]byte, error) {
	return nil, fmt.Errorf("kept %s: %w", name, radio.ErrNotFound)
}

// SetDocument records the revision.
func (j *journal) SetDocument(ctx context.Context, d radio.Issued) error {
	_, err := j.Append(ctx, radio.Record{Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: d.Document, Revision: d.Revision}})
	return err
}

// ReplaceDocument records the revision.
func (j *journal) ReplaceDocument(ctx context.Context, d radio.Issued) error {
	return j.SetDocument(ctx, d)
}

// SetAlert implements emergency.Journal.
func (j *journal) SetAlert(_ context.Context, a radio.KeptAlert, steps ...radio.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range steps {
		if err := j.append(&r); err != nil {
			return err
		}
	}
	if j.alerts == nil {
		j.alerts = map[radio.AlertID]radio.KeptAlert{}
	}
	// The room holds its state itself and reads it here only after a restart, when this
	// journal is gone too.
	j.alerts[a.ID] = radio.KeptAlert{ID: a.ID, Over: a.Over}
	return nil
}

// Alerts: none are kept over a restart; the centre sends what stands at hello.
func (j *journal) Alerts(context.Context) ([]radio.KeptAlert, error) { return nil, nil }

// ForgetAlert implements emergency.Journal.
func (j *journal) ForgetAlert(_ context.Context, id radio.AlertID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.alerts, id)
	if len(j.alerts) == 0 {
		clear(j.cycles)
	}
	return nil
}

// Begun says whether a cycle of an alert was begun.
func (j *journal) Begun(id radio.AiringID) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cycles[id], nil
}

// watch is the machine's clock, taken as true: all agents of a fleet share the machine
// with each other, and mostly with the centre.
type watch struct{}

// Now implements clock.Clock in part.
func (watch) Now() time.Time { return time.Now().UTC() }

// Mono is the monotonic clock.
func (watch) Mono() time.Duration { return clock.Mono() }

// State says openly that nothing vouches for it.
func (watch) State() clock.Reading {
	return clock.Reading{State: clock.Trusted, Source: clock.SourceAssumed}
}

// Latest is now.
func (w watch) Latest() time.Time { return w.Now() }

// Passed is now.
func (w watch) Passed() time.Time { return w.Now() }

// AtLeast changes nothing.
func (watch) AtLeast(time.Time, string) {}

// Distrust changes nothing.
func (watch) Distrust(context.Context, []string) {}

// FromCentre changes nothing.
func (watch) FromCentre(time.Time, string, time.Duration, time.Duration) error { return nil }

// shelf is the audio of an agent: all that its settings and its programme name counts as
// there; a voice only once it has come.
type shelf struct {
	mu     sync.Mutex
	voices map[radio.SHA256]bool
	set    func() []radio.EmergencyAudio
}

// Ready implements emergency.Audio.
func (s *shelf) Ready(sha radio.SHA256) bool {
	if slices.ContainsFunc(s.set(), func(e radio.EmergencyAudio) bool { return e.Rendition.SHA256 == sha }) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.voices[sha]
}

// Begin takes any voice.
func (s *shelf) Begin(radio.SHA256, int64) (int64, error) { return 0, nil }

// Put keeps no bytes: their hash was proven by inbox.
func (s *shelf) Put(radio.SHA256, []byte) error { return nil }

// Commit notes that a voice is there.
func (s *shelf) Commit(sha radio.SHA256) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.voices == nil {
		s.voices = map[radio.SHA256]bool{}
	}
	if len(s.voices) >= 64 {
		maps.DeleteFunc(s.voices, func(radio.SHA256, bool) bool { return true })
	}
	s.voices[sha] = true
	return nil
}

// Delete forgets it.
func (s *shelf) Delete(sha radio.SHA256) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.voices, sha)
	return nil
}
