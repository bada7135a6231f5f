package radio

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func goodAlert() Alert {
	return Alert{ID: NewID[AlertID](), Area: NewID[AreaID](), IssuedAt: 1795305600000, ExpiresAt: 1795309200000, Headline: "Bão số 10",
		Sounds: []EmergencyRole{RoleSiren, RoleLeadIn}, Repeats: 3, IntervalS: 60}
}

func TestAlertCheck(t *testing.T) {
	voice := Rendition{SHA256: VoiceHash(nil), Kbps: LightKbps, Bytes: 4000, Frames: 40, Samples: 40*1152 - 1105 - 500, Head: 1105, Tail: 500}
	for name, c := range map[string]struct {
		change func(*Alert)
		ok     bool
	}{
		"siren and lead-in":      {func(*Alert) {}, true},
		"with a voice":           {func(a *Alert) { a.Voice = &voice }, true},
		"a voice at 64 kbit/s":   {func(a *Alert) { v := voice; v.Kbps = MainKbps; a.Voice = &v }, false},
		"a voice too large":      {func(a *Alert) { v := voice; v.Bytes = MaxVoiceBytes + 1; a.Voice = &v }, false},
		"a voice too long":       {func(a *Alert) { v := voice; v.Frames = 1200; v.Samples = 1200*1152 - 1605; a.Voice = &v }, false},
		"no sounds":              {func(a *Alert) { a.Sounds = nil }, false},
		"an unknown sound":       {func(a *Alert) { a.Sounds = []EmergencyRole{"song"} }, false},
		"no headline":            {func(a *Alert) { a.Headline = "" }, false},
		"a long text":            {func(a *Alert) { a.Text = strings.Repeat("x", MaxAlertText+1) }, false},
		"no cycle":               {func(a *Alert) { a.Repeats = 0 }, false},
		"too many cycles":        {func(a *Alert) { a.Repeats = MaxAlertRepeats + 1 }, false},
		"a negative interval":    {func(a *Alert) { a.IntervalS = -1 }, false},
		"over before it begins":  {func(a *Alert) { a.ExpiresAt = a.IssuedAt }, false},
		"two days":               {func(a *Alert) { a.ExpiresAt = a.IssuedAt.Add(48 * time.Hour) }, false},
		"standing for a year":    {func(a *Alert) { a.Standing, a.ExpiresAt = true, a.IssuedAt.Add(365*24*time.Hour) }, true},
		"a drill":                {func(a *Alert) { a.Drill, a.Sounds = true, []EmergencyRole{RoleDrill, RoleSiren} }, true},
		"a drill that is silent": {func(a *Alert) { a.Drill = true }, false},
		"a standing drill":       {func(a *Alert) { a.Drill, a.Standing, a.Sounds = true, true, []EmergencyRole{RoleDrill} }, false},
		"a bare tombstone":       {func(a *Alert) { a.Cancel, a.Headline, a.Sounds, a.Repeats = true, "", nil, 0 }, true},
		"no area":                {func(a *Alert) { a.Area = "" }, false},
	} {
		a := goodAlert()
		c.change(&a)
		if err := a.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCycleKeys(t *testing.T) {
	a, device := goodAlert(), NewID[DeviceID]()
	seen := map[AiringID]bool{}
	for cycle := range 3 {
		for _, at := range []Millis{1000, 2000} {
			seen[a.CycleKey(device, cycle+1, at).ID()] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d different ids of 6 cycles", len(seen))
	}
}

func TestCommandCheck(t *testing.T) {
	good := Command{ID: NewID[CommandID](), Device: NewID[DeviceID](), Do: CommandStop, IssuedAt: 1000, ExpiresAt: 61_000}
	for name, c := range map[string]struct {
		change func(*Command)
		ok     bool
	}{
		"stop":                   {func(*Command) {}, true},
		"stop one airing":        {func(c *Command) { c.Airing = NewID[AiringID]() }, true},
		"pause one airing":       {func(c *Command) { c.Do, c.Airing = CommandPause, NewID[AiringID]() }, false},
		"volume":                 {func(c *Command) { c.Do, c.GainDB = CommandVolume, -12 }, true},
		"louder than the policy": {func(c *Command) { c.Do, c.GainDB = CommandVolume, 3 }, false},
		"stop with a gain":       {func(c *Command) { c.GainDB = -3 }, false},
		"unknown":                {func(c *Command) { c.Do = "format" }, false},
		"an hour":                {func(c *Command) { c.ExpiresAt = c.IssuedAt.Add(time.Hour) }, false},
		"no device":              {func(c *Command) { c.Device = "" }, false},
	} {
		cmd := good
		c.change(&cmd)
		if err := cmd.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReceiptRanks(t *testing.T) {
	order := []ReceiptState{"", ReceiptReceived, ReceiptAccepted, ReceiptRunning, ReceiptDone}
	for i, s := range order {
		if s.Rank() != i || s.Final() != (i == 4) {
			t.Errorf("%q: rank %d", s, s.Rank())
		}
	}
}
