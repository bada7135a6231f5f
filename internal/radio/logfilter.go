package radio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Choices of LogFilter.Outcome that are no outcomes of their own.
const (
	// NotAired lets through every outcome but aired.
	NotAired Outcome = "not_aired"
	// Lacking lets through what ended otherwise than aired: not aired, and not pending.
	Lacking Outcome = "lacking"
	// Unplanned lets through sound nobody planned, whatever its outcome.
	Unplanned Outcome = "unplanned"
)

// LogFilter narrows the confirmation log; empty fields do not narrow.
type LogFilter struct {
	// Communes are the ones the reader may see; nil is all of them. It comes from the
	// reader's rights, never from an address.
	Communes []AreaID
	Commune  AreaID
	Device   DeviceID
	From     Date   // first day
	To       Date   // last day
	Slot     string // local time of the slot's instant, "05:00"
	Outcome  Outcome
	Campaign CampaignID
	Bulletin BulletinID
	Priority Priority
	Origin   Origin
	// KnownAt, when set, asks for the log as it was known at that instant. It needs From and
	// To, at most MaxKnownDays apart: the rows between are walked.
	KnownAt Millis
}

// MaxKnownDays bounds the days of which is asked what was known.
const MaxKnownDays = 92

// Check lists what people can mistype; ids that do not exist simply find nothing.
func (f LogFilter) Check() error {
	var e Invalid
	for _, d := range []struct {
		field string
		day   Date
	}{{"from", f.From}, {"to", f.To}} {
		if _, err := ParseDate(string(d.day)); d.day != "" && err != nil {
			e.Add(d.field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
	}
	if f.From != "" && f.To != "" && f.From > f.To && len(e.Problems) == 0 {
		e.Add("to", "ngày cuối đứng trước ngày đầu", "the last day is before the first")
	}
	f.checkKnown(&e)
	for _, id := range []struct{ field, value string }{
		{"commune", string(f.Commune)}, {"device", string(f.Device)}, {"campaign", string(f.Campaign)}, {"bulletin", string(f.Bulletin)},
	} {
		if id.value != "" && !ValidID(id.value) {
			e.Add(id.field, "giá trị lọc không đúng", "not a value of this filter")
		}
	}
	if t, err := ParseTimeOfDay(f.Slot); f.Slot != "" && (err != nil || t >= 24*60) {
		e.Add("slot", "giờ phải có dạng 05:00", "the time must look like 05:00")
	}
	if f.Outcome != "" && len(f.Outcomes()) == 0 {
		e.Add("outcome", "không có kết quả này", "no such outcome")
	}
	if f.Priority != "" && f.Priority.Rank() == 0 {
		e.Add("priority", "không có mức ưu tiên này", "no such priority")
	}
	if f.Origin != "" && !slices.Contains(Origins(), f.Origin) {
		e.Add("origin", "không có nguồn phát này", "no such origin")
	}
	return e.Err()
}

func (f LogFilter) checkKnown(e *Invalid) {
	if f.KnownAt == 0 || len(e.Problems) > 0 {
		return
	}
	if f.KnownAt < 0 {
		e.Add("known_at", "thời điểm phải có dạng 2026-12-10T00:00", "the instant must look like 2026-12-10T00:00:00+07:00")
		return
	}
	from, err1 := time.Parse(time.DateOnly, string(f.From))
	to, err2 := time.Parse(time.DateOnly, string(f.To))
	if err1 != nil || err2 != nil || to.Sub(from) >= MaxKnownDays*24*time.Hour {
		most := strconv.Itoa(MaxKnownDays)
		e.Add("known_at", "để xem số liệu đã biết tại một thời điểm, hãy chọn từ ngày, đến ngày, nhiều nhất "+most+" ngày",
			"what was known at an instant is told of a first and a last day, at most "+most+" days")
	}
}

// Outcomes are the ones the filter lets through; none when it names none that exists.
func (f LogFilter) Outcomes() []Outcome {
	all := Outcomes()
	switch f.Outcome {
	case "", Unplanned:
		return all
	case NotAired:
		return slices.DeleteFunc(all, func(o Outcome) bool { return o == Aired })
	case Lacking:
		return slices.DeleteFunc(all, func(o Outcome) bool { return o == Aired || o == PendingOutcome })
	}
	return slices.DeleteFunc(all, func(o Outcome) bool { return o != f.Outcome })
}

// Allows says whether the reader may see a commune.
func (f LogFilter) Allows(commune AreaID) bool {
	return f.Communes == nil || slices.Contains(f.Communes, commune)
}

// Origins lists every origin, in the order screens show them.
func Origins() []Origin { return []Origin{FromSchedule, FromCommand, FromAlert, FromLocal} }

// LogCursor is a place in the log, which is ordered by local day, planned start and id.
// The zero one stands before the newest row.
type LogCursor struct {
	Day    Date
	Start  Millis
	Airing AiringID
}

// Cursor is the row's own place.
func (a AsRun) Cursor() LogCursor { return LogCursor{a.Day, a.Start, a.Airing} }

// ParseLogCursor reads a cursor as String writes it.
func ParseLogCursor(text string) (LogCursor, error) {
	if text == "" {
		return LogCursor{}, nil
	}
	day, rest, _ := strings.Cut(text, ".")
	at, id, ok := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if day != "" && err == nil {
		_, err = ParseDate(day)
	}
	if !ok || err != nil || n < 0 || !ValidID(id) {
		return LogCursor{}, fmt.Errorf("%w: %q is not a place in the log", ErrInvalid, clip(text))
	}
	return LogCursor{Day: Date(day), Start: Millis(n), Airing: AiringID(id)}, nil
}

// String is empty for the zero cursor.
func (c LogCursor) String() string {
	if c == (LogCursor{}) {
		return ""
	}
	return fmt.Sprintf("%s.%d.%s", c.Day, c.Start, c.Airing)
}
