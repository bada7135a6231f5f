package radio

import (
	"fmt"
	"time"
)

// MaxProgrammeLife bounds NotAfter: a day more than the 35 of design §8. Whoever holds the
// key that signs programmes could otherwise make one that never ends.
const MaxProgrammeLife = 36 * 24 * time.Hour

// MaxRevisionAhead is how far the revision of a document may be ahead of the clock, in
// seconds. Revisions are Unix seconds, unless the clock of the centre was once ahead or
// many were made in one; what is further off is no word of a centre's.
const MaxRevisionAhead = 10 * 365 * 24 * time.Hour

// Programme is a device's playlist: complete, signed, with a revision (design §3).
// Its JSON is the payload of down/programme; a normal week is at most 16 KB.
type Programme struct {
	Device   DeviceID `json:"device"`
	Revision int64    `json:"revision"`
	IssuedAt Millis   `json:"issued_at"`
	// NotAfter: past it the programme is silent (35 days, design §8).
	NotAfter  Millis           `json:"not_after"`
	Zone      string           `json:"zone"`
	Slots     []ProgrammeSlot  `json:"slots"`
	Audio     []ProgrammeAudio `json:"audio"`
	Withdrawn []SHA256         `json:"withdrawn,omitempty"`
	// Signers are the protected headers of those who approved the audio (see Approval).
	Signers []string `json:"signers,omitempty"`
	// Declined is what a commune keeps off this device, each slot with its reason: the
	// centre's log tells of it, no device does.
	Declined *Programme `json:"-"`
}

// ProgrammeSlot is one slot of one schedule as this device plays it.
type ProgrammeSlot struct {
	Schedule ScheduleID `json:"schedule"`
	Slot     SlotID     `json:"slot"`
	Priority Priority   `json:"priority"`
	Cron     string     `json:"cron"`
	From     Date       `json:"from,omitempty"`
	Until    Date       `json:"until,omitempty"`
	Except   []Date     `json:"except,omitempty"`
	// Dates as in Slot: the rule names days of months only, and counts on these.
	Dates        []Date `json:"dates,omitempty"`
	GraceSeconds int    `json:"grace_seconds"`
	Items        []Item `json:"items"`
	// At are instants besides those of the rule: what the commune moved here, or takes of
	// a slot that it does not take every day. Dates do not bound them.
	At []Millis `json:"at,omitempty"`
	// Behind are schedules of the same priority that the commune puts before this one
	// where the two clash; this one then waits for them, up to MaxGraceSeconds.
	Behind []ScheduleID `json:"behind,omitempty"`
	// Declined is the reason why it never sounds; only in Programme.Declined.
	Declined Reason `json:"declined,omitempty"`
}

// MaxSlotInstants bounds At, MaxBehind Behind.
const (
	MaxSlotInstants = 128
	MaxBehind       = 64
)

// Item is one position of a slot: a tagged union over Kind.
type Item struct {
	Entry    EntryID    `json:"entry"`
	Kind     ItemKind   `json:"kind"`
	Bulletin BulletinID `json:"bulletin,omitempty"`
	Version  int        `json:"version,omitempty"`
	// Instead is the bulletin meant for this place when it is not to be had, and Bulletin
	// stands in for it.
	Instead BulletinID `json:"instead,omitempty"`
	Repeat  int        `json:"repeat"`
	GapMS   int        `json:"gap_ms,omitempty"`
}

// ProgrammeAudio describes one bulletin version once, however often it is listed.
type ProgrammeAudio struct {
	Bulletin   BulletinID  `json:"bulletin"`
	Version    int         `json:"version"`
	Title      string      `json:"title"`
	Renditions []Rendition `json:"renditions"`
	// GainDB brings it to the house's loudness (see Bulletin.ItemGain); agents that do not
	// know it play it as it is.
	GainDB     float64 `json:"gain_db,omitempty"`
	ValidFrom  Millis  `json:"valid_from,omitempty"`
	ValidUntil Millis  `json:"valid_until,omitempty"`
	// Approval is the approver's signature over the hashes (design §7); agents refuse
	// audio without one.
	Approval *Approval `json:"approval,omitempty"`
}

// Rendition of the bit rate asked for, or of the first when that is missing.
func (a ProgrammeAudio) Rendition(kbps int) (Rendition, bool) {
	return pickRendition(a.Renditions, kbps)
}

// Find gives the audio of one bulletin version.
func (p *Programme) Find(b BulletinID, version int) (ProgrammeAudio, bool) {
	for _, a := range p.Audio {
		if a.Bulletin == b && a.Version == version {
			return a, true
		}
	}
	return ProgrammeAudio{}, false
}

// Check refuses a programme whose parts do not fit; cron rules and the zone are
// timetable's to check. Unknown item kinds pass: they become refused: unsupported.
func (p *Programme) Check() error {
	if err := CheckID("device", p.Device); err != nil {
		return err
	}
	if p.Revision < 1 || p.NotAfter <= p.IssuedAt || p.NotAfter-p.IssuedAt > Millis(MaxProgrammeLife/time.Millisecond) {
		return fmt.Errorf("%w: programme revision %d, issued %d, not after %d, at most %s later", ErrInvalid, p.Revision, p.IssuedAt, p.NotAfter, MaxProgrammeLife)
	}
	if len(p.Slots) > MaxSlots {
		return fmt.Errorf("%w: %d slots, at most %d", ErrInvalid, len(p.Slots), MaxSlots)
	}
	type version struct {
		bulletin BulletinID
		number   int
	}
	described := make(map[version]bool, len(p.Audio))
	for i, a := range p.Audio {
		if v := (version{a.Bulletin, a.Version}); described[v] {
			return fmt.Errorf("%w: audio %d: bulletin %s version %d is described twice", ErrInvalid, i, clip(string(a.Bulletin)), a.Version)
		} else {
			described[v] = true
		}
		if len(a.Renditions) == 0 || len(a.Renditions) > 2 {
			return fmt.Errorf("%w: audio %d has %d renditions", ErrInvalid, i, len(a.Renditions))
		}
		if !(a.GainDB >= LeastItemGainDB && a.GainDB <= MostItemGainDB) {
			return fmt.Errorf("%w: audio %d: gain of %g dB", ErrInvalid, i, a.GainDB)
		}
		for _, r := range a.Renditions {
			if err := r.Check(); err != nil {
				return fmt.Errorf("audio %d: %w", i, err)
			}
			if r.Samples != a.Renditions[0].Samples {
				return fmt.Errorf("%w: audio %d: renditions differ in length", ErrInvalid, i)
			}
		}
	}
	for _, h := range p.Withdrawn {
		if !h.Valid() {
			return fmt.Errorf("%w: withdrawn hash %q", ErrInvalid, clip(string(h)))
		}
	}
	if err := p.checkApprovals(); err != nil {
		return err
	}
	seen := make(map[SlotID]bool, len(p.Slots))
	for _, s := range p.Slots {
		if err := p.checkSlot(s); err != nil {
			return fmt.Errorf("slot %s: %w", clip(string(s.Slot)), err)
		}
		if seen[s.Slot] {
			return fmt.Errorf("%w: slot %s stands twice", ErrInvalid, s.Slot)
		}
		seen[s.Slot] = true
	}
	return nil
}

func (p *Programme) checkSlot(s ProgrammeSlot) error {
	switch {
	case !ValidID(s.Slot) || !ValidID(s.Schedule):
		return fmt.Errorf("%w: slot or schedule id", ErrInvalid)
	case s.Priority != Normal && s.Priority != Prior:
		return fmt.Errorf("%w: priority %q: a schedule is normal or priority; emergency goes only as an alert", ErrInvalid, clip(string(s.Priority)))
	case s.GraceSeconds < 0 || s.GraceSeconds > MaxGraceSeconds:
		return fmt.Errorf("%w: grace of %d s", ErrInvalid, s.GraceSeconds)
	case CheckDates(s.Dates) != nil:
		return CheckDates(s.Dates)
	case len(s.Items) == 0 || len(s.Items) > MaxSlotItems:
		return fmt.Errorf("%w: %d items, want 1 to %d", ErrInvalid, len(s.Items), MaxSlotItems)
	case len(s.At) > MaxSlotInstants || len(s.Behind) > MaxBehind:
		return fmt.Errorf("%w: %d instants and %d schedules before it, at most %d and %d", ErrInvalid, len(s.At), len(s.Behind), MaxSlotInstants, MaxBehind)
	}
	for _, at := range s.At {
		if at <= 0 || at%1000 != 0 {
			return fmt.Errorf("%w: instant %d, want whole seconds since 1970 in ms", ErrInvalid, at)
		}
	}
	for _, b := range s.Behind {
		if !ValidID(b) {
			return fmt.Errorf("%w: schedule id %q", ErrInvalid, clip(string(b)))
		}
	}
	seen := make(map[EntryID]bool, len(s.Items))
	for _, it := range s.Items {
		switch {
		case !ValidID(it.Entry):
			return fmt.Errorf("%w: entry id %q", ErrInvalid, clip(string(it.Entry)))
		case seen[it.Entry]:
			return fmt.Errorf("%w: entry %s stands twice", ErrInvalid, it.Entry)
		case it.Repeat < 1 || it.Repeat > MaxRepeat || it.GapMS < 0 || it.GapMS > MaxGapMS:
			return fmt.Errorf("%w: entry %s: repeat %d, gap %d ms", ErrInvalid, it.Entry, it.Repeat, it.GapMS)
		case it.Instead != "" && !ValidID(it.Instead):
			return fmt.Errorf("%w: entry %s: in place of %q", ErrInvalid, it.Entry, clip(string(it.Instead)))
		}
		seen[it.Entry] = true
		if it.Kind == KindAudio {
			if _, ok := p.Find(it.Bulletin, it.Version); !ok {
				return fmt.Errorf("%w: entry %s: bulletin %s version %d is not described", ErrInvalid, it.Entry, clip(string(it.Bulletin)), it.Version)
			}
		}
	}
	return nil
}

// Settings is a device's configuration from the centre, down/settings (design §7).
type Settings struct {
	Device   DeviceID `json:"device"`
	Revision int64    `json:"revision"`
	IssuedAt Millis   `json:"issued_at"`
	Name     string   `json:"name"`
	// Areas is the chain, root first.
	Areas     []SettingsArea `json:"areas"`
	Rendition int            `json:"rendition"` // 64 or 32 kbit/s
	OffsetMS  int            `json:"offset_ms"` // added to every planned start
	// StaggerMS is added to the planned starts of speech besides, against the echo of
	// neighbouring clusters; sirens sound together and leave it out.
	StaggerMS int `json:"stagger_ms,omitempty"`
	// JitterMS bounds the random delay of journals (default 60 s; 0 in demo and tests).
	JitterMS int `json:"jitter_ms"`
	// FetchFrom and FetchTo bound, in local time, fetches that are not urgent;
	// equal means any hour.
	FetchFrom TimeOfDay `json:"fetch_from"`
	FetchTo   TimeOfDay `json:"fetch_to"`
	// Emergency is the set of sounds an alert begins with; it is fetched before anything
	// else, never makes room for other audio, and plays without any network.
	Emergency []EmergencyAudio `json:"emergency,omitempty"`
}

// SpeechDelay is what the device adds to the planned start of all but sirens.
func (s Settings) SpeechDelay() time.Duration {
	return time.Duration(s.OffsetMS+s.StaggerMS) * time.Millisecond
}

// SettingsArea names one area of the chain.
type SettingsArea struct {
	ID   AreaID   `json:"id"`
	Kind AreaKind `json:"kind"`
	Name string   `json:"name"`
}

// Chain are the ids of the areas, root first; nil where the settings name none.
func (s Settings) Chain() (out []AreaID) {
	for _, a := range s.Areas {
		out = append(out, a.ID)
	}
	return out
}

// Check refuses settings a device cannot run on.
func (s Settings) Check() error {
	switch {
	case !ValidID(s.Device) || s.Revision < 1:
		return fmt.Errorf("%w: settings revision %d for device %q", ErrInvalid, s.Revision, clip(string(s.Device)))
	case s.Rendition != MainKbps && s.Rendition != LightKbps:
		return fmt.Errorf("%w: settings: rendition of %d kbit/s", ErrInvalid, s.Rendition)
	case s.OffsetMS < -MaxShiftMS || s.OffsetMS > MaxShiftMS:
		return fmt.Errorf("%w: settings: offset of %d ms", ErrInvalid, s.OffsetMS)
	case s.StaggerMS < 0 || s.StaggerMS > MaxShiftMS:
		return fmt.Errorf("%w: settings: stagger of %d ms", ErrInvalid, s.StaggerMS)
	case s.JitterMS < 0 || s.JitterMS > 3600_000:
		return fmt.Errorf("%w: settings: jitter of %d ms", ErrInvalid, s.JitterMS)
	case s.FetchFrom < 0 || s.FetchFrom > 24*60 || s.FetchTo < 0 || s.FetchTo > 24*60:
		return fmt.Errorf("%w: settings: fetch window", ErrInvalid)
	case len(s.Areas) > 16 || len(s.Name) > 1000:
		return fmt.Errorf("%w: settings: %d areas, name of %d bytes", ErrInvalid, len(s.Areas), len(s.Name))
	}
	for _, a := range s.Areas {
		if !ValidID(a.ID) || len(a.Name) > 1000 {
			return fmt.Errorf("%w: settings: area %q", ErrInvalid, clip(string(a.ID)))
		}
	}
	return checkEmergencySet(s.Emergency)
}
