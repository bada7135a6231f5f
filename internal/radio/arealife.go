package radio

import (
	"fmt"
	"slices"
	"time"
)

// Areas live: they are merged, split and renamed, by a decision and from a day on. An area
// that was merged is not lost: from that day it lies, with all that lay in it, inside the
// area that took it (parent), under its old code and with its last day (ValidTo). So what
// was laid down for it goes on sounding where it sounded, under the same airing ids; what
// its approvers have signed stays signed; its people keep what they had; and its log
// stands under its name for its days.

// AreaChangeID names a recorded change.
type AreaChangeID string

// AreaChangeKind is what happens to areas.
type AreaChangeKind string

const (
	MergeAreas AreaChangeKind = "merge"  // sáp nhập
	SplitArea  AreaChangeKind = "split"  // chia tách, điều chỉnh địa giới
	RenameArea AreaChangeKind = "rename" // đổi tên, đổi mã
)

// Bounds of one change and of what it leaves behind.
const (
	MaxAreasChanged   = 200
	MaxDevicesMoved   = 2000
	maxAreaDepth      = 10 // areas above one another, old ones counted
	MaxAreaChangeLead = 400 * 24 * time.Hour
)

// AreaChange is one decision about areas, as a person records it.
type AreaChange struct {
	ID   AreaChangeID   `json:"id"`
	Kind AreaChangeKind `json:"kind"`
	// From is the first local day of the new order.
	From Date `json:"from"`
	// Areas are those that end (merge), the hamlets that leave their commune (split), or
	// the one that gets another name (rename).
	Areas []AreaID `json:"areas,omitempty"`
	// Devices are the clusters that leave their hamlet, for the split of a hamlet.
	Devices []DeviceID `json:"devices,omitempty"`
	// Into is the area that takes them; "" makes a new one of Code and Name.
	Into AreaID `json:"into,omitempty"`
	// Code and Name are those of the new area, or the new ones of Into or of the renamed;
	// "" keeps what there is.
	Code string `json:"code,omitempty"`
	Name string `json:"name,omitempty"`
	// Number, Issuer and Issued are those of the decision (nghị quyết, quyết định).
	Number string `json:"number,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	Issued Date   `json:"issued,omitempty"`
	// Carry gives the people of merged areas the same roles in the area that takes them.
	Carry bool `json:"carry,omitempty"`

	Author UserID `json:"author"`
	At     Millis `json:"at"`
	// AppliedAt is when it took effect, DroppedAt when it was taken back before; 0: not yet.
	AppliedAt Millis `json:"applied_at,omitempty"`
	DroppedAt Millis `json:"dropped_at,omitempty"`
	// Failed is why it could not take effect on its day, "" for nothing.
	Failed string `json:"failed,omitempty"`
	// New is the area that it made.
	New AreaID `json:"new,omitempty"`
	// Was are the areas as they were before, once it has taken effect.
	Was []Area `json:"was,omitempty"`
}

// Waits says whether it has yet to take effect.
func (c AreaChange) Waits() bool { return c.AppliedAt == 0 && c.DroppedAt == 0 }

// Takes is the area that takes the others: the new one or Into.
func (c AreaChange) Takes() AreaID {
	if c.Into != "" {
		return c.Into
	}
	return c.New
}

// AreaName is a name that an area had, and a code by which it is still found.
type AreaName struct {
	Area  AreaID `json:"area"`
	Code  string `json:"code"`
	Name  string `json:"name"`
	Until Date   `json:"until"` // the last day
}

// AreaEffect is what a change writes.
type AreaEffect struct {
	// Areas, new and changed, in the order in which they can be written.
	Areas   []Area     `json:"areas"`
	Was     []Area     `json:"was"` // the changed ones before
	Devices []Device   `json:"devices,omitempty"`
	Names   []AreaName `json:"names,omitempty"`
	// Schedules and Policies keep what sounds the same where a part becomes its own area.
	Schedules []Schedule   `json:"schedules,omitempty"`
	Policies  []PolicyRule `json:"policies,omitempty"`
	// Moved are the areas below which the place of devices is another one now.
	Moved []AreaID `json:"moved,omitempty"`
	// Takes is the area that took them; the zero Area for a new name.
	Takes Area `json:"takes,omitzero"`
	// Silent are schedules that no longer reach what has left their area.
	Silent []Schedule `json:"silent,omitempty"`
	// Words and OfferRules are what the old commune had said about what is sent to it, for
	// the new one: it goes on until that one speaks. Unsaid is how many words end.
	Words      []Decision  `json:"words,omitempty"`
	OfferRules []OfferRule `json:"offer_rules,omitempty"`
	Unsaid     int         `json:"unsaid,omitempty"`
}

// Ended says whether the area lies inside another by a merger.
func (a Area) Ended() bool { return a.ValidTo != "" }

// Live gives the area that stands for id today: itself, or what took it. ok is false when
// it is unknown.
func (t AreaTree) Live(id AreaID) (a Area, ok bool) {
	a, ok = t.byID[id]
	for n := 0; ok && a.Ended() && n < maxAreaDepth; n++ {
		a, ok = t.byID[a.Parent]
	}
	return a, ok
}

// LiveCommune gives the commune of today in which an area lies, the area itself included.
func (t AreaTree) LiveCommune(id AreaID) (Area, bool) {
	for _, up := range t.Chain(id) {
		if a := t.byID[up]; a.Kind == Commune {
			return a, true
		}
	}
	return Area{}, false
}

// On gives the place as it was on a local day: without what took an area only later.
func (p Place) On(day Date) Place {
	out := Place{Device: p.Device}
	for i, a := range p.Chain {
		// An area gives way to the one below it that had not ended by then.
		if i+1 < len(p.Chain) && p.Chain[i+1].Kind == a.Kind && p.Chain[i+1].ValidTo >= day {
			continue
		}
		out.Chain = append(out.Chain, a)
	}
	return out
}

// dayBefore of a valid date.
func dayBefore(d Date) Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return ""
	}
	return DateOf(t.AddDate(0, 0, -1))
}

// Normal tidies and checks the form; what it means for the areas is Effect's to say.
func (c AreaChange) Normal() (AreaChange, error) {
	var e Invalid
	c.Code, c.Name, c.Number, c.Issuer = TidyLine(c.Code), TidyLine(c.Name), TidyLine(c.Number), TidyLine(c.Issuer)
	c.Areas, c.Devices = distinct(c.Areas), distinct(c.Devices)
	if c.Kind != MergeAreas && c.Kind != SplitArea && c.Kind != RenameArea {
		e.Add("kind", "phải là sáp nhập, chia tách hoặc đổi tên", "want merge, split or rename")
	}
	if _, err := ParseDate(string(c.From)); err != nil {
		e.Add("from", "ngày hiệu lực viết dạng 2026-07-01", "the first day is written 2026-07-01")
	}
	if _, err := ParseDate(string(c.Issued)); c.Issued != "" && err != nil {
		e.Add("issued", "ngày ban hành viết dạng 2026-06-15", "the day of the decision is written 2026-06-15")
	}
	if c.Code != "" && !ValidCode(c.Code) {
		e.Add("code", "1–64 chữ thường không dấu, chữ số, dấu chấm, gạch nối", "1–64 of a–z, 0–9, dot and hyphen")
	}
	CheckLine(&e, "name", c.Name, 0, 200)
	CheckLine(&e, "number", c.Number, 0, 200)
	CheckLine(&e, "issuer", c.Issuer, 0, 200)
	if n := len(c.Areas); n > MaxAreasChanged || len(c.Devices) > MaxDevicesMoved {
		e.Add("areas", fmt.Sprintf("nhiều nhất %d địa bàn và %d cụm loa một lần", MaxAreasChanged, MaxDevicesMoved),
			fmt.Sprintf("at most %d areas and %d devices at once", MaxAreasChanged, MaxDevicesMoved))
	}
	made := c.Kind != RenameArea && c.Into == ""
	if made && (c.Code == "" || c.Name == "") {
		e.Add("code", "địa bàn mới phải có mã và tên; hoặc hãy chọn địa bàn nhận", "a new area needs a code and a name; or name the area that takes them")
	}
	switch c.Kind {
	case RenameArea:
		if len(c.Areas) != 1 || c.Into != "" || len(c.Devices) > 0 {
			e.Add("areas", "đổi tên mỗi lần một địa bàn", "one area is renamed at a time")
		}
		if c.Code == "" && c.Name == "" {
			e.Add("name", "hãy ghi tên mới hoặc mã mới", "a new name or a new code is wanted")
		}
	case MergeAreas:
		if least := 2; len(c.Areas) < least && made || len(c.Areas) == 0 || len(c.Devices) > 0 {
			e.Add("areas", "hãy chọn các địa bàn sáp nhập (ít nhất hai nếu lập địa bàn mới)", "name the areas that are merged, two at least where a new one is made")
		}
	case SplitArea:
		if (len(c.Areas) == 0) == (len(c.Devices) == 0) {
			e.Add("areas", "chọn các thôn tách khỏi xã, hoặc các cụm loa tách khỏi thôn, một trong hai", "name the hamlets that leave their commune, or the devices that leave their hamlet, one of the two")
		}
	}
	return c, e.Err()
}

func distinct[T comparable](all []T) (out []T) {
	for _, v := range all {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// RulesOn gives the rules of the areas of one kind that count at the place on a local date;
// ok is false when there are none.
func (p Place) RulesOn(k AreaKind, rules []PolicyRule, d Date) (PolicyRule, bool) {
	for _, of := range p.rulesAt(k) {
		later := slices.DeleteFunc(slices.Clone(rules), func(r PolicyRule) bool { return r.ApprovedAt < of.Since })
		if r, ok := RuleOn(later, Target{Area: of.Area}, d); ok {
			return r, true
		}
	}
	return PolicyRule{}, false
}

// rulesAt lists whose rules of the areas of one kind count at the place, the nearest first.
// Each part of a merged area keeps the rules it had until the area that took it sets its
// own: nobody hears on the day of a merger what was not permitted the day before. Of the
// old rules of both, the part's own come first.
func (p Place) rulesAt(k AreaKind) []Decider {
	one := p.standing(k)
	out := slices.Clone(one[:max(len(one), 1)-1])
	for _, d := range slices.Backward(one) {
		out = append(out, Decider{Area: d.Area})
	}
	return out
}

// standing lists the areas of one kind at the place: the one that stands today, then what
// it took, each with the first instant from which it speaks for the cluster.
func (p Place) standing(k AreaKind) []Decider {
	var out []Decider
	for _, a := range p.Chain {
		if a.Kind != k {
			continue
		}
		if n := len(out); n > 0 {
			out[n-1].Since = p.dawnAfter(a.ValidTo)
		}
		out = append(out, Decider{Area: a.ID})
	}
	return out
}

// dawnAfter is the first instant after a local day of the province.
func (p Place) dawnAfter(day Date) Millis {
	zone, err := time.LoadLocation(p.Province().Zone)
	if err != nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(time.DateOnly, string(day), zone)
	if err != nil {
		return 0
	}
	return At(t.AddDate(0, 0, 1))
}

// CarryGrants gives who holds roles in merged areas the same ones in the area that takes
// them; those they had stay, first and in their order.
func CarryGrants(had []Grant, merged []AreaID, into AreaID) []Grant {
	out := slices.Clone(had)
	for _, g := range had {
		if now := (Grant{Role: g.Role, Area: into}); slices.Contains(merged, g.Area) && !slices.Contains(out, now) {
			out = append(out, now)
		}
	}
	return out
}

// Over lays the effect over a plan.
func (e AreaEffect) Over(p Plan) Plan {
	p.Areas = over(p.Areas, e.Areas, func(a Area) AreaID { return a.ID })
	p.AreaNames = append(slices.Clone(p.AreaNames), e.Names...)
	p.Devices = over(p.Devices, e.Devices, func(d Device) DeviceID { return d.ID })
	p.Schedules = over(p.Schedules, e.Schedules, func(s Schedule) ScheduleID { return s.ID })
	p.Policies = append(slices.Clone(p.Policies), e.Policies...)
	p.Decided = p.Decided.and(e.Words, e.OfferRules)
	return p
}

func over[T any, K comparable](all, now []T, id func(T) K) []T {
	out := slices.Clone(all)
	for _, v := range now {
		if i := slices.IndexFunc(out, func(x T) bool { return id(x) == id(v) }); i >= 0 {
			out[i] = v
		} else {
			out = append(out, v)
		}
	}
	return out
}

// Stands fills in where a row's device stands.
func (a *AsRun) Stands(p Place) {
	a.Province, a.Commune, a.Hamlet = p.Province().ID, p.Commune().ID, p.Hamlet().ID
	a.CommuneName, a.HamletName = p.Commune().Name, p.Hamlet().Name
	a.DeviceCode, a.DeviceName = p.Device.Code, p.Device.Name
}

// AreaReport tells before a change what it does and whom it concerns.
type AreaReport struct {
	Change AreaChange `json:"change"`
	Effect AreaEffect `json:"effect"`
	// Devices is how many clusters stand somewhere else, or under another name, after it.
	Devices int `json:"devices"`
	// People hold roles in the areas, and Keys are those who sign with a key for one of
	// them: it goes on to count there, and only there, until it is revoked; for the area
	// that takes them new keys are made (loaxa key person add).
	People []AreaPerson `json:"people,omitempty"`
	Keys   []AreaPerson `json:"keys,omitempty"`
}

// AreaPerson is a person whom a change of areas concerns.
type AreaPerson struct {
	ID    UserID `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
	Role  Role   `json:"role,omitempty"`
	Area  AreaID `json:"area"`
}

// PlaceImport tells what a table of places changes, or has changed.
type PlaceImport struct {
	File string `json:"file"`
	// Written says that it was written: not when nothing changes, nor for a look.
	Written bool           `json:"written"`
	Counts  map[string]int `json:"counts"` // by action
	Lines   []PlaceLine    `json:"lines"`
}

// PlaceLine is one area, device or contact of a table.
type PlaceLine struct {
	Action string   `json:"action"` // created, changed, unchanged
	What   string   `json:"what"`   // area, device, contact
	Code   string   `json:"code"`
	Title  string   `json:"title,omitempty"`
	Fields []string `json:"fields,omitempty"` // what moves
}
