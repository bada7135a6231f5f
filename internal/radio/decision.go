package radio

import (
	"cmp"
	"slices"
	"strings"
)

// DecisionKind is what a commune says about something that was sent from above.
type DecisionKind string

// What can be said (Thông tư 39/2020/TT-BTTTT: whether and when a normal bulletin sounds
// is the commune's choice; of priority ones that clash it says which goes first).
const (
	DecideAccept  DecisionKind = "accept"  // nhận: it sounds at its own time
	DecideMove    DecisionKind = "move"    // đổi giờ: it sounds at another time
	DecideDecline DecisionKind = "decline" // không nhận: it does not sound
	DecideOrder   DecisionKind = "order"   // phát trước: Schedule goes before Other where they clash
	DecideUndo    DecisionKind = "undo"    // rút lại: as if nothing had been said
)

// Decision is one word of a commune. Words are only added: the newest about the same
// thing counts.
type Decision struct {
	// N grows with every word that is kept, in all communes.
	N        int64      `json:"n"`
	Area     AreaID     `json:"area"`
	Schedule ScheduleID `json:"schedule"`
	// Slot is "" for every slot of the schedule, also those it gets later.
	Slot SlotID `json:"slot,omitempty"`
	// Date is the local date it is about; "" stands for every date that comes.
	Date Date `json:"date,omitempty"`
	// Time is the local time, as 17:00, of the one airing of Date that it is about, of a
	// slot that comes several times a day; "" for all of them.
	Time string       `json:"time,omitempty"`
	Do   DecisionKind `json:"do"`
	// To is the new local time of a move, left out for 00:00; ToDate its date, "" for the
	// same.
	To     TimeOfDay `json:"to,omitempty"`
	ToDate Date      `json:"to_date,omitempty"`
	// Other comes after Schedule, of DecideOrder and of the DecideUndo that takes it back.
	Other ScheduleID `json:"other,omitempty"`
	// Reason is what the person wrote; needed to decline.
	Reason string `json:"reason,omitempty"`
	By     UserID `json:"by"`
	At     Millis `json:"at"`
	// Seen is N of the newest word that the person had before them when they spoke, 0 for
	// none; nil when that is not asked.
	Seen *int64 `json:"-"`
}

// OfferDefault is what counts while a commune says nothing.
type OfferDefault string

// The two defaults; OfferAccept where a commune has not chosen.
const (
	OfferAccept OfferDefault = "accept" // tự động nhận
	OfferHold   OfferDefault = "hold"   // giữ lại cho đến khi nhận
)

// OfferRule is how a commune takes what is sent to it. Rules are only added.
type OfferRule struct {
	N       int64        `json:"n"`
	Area    AreaID       `json:"area"`
	Default OfferDefault `json:"default"`
	// Hours before the first airing by which the commune means to answer.
	Hours int    `json:"deadline_hours"`
	By    UserID `json:"by,omitempty"`
	At    Millis `json:"at,omitempty"`
}

const (
	// DefaultOfferHours of a commune that has not chosen.
	DefaultOfferHours = 12
	MaxOfferHours     = 14 * 24
	// MaxDecisionAhead is how many days ahead a single date is decided about.
	MaxDecisionAhead = 60
	// MaxMoveDays is how many days a single airing is moved at most.
	MaxMoveDays = 7
)

// Decided is all that communes have said, for the planner. The zero value is nothing.
type Decided struct {
	words map[AreaID][]Decision // by N
	rules map[AreaID]OfferRule  // the newest
}

// NewDecided indexes words and rules, in any order.
func NewDecided(words []Decision, rules []OfferRule) Decided {
	if len(words)+len(rules) == 0 {
		return Decided{}
	}
	d := Decided{words: map[AreaID][]Decision{}, rules: map[AreaID]OfferRule{}}
	for _, w := range slices.SortedFunc(slices.Values(words), func(a, b Decision) int { return cmp.Compare(a.N, b.N) }) {
		d.words[w.Area] = append(d.words[w.Area], w)
	}
	for _, r := range rules {
		if old, ok := d.rules[r.Area]; !ok || r.N >= old.N {
			d.rules[r.Area] = r
		}
	}
	return d
}

// and adds words and rules as if they had been said after all others.
func (d Decided) and(words []Decision, rules []OfferRule) Decided {
	var all []Decision
	var has []OfferRule
	for _, w := range d.words {
		all = append(all, w...)
	}
	for _, r := range d.rules {
		has = append(has, r)
	}
	n := int64(0)
	for _, w := range all {
		n = max(n, w.N)
	}
	for _, w := range words {
		n++
		w.N = n
		all = append(all, w)
	}
	n = 0
	for _, r := range has {
		n = max(n, r.N)
	}
	for _, r := range rules {
		n++
		r.N = n
		has = append(has, r)
	}
	return NewDecided(all, has)
}

// Decider is an area whose word counts at a place, from an instant on; 0 is always.
type Decider struct {
	Area  AreaID
	Since Millis
}

// Deciders lists the areas whose word counts at the place: its commune with those that it
// took in (a merger), and what lies below, never what lies above. What a commune said
// before it took another counts where it spoke, not where the other did: there goes on
// what the other had decided, its silence too, until the new commune speaks.
func (p Place) Deciders() []Decider {
	return append(p.standing(Commune), p.standing(Hamlet)...)
}

// Decides says whether the area's word counts at the place, or ever will.
func (p Place) Decides(area AreaID) bool {
	return slices.ContainsFunc(p.Deciders(), func(d Decider) bool { return d.Area == area })
}

// Any says whether one of the areas has ever said anything: places of communes that have
// not are planned alike.
func (d Decided) Any(of []Decider) bool {
	return slices.ContainsFunc(of, func(o Decider) bool {
		_, ruled := d.rules[o.Area]
		return ruled || len(d.words[o.Area]) > 0
	})
}

// At gathers what counts where these areas decide. Of several the newest word counts, so
// that what was said for an area that another has taken in (a merger) goes on until
// somebody speaks anew.
func (d Decided) At(of []Decider) Settlement {
	s := Settlement{Rule: OfferRule{Default: OfferAccept, Hours: DefaultOfferHours}}
	for _, o := range of {
		for _, w := range d.words[o.Area] {
			if w.At >= o.Since {
				s.words = append(s.words, w)
			}
		}
		if r, ok := d.rules[o.Area]; ok && r.At >= o.Since && (s.Rule.N == 0 || r.N > s.Rule.N) {
			s.Rule = r
		}
	}
	slices.SortStableFunc(s.words, func(a, b Decision) int { return cmp.Compare(a.N, b.N) })
	return s
}

// Settlement is what counts at one place.
type Settlement struct {
	Rule  OfferRule
	words []Decision // by N
}

// Standing gives the word that counts for every date on which a slot comes; ok is false
// when the default does.
func (s Settlement) Standing(schedule ScheduleID, slot SlotID) (Decision, bool) {
	return s.word(schedule, slot, "", "")
}

// On gives the word about the airing that is laid down at a time of one date alone; ok is
// false when there is none and the standing one counts. What was said about that time
// counts until something is said about the whole date.
func (s Settlement) On(schedule ScheduleID, slot SlotID, date Date, at TimeOfDay) (Decision, bool) {
	return s.word(schedule, slot, date, at.String())
}

// Dates lists the words that count about single dates and single airings of them, by date
// and time.
func (s Settlement) Dates(schedule ScheduleID, slot SlotID) []Decision {
	seen := map[[2]string]bool{}
	var out []Decision
	for _, w := range slices.Backward(s.words) {
		key := [2]string{string(w.Date), w.Time}
		if w.Date == "" || seen[key] || seen[[2]string{string(w.Date), ""}] || !w.about(schedule, slot) {
			continue
		}
		seen[key] = true
		if w.Do != DecideUndo {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Decision) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Time, b.Time)) })
	return out
}

// word is the newest about a date, "" for every date, and a time of it; where it was taken
// back ok is false, and it is the word that did so.
func (s Settlement) word(schedule ScheduleID, slot SlotID, date Date, at string) (undo Decision, ok bool) {
	undone := false // what was said of the airing alone
	for _, w := range slices.Backward(s.words) {
		switch {
		case w.Date != date || !w.about(schedule, slot), w.Time != "" && (w.Time != at || undone):
		case w.Do != DecideUndo:
			return w, true
		case w.Time != "":
			undo, undone = w, true
		case undone:
			return undo, false
		default:
			return w, false
		}
	}
	return undo, false
}

// With is the settlement after more words have been said, in their order.
func (s Settlement) With(words ...Decision) Settlement {
	s.words = append(slices.Clone(s.words), words...)
	return s
}

// MovesTo writes the new time of a move, with its date where that is another one; "" for
// other words.
func (d Decision) MovesTo() string {
	if d.Do != DecideMove {
		return ""
	}
	return strings.TrimSpace(string(d.ToDate) + " " + d.To.String())
}

// Deciders are those whose word counted about the row; p is where its device stands today.
// A device that was moved to another commune since was spoken for by the one of its day.
func (a AsRun) Deciders(p Place) []Decider {
	if then := p.On(a.Day); then.Commune().ID == a.Commune {
		return then.Deciders()
	}
	return []Decider{{Area: a.Commune}, {Area: a.Hamlet}}
}

// WordOn is the word by which a row stands where it does, or no longer does when it was
// cancelled; ok is false when the default counted or nobody had to be asked. What was said
// after it was to begin says nothing about it.
func WordOn(row AsRun, said Decided, of []Decider) (Decision, bool) {
	if row.Origin != FromSchedule || row.Priority != Normal {
		return Decision{}, false
	}
	s := said.At(of).before(row.Start)
	if row.Outcome == Cancelled {
		return s.Away(row.Key.Schedule, row.Key.Slot, row.Day, row.SlotTime)
	}
	return s.Behind(row.Key.Schedule, row.Key.Slot, row.Day, row.SlotTime)
}

// before leaves out what was said at an instant or later.
func (s Settlement) before(at Millis) Settlement {
	s.words = slices.DeleteFunc(slices.Clone(s.words), func(w Decision) bool { return w.At >= at })
	return s
}

// Behind is the word by which a slot stands on a local day at a time of day: the one that
// moved it there, else that of the date, else the standing one; ok is false when the default
// counts, or nobody has said anything about that time.
func (s Settlement) Behind(schedule ScheduleID, slot SlotID, day Date, at TimeOfDay) (Decision, bool) {
	for _, d := range s.Dates(schedule, slot) {
		if d.Do == DecideMove && cmp.Or(d.ToDate, d.Date) == day && d.To == at {
			return d, true
		}
	}
	if d, ok := s.On(schedule, slot, day, at); ok && d.Do != DecideMove {
		return d, true
	}
	if d, ok := s.Standing(schedule, slot); ok && (d.Do != DecideMove || d.To == at) {
		return d, true
	}
	return Decision{}, false
}

// Away is the word by which a slot no longer stands on a local day at a time of day where
// it stood before: a move to another time, or the end of the move that had put it there.
func (s Settlement) Away(schedule ScheduleID, slot SlotID, day Date, at TimeOfDay) (best Decision, ok bool) {
	type about struct {
		date Date
		time string
	}
	all := []about{{day, at.String()}, {}}
	for _, w := range s.words {
		if w.Do == DecideMove && w.Date != "" && w.about(schedule, slot) && cmp.Or(w.ToDate, w.Date) == day && w.To == at {
			all = append(all, about{w.Date, w.Time})
		}
	}
	for _, a := range all {
		w, said := s.word(schedule, slot, a.date, a.time)
		here := w.Do == DecideMove && w.To == at && (a.date == "" || cmp.Or(w.ToDate, w.Date) == day)
		if w.N > best.N && !here && (said && w.Do == DecideMove || !said) {
			best, ok = w, true
		}
	}
	return best, ok
}

// about: it says whether and when the slot sounds.
func (d Decision) about(schedule ScheduleID, slot SlotID) bool {
	return d.Other == "" && d.Do != DecideOrder && d.Schedule == schedule && (d.Slot == "" || d.Slot == slot)
}

// Order gives the newest word about which of two schedules goes first.
func (s Settlement) Order(a, b ScheduleID) (Decision, bool) {
	for _, w := range slices.Backward(s.words) {
		if w.Other != "" && (w.Schedule == a && w.Other == b || w.Schedule == b && w.Other == a) {
			return w, w.Do == DecideOrder
		}
	}
	return Decision{}, false
}

// Offered says whether a schedule comes to the place from above: its owner is neither the
// commune nor below it. Whether normal or priority is for the caller to ask.
func (p Place) Offered(s Schedule) bool {
	return p.Commune().ID != "" && !p.Decides(s.Area)
}

// Touches says whether two words of one commune are about the same: the order of two
// schedules, or slots of one schedule, on whatever dates.
func (d Decision) Touches(w Decision) bool {
	if d.Other != "" || w.Other != "" {
		return d.Schedule == w.Schedule && d.Other == w.Other || d.Schedule == w.Other && d.Other == w.Schedule
	}
	return d.Schedule == w.Schedule && (d.Slot == w.Slot || d.Slot == "" || w.Slot == "")
}

// Answers weighs a word against those of its commune that came after what the person saw:
// ErrConflict when one of them is about the same, so that nobody overrules a colleague
// unawares; said when it is this very word, sent twice.
func (d Decision) Answers(newer []Decision) (said bool, err error) {
	for _, w := range newer {
		if d.Seen == nil || w.N <= *d.Seen || !d.Touches(w) {
			continue
		}
		same := w
		same.N, same.At, same.Seen = d.N, d.At, d.Seen
		if same != d {
			return false, Refuse(ErrConflict, "Đã có câu trả lời mới hơn về lịch này từ khi bạn mở trang. Hãy xem lại rồi trả lời.",
				"there is a newer answer about this schedule than the one you saw; look at it again")
		}
		said = true
	}
	return said, nil
}
