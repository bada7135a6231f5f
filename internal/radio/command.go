package radio

import (
	"fmt"
	"time"
)

// Command is one order to one device (điều khiển từ xa): the payload of down/command,
// signed by an online key. It is carried out once, or expires; each step is a receipt.
type Command struct {
	ID     CommandID   `json:"id"`
	Device DeviceID    `json:"device"`
	Do     CommandKind `json:"do"`
	// IssuedAt and ExpiresAt by the centre's clock; at most MaxCommandLife apart.
	IssuedAt  Millis `json:"issued_at"`
	ExpiresAt Millis `json:"expires_at"`
	// GainDB is the volume to set: −40 to 0, on top of the policy's own.
	GainDB float64 `json:"gain_db,omitempty"`
	// Airing, of stop and skip: only if this one sounds; none means whatever sounds.
	Airing AiringID `json:"airing,omitempty"`
}

// CommandKind is what a command does.
type CommandKind string

// Commands.
const (
	CommandVolume   CommandKind = "volume"    // âm lượng: set it, and keep it over restarts
	CommandStop     CommandKind = "stop"      // dừng: what sounds, and the rest of its slot
	CommandSkip     CommandKind = "skip"      // bỏ qua: what sounds; the next item follows
	CommandPause    CommandKind = "pause"     // tạm dừng: until resume; what no longer fits is cut
	CommandResume   CommandKind = "resume"    // phát tiếp: from two seconds before the cut
	CommandTestTone CommandKind = "test_tone" // âm thử: announced, in permitted hours only
	CommandRestart  CommandKind = "restart"   // khởi động lại: the agent, not the machine
)

// CommandKinds lists them in the order screens show them.
func CommandKinds() []CommandKind {
	return []CommandKind{CommandVolume, CommandStop, CommandSkip, CommandPause, CommandResume, CommandTestTone, CommandRestart}
}

// MaxCommandLife bounds how long a command may wait for its device.
const MaxCommandLife = 10 * time.Minute

// Check refuses a command that a device cannot carry out.
func (c Command) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: command %s: "+format, append([]any{ErrInvalid, clip(string(c.ID))}, args...)...)
	}
	known := false
	for _, k := range CommandKinds() {
		known = known || k == c.Do
	}
	switch {
	case !ValidID(c.ID) || !ValidID(c.Device):
		return bad("id or device")
	case !known:
		return bad("%q is not known", clip(string(c.Do)))
	case c.IssuedAt < 1 || c.ExpiresAt <= c.IssuedAt || c.ExpiresAt > c.IssuedAt+Millis(MaxCommandLife/time.Millisecond):
		return bad("issued at %d, expires at %d, at most %s later", c.IssuedAt, c.ExpiresAt, MaxCommandLife)
	case !(c.GainDB >= -40 && c.GainDB <= 0) || c.GainDB != 0 && c.Do != CommandVolume:
		return bad("gain of %g dB", c.GainDB)
	case c.Airing != "" && (!ValidID(c.Airing) || c.Do != CommandStop && c.Do != CommandSkip):
		return bad("airing %q", clip(string(c.Airing)))
	}
	return nil
}
