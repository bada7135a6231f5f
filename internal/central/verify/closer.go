package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Months keeps closed months.
type Months interface {
	LogParts(ctx context.Context) ([]int64, error)
	ClosedMonths(ctx context.Context) ([]radio.ClosedMonth, error)
	// BeginClosing marks the month: what is said from at on is an amendment. It gives the
	// instant of a closing that was cut short; ErrConflict when the month is closed.
	BeginClosing(ctx context.Context, month, by string, at radio.Millis) (radio.Millis, error)
	// MonthRows hands out the rows in the order of device, part of the log and airing.
	MonthRows(ctx context.Context, month string, each func(radio.KeptRow) error) error
	FinishClosing(ctx context.Context, m radio.ClosedMonth) error
}

// Closer closes months.
type Closer struct {
	keeper *Keeper
	months Months
	// day of the following month on which it closes by itself; 0 never.
	day int
}

// CloseMonths lets the Keeper close months, by themselves on a day of the following month;
// 0 only when a person does.
func (k *Keeper) CloseMonths(months Months, day int) *Closer {
	k.closer = &Closer{keeper: k, months: months, day: day}
	return k.closer
}

// ByItself is who closes a month that nobody has closed by its day.
const ByItself = "centre"

// Due closes the months whose day has come, the oldest first.
func (c *Closer) Due(ctx context.Context) error {
	if c.day == 0 {
		return nil
	}
	parts, err := c.months.LogParts(ctx)
	if err != nil || len(parts) == 0 {
		return err
	}
	closed, err := c.months.ClosedMonths(ctx)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, m := range closed {
		held[m.Month] = len(m.Envelope) > 0
	}
	now := c.keeper.now().In(c.keeper.zone)
	first := time.Date(int(parts[0]/100), time.Month(parts[0]%100), 1, 0, 0, 0, 0, c.keeper.zone)
	for ; !now.Before(first.AddDate(0, 1, c.day-1)); first = first.AddDate(0, 1, 0) {
		month := first.Format("2006-01")
		if held[month] {
			continue
		}
		m, err := c.Close(ctx, month, ByItself)
		if errors.Is(err, errNotListed) {
			return nil // said with the checkpoint
		}
		if err != nil && !errors.Is(err, radio.ErrConflict) {
			return err
		}
		if err == nil {
			c.keeper.log.Info("month closed", "month", month, "rows", m.Rows, "digest", m.Digest)
		}
	}
	return nil
}

// Close closes a month that has ended: a checkpoint first, then the snapshot, then a
// checkpoint that names it.
func (c *Closer) Close(ctx context.Context, month, by string) (radio.ClosedMonth, error) {
	k := c.keeper
	first, err := checkMonth(month)
	if err != nil {
		var e radio.Invalid
		e.Add("month", "tháng phải có dạng 2026-12", "the month must look like 2026-12")
		return radio.ClosedMonth{}, e.Err()
	}
	if end := time.Date(first.Year(), first.Month()+1, 1, 0, 0, 0, 0, k.zone); k.now().Before(end) {
		var e radio.Invalid
		e.Add("month", "tháng chưa kết thúc", "the month has not ended yet")
		return radio.ClosedMonth{}, e.Err()
	}
	if err := k.mayUse(ctx, wire.Month); err != nil {
		return radio.ClosedMonth{}, err
	}
	mark, err := k.Make(ctx)
	if err != nil {
		return radio.ClosedMonth{}, err
	}
	// All that was said until this instant is in the log once BeginClosing returns, and
	// words are only added to: so the rows can be counted beside the writers.
	at, err := c.months.BeginClosing(ctx, month, by, radio.At(k.now()))
	if err != nil {
		return radio.ClosedMonth{}, err
	}
	_, ring := k.keys.Keyring()
	sum := newMonthSum(wire.MonthPayload{Province: ring.Province, Month: month, KnownAt: at, By: by, Checkpoint: mark.Number})
	if err := c.months.MonthRows(ctx, month, sum.add); err != nil {
		return radio.ClosedMonth{}, err
	}
	p := sum.MonthPayload
	p.Rows, p.Digest, p.Planned, p.Unplanned = sum.got.rows, sum.digest(), sum.got.planned, sum.got.unplanned
	envelope, _, err := k.sign(wire.Month, string(ring.Province), p)
	if err != nil {
		return radio.ClosedMonth{}, fmt.Errorf("close month %s: %w", month, err)
	}
	m := radio.ClosedMonth{Month: month, ClosedAt: at, By: by, Rows: p.Rows, Planned: p.Planned, Unplanned: p.Unplanned,
		Digest: p.Digest.String(), Checkpoint: mark.Number, Envelope: envelope}
	if err := c.months.FinishClosing(ctx, m); err != nil {
		return m, err
	}
	// Another checkpoint names the snapshot at once; should it fail, that of the day does.
	if _, err := k.Make(ctx); err != nil {
		k.log.Warn("month closed; no checkpoint names it yet", "month", month, "error", err)
	}
	return m, nil
}
