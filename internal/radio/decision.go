package radio

import (
	"cmp"
	"slices"
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
	Date Date         `json:"date,omitempty"`
	Do   DecisionKind `json:"do"`
	// To is the new local time of a move; ToDate its date, "" for the same.
	To     TimeOfDay `json:"to,omitempty"`
	ToDate Date      `json:"to_date,omitempty"`
	// Other comes after Schedule, of DecideOrder and of the DecideUndo that takes it back.
	Other ScheduleID `json:"other,omitempty"`
	// Reason is what the person wrote; needed to decline.
	Reason string `json:"reason,omitempty"`
	By     UserID `json:"by"`
	At     Millis `json:"at"`
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

// Deciders lists the areas whose word counts at the place: its commune and what lies
// below, never what lies above.
func (p Place) Deciders() []AreaID {
	var out []AreaID
	for _, a := range p.Chain {
		if a.Kind == Commune || a.Kind == Hamlet {
			out = append(out, a.ID)
		}
	}
	return out
}

// Any says whether one of the areas has ever said anything: places of communes that have
// not are planned alike.
func (d Decided) Any(areas []AreaID) bool {
	return slices.ContainsFunc(areas, func(a AreaID) bool {
		_, ruled := d.rules[a]
		return ruled || len(d.words[a]) > 0
	})
}

// At gathers what counts where these areas decide. Of several the newest word counts, so
// that what was said for an area that another has taken in (a merger) goes on until
// somebody speaks anew.
func (d Decided) At(areas []AreaID) Settlement {
	s := Settlement{Rule: OfferRule{Default: OfferAccept, Hours: DefaultOfferHours}}
	for _, a := range areas {
		s.words = append(s.words, d.words[a]...)
		if r, ok := d.rules[a]; ok && (s.Rule.N == 0 || r.N > s.Rule.N) {
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
	return s.newest(schedule, slot, "")
}

// On gives the word about one date alone; ok is false when there is none and the standing
// one counts.
func (s Settlement) On(schedule ScheduleID, slot SlotID, date Date) (Decision, bool) {
	return s.newest(schedule, slot, date)
}

// Dates lists the words about single dates, by date.
func (s Settlement) Dates(schedule ScheduleID, slot SlotID) []Decision {
	seen := map[Date]bool{}
	var out []Decision
	for _, w := range s.words {
		if w.Date == "" || seen[w.Date] || !w.about(schedule, slot) {
			continue
		}
		seen[w.Date] = true
		if d, ok := s.newest(schedule, slot, w.Date); ok {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Decision) int { return cmp.Compare(a.Date, b.Date) })
	return out
}

func (s Settlement) newest(schedule ScheduleID, slot SlotID, date Date) (Decision, bool) {
	for _, w := range slices.Backward(s.words) {
		if w.Date == date && w.about(schedule, slot) {
			return w, w.Do != DecideUndo
		}
	}
	return Decision{}, false
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
	return p.Commune().ID != "" && !slices.Contains(p.Deciders(), s.Area)
}
