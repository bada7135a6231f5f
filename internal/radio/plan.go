package radio

import "fmt"

// PolicyRule is one version of the operating rules (quy chế hoạt động, NĐ 49/2024) as people
// lay them down: a commune's own, or the province's for communes that have none. For a
// hamlet or a device it only tightens those. dispatch makes of all of them the signed
// Policy of each device.
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
	// Quiet as in Policy; Profile marks rules without windows of their own, which a hamlet
	// or a device may have: quiet hours, lower volumes, smaller caps, days of mourning.
	Quiet   []Window `json:"quiet,omitempty"`
	Profile bool     `json:"profile,omitempty"`
	// Number, Issued and Issuer are those of the decision, where there is one.
	Number string `json:"number,omitempty"`
	Issued Date   `json:"issued,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	// From is the first local date on which this version counts, up to that of a later
	// version; "" is from its approval on.
	From Date   `json:"from,omitempty"`
	Note string `json:"note,omitempty"`
	// Desk says that it was approved at the desk: files do not change it.
	Desk bool `json:"desk,omitempty"`
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
		Exceptions: r.Exceptions, MaxSessions: r.MaxSessions, MaxMinutes: r.MaxMinutes, Quiet: r.Quiet,
	}
}

// Check refuses what no device could obey.
func (r PolicyRule) Check() error {
	if (r.Target.Area == "") == (r.Target.Device == "") {
		return fmt.Errorf("%w: a policy is for one area or one device", ErrInvalid)
	}
	if r.Profile && (len(r.Windows) > 0 || len(r.Exceptions) > 0) {
		return fmt.Errorf("%w: the profile of a place has no windows and no exceptions of its own", ErrInvalid)
	}
	for what, d := range map[string]Date{"issued": r.Issued, "from": r.From} {
		if _, err := ParseDate(string(d)); d != "" && err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if len(r.Number) > 400 || len(r.Issuer) > 800 || len(r.Note) > 8000 {
		return fmt.Errorf("%w: number, issuer or note of a policy too long", ErrInvalid)
	}
	return r.For(r.Target.Device).Check()
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
	// Decided is what communes have said about what was sent to them.
	Decided Decided
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
