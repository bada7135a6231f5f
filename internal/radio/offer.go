package radio

import "slices"

// OfferState is where a slot that came from above stands with its commune.
type OfferState string

const (
	OfferWaiting   OfferState = "waiting"    // chờ trả lời: nobody has said anything, there is time
	OfferByDefault OfferState = "by_default" // theo mặc định: the time to answer is over, the default counts
	OfferAccepted  OfferState = "accepted"   // đã nhận
	OfferMoved     OfferState = "moved"      // đã đổi giờ
	OfferDeclined  OfferState = "declined"   // không nhận
	OfferStands    OfferState = "stands"     // ưu tiên: it sounds; the commune only puts it in order
)

// OfferTime is one time at which an offered slot comes.
type OfferTime struct {
	Date Date      `json:"date"`
	Time TimeOfDay `json:"time"` // local, of At
	At   Millis    `json:"at"`   // as it was laid down
	// SoundsAt is when it sounds by what counts now; 0 when it does not.
	SoundsAt Millis `json:"sounds_at,omitempty"`
	// Twice: another airing of the slot comes to SoundsAt too; it sounds once.
	Twice bool `json:"twice,omitempty"`
	// Off: the commune has it sound, but no cluster will, for Reason and Veto.
	Off    bool       `json:"off,omitempty"`
	Reason Reason     `json:"reason,omitempty"`
	Veto   Veto       `json:"veto,omitempty"`
	State  OfferState `json:"state"`
	// Word is the one about this date or airing alone, nil when the standing one or the default counts.
	Word *Decision `json:"word,omitempty"`
}

// Offer is one slot of a schedule that comes to a commune from above.
type Offer struct {
	Schedule ScheduleID `json:"schedule"`
	Code     string     `json:"code"`
	Title    string     `json:"title"`
	Priority Priority   `json:"priority"`
	From     Date       `json:"from,omitempty"`
	Until    Date       `json:"until,omitempty"`
	Slot     SlotID     `json:"slot"`
	SlotCode string     `json:"slot_code"`
	Cron     string     `json:"cron"`
	// Movable: it comes once a day at most, so that another time says it all; of another
	// slot one airing is moved at a time.
	Movable bool     `json:"movable"`
	Items   []string `json:"items"` // titles in order
	Samples int64    `json:"samples"`
	// State is of what counts every day; Sounds says whether it then sounds.
	State  OfferState `json:"state"`
	Sounds bool       `json:"sounds"`
	// Word is the standing one; nil when nobody has said any.
	Word *Decision `json:"word,omitempty"`
	// First is its first airing since it was put on the air, Deadline the instant by which
	// the commune means to answer; 0 when it does not come within a year.
	First    Millis      `json:"first,omitempty"`
	Deadline Millis      `json:"deadline,omitempty"`
	Coming   []OfferTime `json:"coming"`
	Devices  int         `json:"device_count"` // of the commune, or of its part, that it reaches
	// Part names the communes of before a merger in whose clusters it stands like this; ""
	// where it stands alike in all of the commune.
	Part string `json:"part,omitempty"`
}

// OfferAnswer is how the slots of one schedule stand with one commune.
type OfferAnswer struct {
	Commune AreaID     `json:"commune"`
	Name    string     `json:"name"`
	State   OfferState `json:"state"`
	// Sounds says whether the slots sound; of a schedule that only waits, by the default.
	Sounds bool `json:"sounds"`
	// Slots are the codes of those that stand like this, Devices the clusters they reach.
	Slots   []string `json:"slots"`
	Devices int      `json:"device_count"`
	// Reason is the newest that the commune gave, Deadline the first by which it means to
	// answer; 0 for none.
	Reason   string `json:"reason,omitempty"`
	Deadline Millis `json:"deadline,omitempty"`
}

// Held says whether the slots are kept off because nobody has answered.
func (a OfferAnswer) Held() bool {
	return !a.Sounds && (a.State == OfferWaiting || a.State == OfferByDefault)
}

// OfferAnswers is how a schedule that is sent from above stands with the communes.
type OfferAnswers struct {
	// Communes is how many it is sent to; Declined, Held and Unanswered how many of them
	// decline some of it, hold some of it back, or have not answered about some of it
	// (which then sounds at its time).
	Communes   int `json:"commune_count"`
	Declined   int `json:"declined_count"`
	Held       int `json:"held_count"`
	Unanswered int `json:"unanswered_count"`
	// Answers of the communes, by name; a commune in which slots stand differently has
	// several.
	Answers []OfferAnswer `json:"answers"`
}

// Count sums the answers up.
func (a *OfferAnswers) Count() {
	all, declined, held, open := map[AreaID]bool{}, map[AreaID]bool{}, map[AreaID]bool{}, map[AreaID]bool{}
	for _, x := range a.Answers {
		all[x.Commune] = true
		switch {
		case x.State == OfferDeclined:
			declined[x.Commune] = true
		case x.Held():
			held[x.Commune] = true
		case x.State == OfferWaiting || x.State == OfferByDefault:
			open[x.Commune] = true
		}
	}
	a.Communes, a.Declined, a.Held, a.Unanswered = len(all), len(declined), len(held), len(open)
}

// OfferClash is two priority schedules that want one time on the commune's clusters.
type OfferClash struct {
	A      ScheduleID `json:"a"`
	B      ScheduleID `json:"b"`
	ATitle string     `json:"a_title"`
	BTitle string     `json:"b_title"`
	At     Millis     `json:"at"`    // the first time
	Times  int        `json:"times"` // airings that wait or fall out, in the days looked at
	// Word says which goes first; nil when nobody has and the earlier time counts.
	Word *Decision `json:"word,omitempty"`
}

// OfferPart is how the clusters of a commune of before a merger take what is sent.
type OfferPart struct {
	Name string    `json:"name"`
	Rule OfferRule `json:"rule"`
}

// Inbox is all that came to a commune from above (tin cấp trên gửi).
type Inbox struct {
	Commune AreaID `json:"commune"`
	Zone    string `json:"zone"`
	// Rule counts in all of the commune but in Parts.
	Rule OfferRule `json:"rule"`
	// Parts are clusters of communes of before a merger in which another rule goes on until
	// this one is set anew.
	Parts   []OfferPart  `json:"parts,omitempty"`
	Offers  []Offer      `json:"offers"`
	Clashes []OfferClash `json:"clashes"`
	// Times are those of the commune's own schedules, to move to.
	Times []TimeOfDay `json:"times"`
	// Words are the newest that were said, the newest first; Names are of who said them,
	// Titles of the schedules they are about.
	Words  []Decision            `json:"words"`
	Names  map[UserID]string     `json:"names"`
	Titles map[ScheduleID]string `json:"titles"`
}

// Waiting counts the offers to which nobody has answered yet.
func (b Inbox) Waiting() int {
	n := 0
	for _, o := range b.Offers {
		if o.State == OfferWaiting {
			n++
		}
	}
	return n
}

// MayDecide says whether the person decides for the commune: by a role in the commune
// itself. The province sends; whoever has a role there alone does not answer in the
// commune's place.
func (p Person) MayDecide(commune AreaID) bool {
	return p.Token.allows(DecideOffers) && slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return g.Area == commune && g.Role.May(DecideOffers)
	})
}

// MaxDecisionReason is how long a reason may be, in characters.
const MaxDecisionReason = 300

// Check refuses a word that says nothing or more than one thing; whether it fits what was
// sent is for the desk to say.
func (d Decision) Check() error {
	var e Invalid
	order := d.Do == DecideOrder || d.Do == DecideUndo && d.Other != ""
	if !slices.Contains([]DecisionKind{DecideAccept, DecideMove, DecideDecline, DecideOrder, DecideUndo}, d.Do) {
		e.Add("do", "chọn nhận, đổi giờ, không nhận, phát trước hoặc rút lại", "want accept, move, decline, order or undo")
	}
	if !ValidID(d.Schedule) || d.Slot != "" && !ValidID(d.Slot) || d.Other != "" && !ValidID(d.Other) {
		e.Add("schedule", "không phải mã lịch phát", "not the id of a schedule or slot")
	}
	switch {
	case order && (d.Other == "" || d.Other == d.Schedule || d.Slot != "" || d.Date != "" || d.Time != ""):
		e.Add("other", "chọn hai lịch khác nhau", "name two different schedules, no slot and no date")
	case !order && d.Other != "":
		e.Add("other", "chỉ dùng khi xếp thứ tự", "only for putting schedules in order")
	}
	for field, day := range map[string]Date{"date": d.Date, "to_date": d.ToDate} {
		if day == "" {
			continue
		}
		if _, err := ParseDate(string(day)); err != nil {
			e.Add(field, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
	}
	if d.Do == DecideMove {
		if d.To < 0 || d.To >= 24*60 {
			e.Add("to", "giờ từ 00:00 đến 23:59", "want a time from 00:00 to 23:59")
		}
		if d.Slot == "" {
			e.Add("slot", "chọn khung giờ muốn đổi", "name the slot to move")
		}
	}
	if d.Time != "" {
		if at, err := ParseTimeOfDay(d.Time); err != nil || at.String() != d.Time {
			e.Add("time", "giờ của lượt phải có dạng 17:00", "the time of the airing must look like 17:00")
		} else if d.Date == "" || d.Slot == "" {
			e.Add("time", "chọn ngày của lượt phát đó", "name the slot and the date of the airing")
		}
	}
	if d.ToDate != "" && (d.Do != DecideMove || d.Date == "") {
		e.Add("to_date", "chỉ đổi ngày cho lượt phát của một ngày", "only the airing of one date moves to another date")
	}
	least := 0
	if d.Do == DecideDecline {
		least = 1
	}
	CheckLine(&e, "reason", d.Reason, least, MaxDecisionReason)
	return e.Err()
}

// Check refuses a rule nobody can follow.
func (r OfferRule) Check() error {
	var e Invalid
	if r.Default != OfferAccept && r.Default != OfferHold {
		e.Add("default", "chọn tự động nhận hoặc giữ lại", "want accept or hold")
	}
	if r.Hours < 0 || r.Hours > MaxOfferHours {
		e.Add("deadline_hours", "số giờ từ 0 đến 336", "want 0 to 336 hours")
	}
	return e.Err()
}
