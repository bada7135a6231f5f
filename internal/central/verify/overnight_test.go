package verify

import (
	"context"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// capture keeps what the Keeper asks for.
type capture struct {
	from, to radio.Millis
	each     func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error)
}

func (c *capture) LogDevices(context.Context, radio.Millis) ([]radio.DeviceID, error) {
	return []radio.DeviceID{"d"}, nil
}

func (c *capture) Settle(_ context.Context, _ []radio.DeviceID, from, to radio.Millis, each func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error)) error {
	c.from, c.to, c.each = from, to, each
	return nil
}

func (c *capture) SettledDays(context.Context, radio.DeviceID, uint64, int, bool) ([]radio.SettledDay, error) {
	return nil, nil
}

// A day settles with what its last slot sounded past midnight, and not before that is over.
func TestOvernightDaySettlesWhole(t *testing.T) {
	now := time.Date(2026, 12, 2, 1, 0, 0, 0, zone)
	books := &capture{}
	k := &Keeper{zone: zone, now: func() time.Time { return now }, books: books}
	if err := k.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	row := func(day radio.Date, start string) radio.KeptRow {
		at, err := time.ParseInLocation("2006-01-02 15:04", start, zone)
		if err != nil {
			t.Fatal(err)
		}
		r := radio.KeptRow{AsRun: radio.AsRun{Airing: radio.NewID[radio.AiringID](), Day: day, Start: radio.At(at)}}
		if r.Start < books.from || r.Start >= books.to {
			t.Fatalf("a row that starts at %s is not asked for", start)
		}
		return r
	}
	rows := []radio.KeptRow{row("2026-11-30", "2026-11-30 23:58"), row("2026-11-30", "2026-12-01 00:04"), row("2026-12-01", "2026-12-01 05:00")}
	days, err := books.each(radio.BookEnd{Device: "d"}, rows)
	if err != nil || len(days) != 1 || days[0].Day != "2026-11-30" || days[0].Rows != 2 {
		t.Errorf("%+v, %v; want one day of two rows", days, err)
	}
	// The first book begins with a whole day, not with the end of the evening before.
	first := radio.DateOf(books.from.Time().In(zone))
	early := append([]radio.KeptRow{{AsRun: radio.AsRun{Airing: radio.NewID[radio.AiringID](), Day: "2026-10-21", Start: books.from + 240_000}}}, rows...)
	if days, err = books.each(radio.BookEnd{Device: "d"}, early); err != nil || len(days) != 1 || first != "2026-10-22" {
		t.Errorf("from %s: %+v, %v", first, days, err)
	}
	// A slot of a whole day still sounds.
	rows = append(rows[:2:2], row("2026-11-30", "2026-12-02 00:30"), row("2026-11-30", "2026-12-02 00:59"))
	rows[3].Start = radio.At(now) + 1
	if days, err = books.each(radio.BookEnd{Device: "d"}, rows); err != nil || len(days) != 0 {
		t.Errorf("%+v, %v; want nothing before it is over", days, err)
	}
}

// The day of a row is that of its slot; what versions before wrote of the hours past midnight
// still holds, and nothing else does.
func TestDayOfARow(t *testing.T) {
	v := &Verifier{head: &Head{}}
	v.head.Zone, v.head.Province = "Asia/Ho_Chi_Minh", "p"
	z, err := timetable.LoadZone(v.head.Zone)
	if err != nil {
		t.Fatal(err)
	}
	v.zone = z
	at := radio.At(time.Date(2026, 11, 30, 23, 58, 0, 0, zone))
	for day, ok := range map[radio.Date]bool{"2026-11-30": true, "2026-12-01": true, "2026-11-29": false, "2026-12-02": false} {
		a := radio.AsRun{Province: "p", Key: radio.AiringKey{SlotAt: at}, Start: at + 360_000, SlotTime: 23*60 + 58, Day: day}
		if why := v.civil(a); (why == "") != ok {
			t.Errorf("%s: %q", day, why)
		}
	}
}
