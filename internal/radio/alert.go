package radio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Alert is an emergency to an area (phát khẩn cấp): the payload of down/alert, signed
// by persons, never by the centre alone (design §7, §8). It stops what sounds, needs no
// audio that is not on the device already, and is valid for a while only.
type Alert struct {
	ID AlertID `json:"id"`
	// Area is the audience too: everything in and below it sounds.
	Area     AreaID `json:"area"`
	IssuedAt Millis `json:"issued_at"`
	// ExpiresAt: from here on nothing of it begins. At most MaxAlertLife after
	// IssuedAt; of a standing alert MaxStandingLife.
	ExpiresAt Millis `json:"expires_at"`
	// Cancel makes it a tombstone for the alert of the same id: it wins in whatever
	// order the two come. Of a tombstone only the fields above count.
	Cancel bool `json:"cancel,omitempty"`

	// Headline is what screens and the log call it; Text is what has to be said, for
	// people who must call instead. Document is the order behind it (văn bản).
	Headline string `json:"headline,omitempty"`
	Text     string `json:"text,omitempty"`
	Document string `json:"document,omitempty"`
	// Drill (diễn tập): its first sound is the announcement of the drill, whose hash the
	// root-signed keyring lists, or the device refuses it. The centre also puts it last.
	Drill bool `json:"drill,omitempty"`
	// Standing: it is kept on the device and sounds only when a person with the PIN
	// starts it there. Needs no network then.
	Standing bool `json:"standing,omitempty"`
	// Sounds are the roles of the emergency set one cycle begins with, in order.
	Sounds []EmergencyRole `json:"sounds,omitempty"`
	// Voice is spoken after them, if it has come by then.
	Voice *Rendition `json:"voice,omitempty"`
	// Repeats is how many cycles sound; IntervalS the silence between two of them, in
	// which what the alert interrupted stays silent too.
	Repeats   int `json:"repeats,omitempty"`
	IntervalS int `json:"interval_s,omitempty"`
}

// EmergencyRole names a sound of the emergency set.
type EmergencyRole string

// Roles of the emergency set.
const (
	RoleSiren  EmergencyRole = "siren"   // còi báo động
	RoleLeadIn EmergencyRole = "lead_in" // câu dẫn: "Thông báo khẩn cấp …"
	RoleDrill  EmergencyRole = "drill"   // "đây là diễn tập"
	RoleAllOK  EmergencyRole = "all_ok"  // báo yên
)

// EmergencyRoles lists them.
func EmergencyRoles() []EmergencyRole {
	return []EmergencyRole{RoleSiren, RoleLeadIn, RoleDrill, RoleAllOK}
}

// EmergencyAudio is one sound of a device's emergency set.
type EmergencyAudio struct {
	Role      EmergencyRole `json:"role"`
	Rendition Rendition     `json:"rendition"`
}

// Limits of an alert.
const (
	MaxAlertLife     = 24 * time.Hour
	MaxStandingLife  = 398 * 24 * time.Hour
	MaxAlertRepeats  = 20
	MaxAlertInterval = 3600 // seconds
	MaxAlertSounds   = 8
	MaxAlertHeadline = 200  // bytes
	MaxAlertText     = 1500 // bytes
	MaxAlertDocument = 200  // bytes
	// A voice goes in one message: 30 s at 32 kbit/s, 128 KiB at most (design §7).
	MaxVoiceBytes   = 128 << 10
	MaxVoiceSeconds = 30
	MaxEmergencySet = 8
	// latestAlert is the year 2200: later instants overflow what is computed of them.
	latestAlert Millis = 7_258_118_400_000
)

// Check refuses an alert that a device cannot carry out.
func (a Alert) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: alert %s: "+format, append([]any{ErrInvalid, clip(string(a.ID))}, args...)...)
	}
	life := MaxAlertLife
	if a.Standing {
		life = MaxStandingLife
	}
	switch {
	case !ValidID(a.ID) || !ValidID(a.Area):
		return bad("id or area")
	case a.IssuedAt < 1 || a.IssuedAt > latestAlert || a.ExpiresAt <= a.IssuedAt || a.ExpiresAt > a.IssuedAt+Millis(life/time.Millisecond):
		return bad("issued at %d, expires at %d, at most %s later", a.IssuedAt, a.ExpiresAt, life)
	case a.Cancel:
		return nil
	case len(a.Headline) == 0 || len(a.Headline) > MaxAlertHeadline || len(a.Text) > MaxAlertText || len(a.Document) > MaxAlertDocument:
		return bad("headline of %d bytes, text of %d, document of %d", len(a.Headline), len(a.Text), len(a.Document))
	case len(a.Sounds) == 0 || len(a.Sounds) > MaxAlertSounds:
		return bad("%d sounds, want 1 to %d: a voice alone may not have come", len(a.Sounds), MaxAlertSounds)
	case a.Repeats < 1 || a.Repeats > MaxAlertRepeats || a.IntervalS < 0 || a.IntervalS > MaxAlertInterval:
		return bad("%d cycles with %d s between them", a.Repeats, a.IntervalS)
	case a.Drill && (a.Sounds[0] != RoleDrill || a.Standing):
		return bad("a drill begins with the announcement of the drill, and is not standing")
	}
	for _, r := range a.Sounds {
		if !r.valid() {
			return bad("sound %q", clip(string(r)))
		}
	}
	if v := a.Voice; v != nil {
		if err := v.Check(); err != nil {
			return err
		}
		if v.Kbps != LightKbps || v.Bytes > MaxVoiceBytes || v.Samples > MaxVoiceSeconds*SampleRate {
			return bad("voice of %d bytes at %d kbit/s, %s", v.Bytes, v.Kbps, v.Duration())
		}
	}
	return nil
}

// EmergencyRole finds a sound of the device's emergency set.
func (s Settings) EmergencyRole(role EmergencyRole) (Rendition, bool) {
	for _, e := range s.Emergency {
		if e.Role == role {
			return e.Rendition, true
		}
	}
	return Rendition{}, false
}

func (r EmergencyRole) valid() bool {
	for _, x := range EmergencyRoles() {
		if x == r {
			return true
		}
	}
	return false
}

func checkEmergencySet(set []EmergencyAudio) error {
	if len(set) > MaxEmergencySet {
		return fmt.Errorf("%w: emergency set of %d sounds", ErrInvalid, len(set))
	}
	seen := map[EmergencyRole]bool{}
	for _, e := range set {
		if !e.Role.valid() || seen[e.Role] {
			return fmt.Errorf("%w: emergency set: role %q", ErrInvalid, clip(string(e.Role)))
		}
		seen[e.Role] = true
		if err := e.Rendition.Check(); err != nil {
			return fmt.Errorf("emergency set: %s: %w", e.Role, err)
		}
	}
	return nil
}

// CycleKey names one cycle of an alert on one device: its airing in journal and log.
// cycle counts from 1; at is when the first cycle began, so that a standing alert can
// be started again.
func (a Alert) CycleKey(device DeviceID, cycle int, at Millis) AiringKey {
	entry := sha256.Sum256([]byte("alert " + string(a.ID)))
	return AiringKey{Device: device, Schedule: ScheduleID(a.ID), Slot: SlotID(a.ID), SlotAt: at,
		Entry: IDFromBytes[EntryID]([16]byte(entry[:16])), Repeat: cycle}
}

// VoiceHash is the name of a voice's bytes.
func VoiceHash(voice []byte) SHA256 {
	sum := sha256.Sum256(voice)
	return SHA256(hex.EncodeToString(sum[:]))
}

// ReceiptState is how far a command or an alert has come on a device (design §7).
// States only go on; the last one stays.
type ReceiptState string

// States of a receipt, in their order.
const (
	ReceiptReceived ReceiptState = "received" // it came and is proven
	ReceiptAccepted ReceiptState = "accepted" // it will be carried out; a standing alert is kept
	ReceiptRunning  ReceiptState = "running"  // the first sample has left; the command is at work
	ReceiptDone     ReceiptState = "done"     // all of it; Reason cancelled: cut short by a tombstone
	ReceiptRejected ReceiptState = "rejected"
	ReceiptFailed   ReceiptState = "failed"
	ReceiptExpired  ReceiptState = "expired"
)

// Rank orders the states: a receipt of lower rank never replaces one of higher. 0 is
// no state at all.
func (s ReceiptState) Rank() int {
	switch s {
	case ReceiptReceived:
		return 1
	case ReceiptAccepted:
		return 2
	case ReceiptRunning:
		return 3
	case ReceiptDone, ReceiptRejected, ReceiptFailed, ReceiptExpired:
		return 4
	}
	return 0
}

// Final says that nothing follows.
func (s ReceiptState) Final() bool { return s.Rank() == 4 }

// Reasons of receipts beside those of airings.
const (
	ReasonCancelled Reason = "cancelled" // a tombstone came
	ReasonLocalStop Reason = "local"     // a person with the PIN stopped it at the device
	// ReasonLocalStart: a person with the PIN started it there.
	ReasonLocalStart Reason = "local_start"
	ReasonArea       Reason = "area"    // the device is not in that area
	ReasonSigners    Reason = "signers" // too few persons, or none for that area
	ReasonDrill      Reason = "drill"   // the announcement is not in the keyring
	ReasonKnown      Reason = "known"   // the same id came before
	ReasonRange      Reason = "range"   // outside what may be asked for
	// ReasonDisplaced: the device holds as many alerts as it can, and one to a wider area
	// has taken its place.
	ReasonDisplaced Reason = "displaced"
)
