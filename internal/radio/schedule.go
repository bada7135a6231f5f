package radio

import (
	"fmt"
	"slices"
)

// ItemKind tells what an item is. The union is open: an agent refuses a kind it
// does not know as refused: unsupported, and plays the rest.
type ItemKind string

const (
	KindAudio ItemKind = "audio"
	KindRelay ItemKind = "relay" // tiếp âm
	KindLive  ItemKind = "live"  // phát trực tiếp
)

// Schedule (lịch phát) is the rule people approve: where, when, what.
type Schedule struct {
	ID      ScheduleID `json:"id"`
	Code    string     `json:"code"`
	Version int        `json:"version"`
	Title   string     `json:"title"`
	// Area is the owner: the province or the commune whose desk it is; empty, in
	// documents written before there were desks, is the province. Targets lie in it.
	Area     AreaID     `json:"area,omitempty"`
	Campaign CampaignID `json:"campaign,omitempty"`
	Priority Priority   `json:"priority"` // normal or priority; emergency is refused
	Targets  []Target   `json:"targets"`
	// Zone is the IANA name in which the slots' cron rules are read.
	Zone string `json:"zone"`
	// From is the first local date, Until the last; empty is open.
	From   Date   `json:"from,omitempty"`
	Until  Date   `json:"until,omitempty"`
	Except []Date `json:"except,omitempty"`
	// GraceSeconds is how late an item may still be joined; default 120 (design §5).
	GraceSeconds int    `json:"grace_seconds"`
	Slots        []Slot `json:"slots"`
	Author       UserID `json:"author"`
	Approver     UserID `json:"approver"`
	ApprovedAt   Millis `json:"approved_at"`
	// WithdrawnAt is when this version took the schedule off the air; 0 while it runs.
	WithdrawnAt Millis `json:"withdrawn_at,omitempty"`
}

// Slot is a cron rule with ordered items. Code names it in files and is unique
// in its schedule; the id survives edits.
type Slot struct {
	ID   SlotID `json:"id"`
	Code string `json:"code"`
	Cron string `json:"cron"` // five fields, no descriptors, no TZ= prefix
	// Dates, where there are any, are the only local dates on which the rule counts: a
	// rule knows no year. In order, each once.
	Dates []Date `json:"dates,omitempty"`
	// Again and EveryMinutes tell that the rule's times were written as fewer: each first
	// one comes Again times more, EveryMinutes apart. The rule says all of them.
	Again        int     `json:"again,omitempty"`
	EveryMinutes int     `json:"every_minutes,omitempty"`
	Items        []Entry `json:"items"`
	// Now is set in drafts only: it sounds once, as soon as the draft is published. What is
	// published has the date and the rule of that minute in its place.
	Now bool `json:"now,omitempty"`
}

// Over says whether all dates of the slot lie before a day; false for one that has none.
func (s Slot) Over(day Date) bool {
	return len(s.Dates) > 0 && !slices.ContainsFunc(s.Dates, func(d Date) bool { return d >= day })
}

// CheckDates refuses dates that are none, not in order, or too many.
func CheckDates(dates []Date) error {
	if len(dates) > MaxSlotDates {
		return fmt.Errorf("%w: %d dates, at most %d", ErrInvalid, len(dates), MaxSlotDates)
	}
	for i, d := range dates {
		if _, err := ParseDate(string(d)); err != nil {
			return err
		}
		if i > 0 && d <= dates[i-1] {
			return fmt.Errorf("%w: date %s does not follow %s", ErrInvalid, d, dates[i-1])
		}
	}
	return nil
}

// Entry is one position in a slot. Its id is given once and survives edits, so
// that an airing keeps its name when a slot is re-timed around it.
type Entry struct {
	ID       EntryID    `json:"id"`
	Code     string     `json:"code"` // unique in its slot
	Kind     ItemKind   `json:"kind"`
	Bulletin BulletinID `json:"bulletin,omitempty"`
	Repeat   int        `json:"repeat"` // times it sounds, 1 to 10
	GapMS    int        `json:"gap_ms"` // silence between repeats
	// Variants are what sounds in its place on some clusters: versions in other
	// languages, say (NĐ 49/2024: bản tin tiếng dân tộc).
	Variants []Variant `json:"variants,omitempty"`
}

// Variant is what the clusters of one place play at a position of a slot.
type Variant struct {
	Target
	Bulletin BulletinID `json:"bulletin"`
}

// Wishes gives the bulletins meant for a place, the one to be taken first: the variant of
// the device itself, of its hamlet, its commune, its province, at last the entry's own.
// Who comes to a later one plays it in place of the first (see Item.Instead).
func (e Entry) Wishes(p Place) []BulletinID {
	out := make([]BulletinID, 0, 1)
	add := func(t Target) {
		for _, v := range e.Variants {
			if v.Target == t && !slices.Contains(out, v.Bulletin) {
				out = append(out, v.Bulletin)
			}
		}
	}
	if len(e.Variants) > 0 {
		add(Target{Device: p.Device.ID})
		for i := len(p.Chain) - 1; i >= 0; i-- {
			add(Target{Area: p.Chain[i].ID})
		}
	}
	if !slices.Contains(out, e.Bulletin) {
		out = append(out, e.Bulletin)
	}
	return out
}

// Bulletins lists all that may sound at the position, its own first.
func (e Entry) Bulletins() []BulletinID {
	out := []BulletinID{e.Bulletin}
	for _, v := range e.Variants {
		if !slices.Contains(out, v.Bulletin) {
			out = append(out, v.Bulletin)
		}
	}
	return out
}

// Plays says whether the bulletin may sound at the position.
func (e Entry) Plays(b BulletinID) bool {
	return e.Bulletin == b || slices.ContainsFunc(e.Variants, func(v Variant) bool { return v.Bulletin == b })
}

const (
	// DefaultGraceSeconds of a schedule that does not say (design §5).
	DefaultGraceSeconds = 120
	MaxGraceSeconds     = 3600
	MaxRepeat           = 10
	MaxGapMS            = 10 * 60 * 1000
	MaxSlotItems        = 64
	MaxSlots            = 128
	// MaxSlotDates bounds the dates of one slot, MaxVariants those of one position,
	// MaxAgain how often the times of a slot come again.
	MaxSlotDates = 366
	MaxVariants  = 64
	MaxAgain     = 23
)
