package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
)

// Books are the devices' books of days.
type Books interface {
	LogDevices(ctx context.Context, from radio.Millis) ([]radio.DeviceID, error)
	Settle(ctx context.Context, devices []radio.DeviceID, from, to radio.Millis, each func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error)) error
	SettledDays(ctx context.Context, device radio.DeviceID, after uint64, limit int, bodies bool) ([]radio.SettledDay, error)
}

const (
	// settles is how long after its end a day settles: by then its silent airings are
	// called so, unless the deadline was set longer.
	settles = 24 * time.Hour
	// settleBack bounds what a first book begins with; what is older stands in closed months.
	settleBack = 40
	// settleGroup bounds the devices of one transaction, so that ingest never waits long.
	settleGroup = 32
)

// settle adds the days that have settled to every device's book.
func (k *Keeper) settle(ctx context.Context) error {
	if k.books == nil {
		return nil
	}
	now := k.now()
	today := now.Add(-settles).In(k.zone)
	to := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, k.zone)
	from := to.AddDate(0, 0, -settleBack)
	devices, err := k.books.LogDevices(ctx, radio.At(from).Add(-48*time.Hour))
	if err != nil {
		return err
	}
	first, last := radio.DateOf(from), radio.DateOf(to.AddDate(0, 0, -1))
	// A slot of the last evening may sound until long after midnight.
	late := to.Add(timetable.MaxSlotLength + radio.MaxGraceSeconds*time.Second)
	for part := range slices.Chunk(devices, settleGroup) {
		err := k.books.Settle(ctx, part, radio.At(from), radio.At(late), func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error) {
			return settled(end, rows, first, last, radio.At(now))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settled makes the entries of a book that follow its end, of days from first to last; none
// of a day of which something is still to sound, nor behind it.
func settled(end radio.BookEnd, rows []radio.KeptRow, first, last radio.Date, now radio.Millis) ([]radio.SettledDay, error) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r radio.KeptRow) bool { return r.Day < first || r.Day > last })
	if i := slices.IndexFunc(rows, func(r radio.KeptRow) bool { return r.Start > now }); i >= 0 {
		coming := rows[i].Day
		rows = slices.DeleteFunc(rows, func(r radio.KeptRow) bool { return r.Day >= coming })
	}
	var out []radio.SettledDay
	for len(rows) > 0 {
		day := rows[0].Day
		n := 0
		for n < len(rows) && n < radio.MaxSettledRows && rows[n].Day == day {
			n++
		}
		// A day of very many rows has several entries, made at once.
		if day > end.Day || len(out) > 0 && out[len(out)-1].Day == day {
			one := radio.SettledDay{Device: end.Device, N: end.N + uint64(len(out)) + 1, Before: end.Day, Day: day, KnownAt: now, Rows: n}
			link := trust.Hash(end.Link)
			if len(out) > 0 {
				one.Before, link = out[len(out)-1].Day, out[len(out)-1].Link
			} else if end.N == 0 {
				link = bookStart(end.Device)
			}
			var err error
			for _, r := range rows[:n] {
				if one.Body, err = radio.AppendSettled(one.Body, r.Settled()); err != nil {
					return nil, err
				}
			}
			one.Digest = bodyDigest(one.Body)
			if one.Link, err = bookLink(link, one); err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		rows = rows[n:]
	}
	return out, nil
}

func bodyDigest(body []byte) radio.SHA256 {
	sum := sha256.Sum256(body)
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

// bookStart stands before the first entry of a device's book.
func bookStart(d radio.DeviceID) trust.Hash { return sha256.Sum256([]byte("loaxa.days.v1 " + d)) }

func bookLink(before trust.Hash, d radio.SettledDay) (trust.Hash, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return before, fmt.Errorf("write a settled day: %w", err)
	}
	return trust.NextHash(before, b), nil
}

// book hands out a device's book of days: what the checkpoints say of it, and the entries.
func (s Source) book(ctx context.Context, c Choice, id radio.DeviceID, newest, told uint64, trees *forest, take func(Item) error) error {
	all, err := s.Store.JournalMarks(ctx, radio.JournalRef{Device: id})
	if err != nil || len(all) == 0 {
		return err
	}
	days, err := s.entries(ctx, id)
	if err != nil {
		return err
	}
	var b DayBook
	for c.From != "" && int(b.After) < len(days) && days[b.After].Day < c.From {
		b.Before = days[b.After].Link
		b.After++
	}
	marks := covering(c, all, days, told)
	b.Upto = max(marks[len(marks)-1].Upto, b.After)
	if err := take(Item{Book: &b}); err != nil {
		return err
	}
	for _, m := range marks {
		mark, err := trees.mark(ctx, m)
		if err == nil {
			err = take(Item{Mark: mark})
		}
		if err != nil {
			return err
		}
	}
	for _, d := range days {
		if d.N <= b.After || d.N > b.Upto {
			continue
		}
		one := Day{SettledDay: d}
		if d.Day >= c.From && (c.To == "" || d.Day <= c.To) {
			if one.Rows, err = s.body(ctx, d); err != nil {
				return err
			}
		}
		if err := take(Item{Day: &one}); err != nil {
			return err
		}
	}
	return nil
}

// covering are the marks of a book that are handed out: the one at which the ends of the
// journals are told, and the first that covers the days of the choice, or the newest.
func covering(c Choice, all []radio.CheckpointMark, days []radio.SettledDay, told uint64) []radio.CheckpointMark {
	cover := all[len(all)-1]
	for _, m := range all {
		if i := int(m.Upto) - 1; c.To != "" && m.Number >= told && i >= 0 && i < len(days) && days[i].Day > c.To {
			cover = m
			break
		}
	}
	var out []radio.CheckpointMark
	for _, m := range all {
		if m.Number == told && m.Number != cover.Number {
			out = append(out, m)
		}
	}
	return append(out, cover)
}

// entries are those of a book without their bodies.
func (s Source) entries(ctx context.Context, id radio.DeviceID) ([]radio.SettledDay, error) {
	var out []radio.SettledDay
	for after := uint64(0); ; {
		list, err := s.Store.SettledDays(ctx, id, after, page, false)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			after = d.N
			out = append(out, d)
		}
		if len(list) < page {
			return out, nil
		}
	}
}

func (s Source) body(ctx context.Context, d radio.SettledDay) ([]byte, error) {
	list, err := s.Store.SettledDays(ctx, d.Device, d.N-1, 1, true)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Body, nil
}
