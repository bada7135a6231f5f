package status

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

	"loaxa/internal/radio"
)

// Recorder takes the records of faults; the journal.
type Recorder interface {
	Append(ctx context.Context, r radio.Record) (radio.Record, error)
}

// Faults are the troubles of the device that are open now. Each is opened once and
// closed once, however often a room says so. Safe for several goroutines.
type Faults struct {
	records Recorder
	now     func() radio.Millis
	log     *slog.Logger

	mu      sync.Mutex
	changed chan struct{}
	open    map[string]radio.FaultStatus
	owed    []radio.Record // could not be written yet
}

// maxOwed bounds what is kept while the journal cannot be written.
const maxOwed = 200

// NewFaults begins without any: a boot closes what was open before it.
func NewFaults(records Recorder, now func() radio.Millis, log *slog.Logger) *Faults {
	return &Faults{records: records, now: now, log: log, changed: make(chan struct{}), open: map[string]radio.FaultStatus{}}
}

// Raise opens a fault, or gives an open one its newest text.
func (f *Faults) Raise(ctx context.Context, code, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, open := f.open[code]
	if open {
		was.Text = text
		f.open[code] = was
		return
	}
	f.open[code] = radio.FaultStatus{Code: code, Since: f.now(), Text: text}
	f.log.Error("fault", "code", code, "text", text)
	f.write(ctx, radio.FaultRecord{Code: code, Open: true, Text: text})
}

// Clear closes a fault; nothing happens when it is not open.
func (f *Faults) Clear(ctx context.Context, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, open := f.open[code]; !open {
		return
	}
	delete(f.open, code)
	f.log.Info("fault is over", "code", code)
	f.write(ctx, radio.FaultRecord{Code: code})
}

// Changed is closed when a fault is opened or closed next.
func (f *Faults) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Open lists the faults, oldest first.
func (f *Faults) Open() []radio.FaultStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]radio.FaultStatus, 0, len(f.open))
	for _, s := range f.open {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b radio.FaultStatus) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Code, b.Code))
	})
	return all
}

// write tells of a change, and keeps the order: what is owed goes first. The caller
// holds mu.
func (f *Faults) write(ctx context.Context, fault radio.FaultRecord) {
	close(f.changed)
	f.changed = make(chan struct{})
	f.owed = append(f.owed, radio.Record{Kind: radio.RecordFault, Fault: &fault})
	for len(f.owed) > 0 {
		// The stop of the agent must not lose what happened before it.
		if _, err := f.records.Append(context.WithoutCancel(ctx), f.owed[0]); err != nil {
			f.log.Warn("fault not written to the journal yet", "code", fault.Code, "error", err)
			f.owed = f.owed[max(0, len(f.owed)-maxOwed):]
			return
		}
		f.owed = f.owed[1:]
	}
}
