package central

import (
	"context"
	"io"
	"slices"
	"time"

	"loaxa/internal/central/export"
	"loaxa/internal/central/verify"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// proofs gives web closed months and checkpoints.
type proofs struct {
	c        *Central
	evidence *Evidence
	closer   *verify.Closer
}

// LogMonths lists the months of the log, the newest first.
func (p proofs) LogMonths(ctx context.Context) ([]radio.LogMonth, error) {
	parts, err := p.c.store.LogParts(ctx)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	closed, err := p.c.store.ClosedMonths(ctx)
	if err != nil {
		return nil, err
	}
	now := p.c.now().In(p.evidence.zone)
	first := time.Date(int(parts[0]/100), time.Month(parts[0]%100), 1, 0, 0, 0, 0, p.evidence.zone)
	var out []radio.LogMonth
	for m := first; !m.After(now); m = m.AddDate(0, 1, 0) {
		one := radio.LogMonth{Month: m.Format("2006-01"), Ended: !now.Before(m.AddDate(0, 1, 0))}
		if day := p.c.cfg.Months.CloseOn; day > 0 {
			one.Due = radio.DateOf(m.AddDate(0, 1, day-1))
		}
		if i := slices.IndexFunc(closed, func(k radio.ClosedMonth) bool { return k.Month == one.Month }); i >= 0 {
			if one.Closing = len(closed[i].Envelope) == 0; !one.Closing {
				one.Closed = &closed[i]
			}
		}
		out = append(out, one)
	}
	slices.Reverse(out)
	return out, nil
}

// CloseMonth closes a month that has ended.
func (p proofs) CloseMonth(ctx context.Context, month string, by radio.Person) (radio.ClosedMonth, error) {
	return p.closer.Close(ctx, month, string(by.ID))
}

// Amendments lists what was said since.
func (p proofs) Amendments(ctx context.Context, month string, communes []radio.AreaID, before radio.Millis, limit int) ([]radio.Amendment, error) {
	return p.c.store.Amendments(ctx, month, communes, before, limit)
}

// evidenceFiles gives web what the log is checked with; files in turn with those of export.
type evidenceFiles struct {
	proofs
	turns *export.Exporter
}

// RootPrint is the thumbprint of the province's first root key.
func (e evidenceFiles) RootPrint() string { return e.evidence.Root }

// Checkpoints gives the newest first.
func (e evidenceFiles) Checkpoints(ctx context.Context, limit int) ([]radio.KeptCheckpoint, error) {
	last, err := e.c.store.NewestCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	list, err := e.c.store.Checkpoints(ctx, last.Number-min(last.Number, uint64(limit)), limit)
	slices.Reverse(list)
	return list, err
}

// Bundle writes what the reader of a part of the log may take away.
func (e evidenceFiles) Bundle(ctx context.Context, f web.EvidenceFile, begin func() (io.Writer, error)) error {
	choice := verify.Choice{From: f.From, To: f.To}
	if f.Device != "" || f.Communes != nil {
		places, err := e.c.store.Places(ctx)
		if err != nil {
			return err
		}
		choice.Devices = []radio.DeviceID{}
		for _, p := range places {
			if (f.Device == "" || p.Device.ID == f.Device) && (f.Communes == nil || slices.Contains(f.Communes, p.Commune().ID)) {
				choice.Devices = append(choice.Devices, p.Device.ID)
			}
		}
	}
	return e.turns.Turn(ctx, string(f.Owner), func(ctx context.Context) error {
		fresh, err := e.c.Evidence(ctx) // keys may have changed since the start
		if err != nil {
			return err
		}
		w, err := begin()
		if err != nil {
			return err
		}
		return e.c.WriteBundle(ctx, fresh, choice, w)
	})
}
