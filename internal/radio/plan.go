package radio

import "fmt"

// PolicyRule is a policy as people lay it down for an area or for one device. The
// nearest rule counts; dispatch makes of it the signed Policy of each device.
type PolicyRule struct {
	ID       PolicyID     `json:"id"`
	Version  int          `json:"version"`
	Target   Target       `json:"target"`
	Zone     string       `json:"zone"`
	Label    string       `json:"label"`
	Windows  []Window     `json:"windows"`
	Mourning []Date       `json:"mourning,omitempty"`
	Volume   []VolumeSpan `json:"volume,omitempty"`
	// Exceptions and caps as in Policy.
	Exceptions  []PolicyException `json:"exceptions,omitempty"`
	MaxSessions int               `json:"max_sessions,omitempty"`
	MaxMinutes  int               `json:"max_minutes,omitempty"`
	// Author and Approver answer for this version.
	Author     UserID `json:"author"`
	Approver   UserID `json:"approver"`
	ApprovedAt Millis `json:"approved_at"`
}

// For makes the device's policy of the rule; revision and instant of issue are
// the issuer's to set.
func (r PolicyRule) For(d DeviceID) Policy {
	return Policy{
		ID: r.ID, Device: d, Zone: r.Zone, Label: r.Label,
		Windows: r.Windows, Mourning: r.Mourning, Volume: r.Volume,
		Exceptions: r.Exceptions, MaxSessions: r.MaxSessions, MaxMinutes: r.MaxMinutes,
	}
}

// Check refuses what no device could obey.
func (r PolicyRule) Check() error {
	if (r.Target.Area == "") == (r.Target.Device == "") {
		return fmt.Errorf("%w: a policy is for one area or one device", ErrInvalid)
	}
	return r.For(r.Target.Device).Check()
}

// NearestPolicy picks the rule that counts at the place: the device's own, else
// the hamlet's, the commune's, the province's (after a merger: see rulesAt). ok is false
// when none covers it.
func NearestPolicy(rules []PolicyRule, p Place) (PolicyRule, bool) {
	for _, t := range p.rulesAt() {
		for _, r := range rules {
			if r.Target == t.Target && r.ApprovedAt >= t.since {
				return r, true
			}
		}
	}
	return PolicyRule{}, false
}

// Plan is all that people have laid down, as the store holds it at one moment:
// areas and devices, and the newest version of what is versioned.
type Plan struct {
	Areas []Area
	// AreaNames are names that areas had; by their codes they are still found.
	AreaNames []AreaName
	Devices   []Device
	Policies  []PolicyRule
	// Bulletins holds the newest version of each, the newest that is no draft, and every
	// older one that is pending, approved or withdrawn, by code and version.
	Bulletins []Bulletin
	Campaigns []Campaign
	// Schedules holds withdrawn ones too.
	Schedules []Schedule
}

// PlanChange is what one import changes, all or nothing. Areas, devices and
// campaigns are written as they stand here; of policies, bulletins and schedules
// each is a new version, exactly one above the stored one.
type PlanChange struct {
	At       Millis
	Author   UserID
	Approver UserID
	Facts    AuditFacts // what the audit keeps of it

	Areas []Area // parents before children
	// Devices: of those that are stored already the setup is left alone; Setups change it.
	Devices   []Device
	Setups    []SetupChange
	Contacts  []ContactChange
	Policies  []PolicyRule
	Campaigns []Campaign
	Bulletins []Bulletin
	Decisions []BulletinDecision
	Schedules []Schedule
}

// BulletinDecision moves a stored bulletin version from one state to another; it
// is refused as a conflict when the stored state is no longer From.
type BulletinDecision struct {
	From BulletinState
	To   Bulletin // with the decision in it
}

// Empty says whether nothing would be written.
func (c PlanChange) Empty() bool {
	return len(c.Areas)+len(c.Devices)+len(c.Policies)+len(c.Campaigns)+
		len(c.Bulletins)+len(c.Decisions)+len(c.Schedules)+len(c.Setups)+len(c.Contacts) == 0
}
