package radio

import (
	"fmt"
	"slices"
)

// RuleOn gives the version of a target's rules that counts on a local date: the newest of
// those whose first day has come. A later decision takes the place of all before it from
// its first day on, also of those that would have begun after it.
func RuleOn(rules []PolicyRule, t Target, d Date) (PolicyRule, bool) {
	var best PolicyRule
	found := false
	for _, r := range rules {
		if r.Target == t && r.From <= d && (!found || r.Version > best.Version) {
			best, found = r, true
		}
	}
	return best, found
}

// Superseded leaves out the versions that never count (again): a newer one of the same
// target begins no later.
func Superseded(rules []PolicyRule) []PolicyRule {
	of := map[Target][]PolicyRule{}
	for _, r := range rules {
		of[r.Target] = append(of[r.Target], r)
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r PolicyRule) bool {
		return slices.ContainsFunc(of[r.Target], func(o PolicyRule) bool { return o.Version > r.Version && o.From <= r.From })
	})
}

// NewestRule gives the version of a target's rules that was approved last, whether it counts
// yet or not.
func NewestRule(rules []PolicyRule, t Target) (PolicyRule, bool) {
	var best PolicyRule
	for _, r := range rules {
		if r.Target == t && r.Version > best.Version {
			best = r
		}
	}
	return best, best.Version > 0
}

// Name is what people call the rules: number and date of the decision, else the label.
func (r PolicyRule) Name() string {
	if r.Number == "" {
		return r.Label
	}
	name := r.Number
	if len(r.Issued) == len("2006-01-02") {
		name += fmt.Sprintf(" (%s/%s/%s)", r.Issued[8:], r.Issued[5:7], r.Issued[:4])
	}
	return name
}

// Lifts says whether the rules of a hamlet or a device lay nothing down: they end what those
// before them did.
func (r PolicyRule) Lifts() bool {
	return r.Profile && len(r.Quiet)+len(r.Volume)+len(r.Mourning)+r.MaxSessions+r.MaxMinutes == 0
}

// RulesDraft is a version of the rules of one place that is not approved yet; a place has
// at most one. Nothing of it reaches a device.
type RulesDraft struct {
	// Rule is as it would be approved; its Version is one above Base, its author wrote last.
	Rule  PolicyRule `json:"rule"`
	Base  int        `json:"base"` // the newest version when it was begun; 0 for none
	State DraftState `json:"state"`
	// Revision grows with every change of the draft.
	Revision int64 `json:"revision"`
	// Authors are all who wrote in it: none of them may approve it.
	Authors []UserID `json:"authors"`
	SavedAt Millis   `json:"saved_at"`
	// Reason says why it was sent back.
	Reason string `json:"reason,omitempty"`
}

// RulesCard is what is laid down for one place.
type RulesCard struct {
	Target Target `json:"target"`
	Name   string `json:"name"`
	Code   string `json:"code"`
	// Kind is province, commune, hamlet, or device.
	Kind  string   `json:"kind"`
	Chain []AreaID `json:"chain"`
	// InForce counts today; nil: nothing of its own.
	InForce *PolicyRule `json:"in_force,omitempty"`
	// Coming are approved and count from their first day on.
	Coming []PolicyRule `json:"coming"`
	Draft  *RulesDraft  `json:"draft,omitempty"`
}

// RulesEffect is one airing of the coming days that a draft would silence or make quieter,
// on some of the devices.
type RulesEffect struct {
	Start    Millis     `json:"start"`
	Samples  int64      `json:"samples"`
	Title    string     `json:"title"`
	Schedule ScheduleID `json:"schedule"`
	Slot     SlotID     `json:"slot"`
	Priority Priority   `json:"priority"`
	// Silent: it would not sound, by that part of the rules.
	Silent bool `json:"silent"`
	Veto   Veto `json:"veto,omitempty"`
	// WasDB and IsDB are the volumes where it would be quieter the most.
	WasDB float64 `json:"was_db,omitempty"`
	IsDB  float64 `json:"is_db,omitempty"`
	// DeviceCount of all it touches; Devices names some.
	DeviceCount int        `json:"device_count"`
	Devices     []DeviceID `json:"devices"`
}

// RulesEffects is what a draft would change of the days looked at.
type RulesEffects struct {
	From Date `json:"from"`
	Days int  `json:"days"`
	// DeviceCount is how many enrolled devices the rules reach.
	DeviceCount int `json:"device_count"`
	Silent      int `json:"silent_count"`  // airings, on all devices
	Quieter     int `json:"quieter_count"` // the same
	// Effects by time, at most MaxRulesEffects; More says how many are left out.
	Effects []RulesEffect `json:"effects"`
	More    int           `json:"more,omitempty"`
}

// MaxRulesEffects bounds the list of one answer.
const MaxRulesEffects = 500

// RulesBody is what people write of the rules of a place; see PolicyRule.
type RulesBody struct {
	Number      string            `json:"number,omitempty"`
	Issued      Date              `json:"issued,omitempty"`
	Issuer      string            `json:"issuer,omitempty"`
	From        Date              `json:"from"`
	Label       string            `json:"label,omitempty"`
	Note        string            `json:"note,omitempty"`
	Windows     []Window          `json:"windows"`
	Quiet       []Window          `json:"quiet"`
	Volume      []VolumeSpan      `json:"volume"`
	Mourning    []Date            `json:"mourning"`
	Exceptions  []PolicyException `json:"exceptions"`
	MaxSessions int               `json:"max_sessions,omitempty"`
	MaxMinutes  int               `json:"max_minutes,omitempty"`
}

// Body is the rules as people write them.
func (r PolicyRule) Body() RulesBody {
	return RulesBody{Number: r.Number, Issued: r.Issued, Issuer: r.Issuer, From: r.From, Label: r.Label, Note: r.Note,
		Windows: r.Windows, Quiet: r.Quiet, Volume: r.Volume, Mourning: r.Mourning, Exceptions: r.Exceptions,
		MaxSessions: r.MaxSessions, MaxMinutes: r.MaxMinutes}
}

// RulesView is all of one place's rules.
type RulesView struct {
	RulesCard
	Today    Date         `json:"today"`
	Versions []PolicyRule `json:"versions"` // the newest first
	// Above are the rules of the area above that count here today: those that are tightened,
	// or that count as long as the place has none. nil: the default quiet hours 21:00–05:00.
	Above     *PolicyRule `json:"above,omitempty"`
	AboveName string      `json:"above_name,omitempty"`
	// Mourning are the province's days, which hold here too.
	Mourning []Date            `json:"province_mourning,omitempty"`
	Names    map[UserID]string `json:"names"`
}
