package playout

import (
	"time"

	"loaxa/internal/radio"
)

// Amplifier is the switch before the loudspeakers. None of its methods waits.
type Amplifier interface {
	// Want says whether there is to be power from now on.
	Want(on bool)
	// Power says what is known of the amplifier, and since when on Mono.
	Power() (state radio.AmplifierState, since time.Duration)
	// Changed is closed when what Power says changes.
	Changed() <-chan struct{}
	// WarmUp is the time from power to sound; Lead is how long before a sound power has
	// to be wanted; Hold is how long after it power is kept.
	WarmUp() time.Duration
	Lead() time.Duration
	Hold() time.Duration
}

// powerState is what the desk last wanted of the amplifier. There is power only while
// there is a player: should the agent die, it is the player that switches off.
type powerState struct {
	wanted bool
	needed bool
	alert  time.Duration // Mono of the next cycle of an alert; 0: none is known
	since  time.Duration // Mono since when nothing that sounds has needed it
}

// powerChanged is never ready on a device without a switch.
func (d *desk) powerChanged() <-chan struct{} {
	if d.Amplifier == nil {
		return nil
	}
	return d.Amplifier.Changed()
}

// amplify asks for power in time before a sound, and for none when nothing has needed
// it for a while.
func (d *desk) amplify(soon func(time.Time)) {
	if d.Amplifier == nil {
		return
	}
	mono, now := d.Clock.Mono(), d.Clock.Now()
	in := func(at time.Duration) { soon(now.Add(at - mono)) }
	want := d.needsPower(mono, in)
	if d.power.needed && !want {
		d.power.since = mono
	}
	d.power.needed = want
	if off := d.power.since + d.Amplifier.Hold(); !want && d.power.wanted && mono < off {
		want = true
		in(off)
	}
	d.power.wanted = want
	d.Amplifier.Want(want)
}

// needsPower says whether something sounds or will within the amplifier's lead.
func (d *desk) needsPower(mono time.Duration, in func(time.Duration)) bool {
	if d.stream == nil || d.closing {
		return false
	}
	need, lead := false, d.Amplifier.Lead()
	from := func(at time.Duration) {
		if at -= lead; at > mono {
			in(at)
		} else {
			need = true
		}
	}
	if d.round != nil && d.round.stopping == "" {
		need = true
	} else if d.power.alert > 0 {
		from(d.power.alert)
	}
	for _, l := range d.playing() {
		switch {
		case l.phase == sounding:
			need = true
		case l.phase == armed:
			from(l.at)
		case l.round == nil && !d.blind && l.stopping == "" && !d.obstructed(l):
			from(l.origin)
		}
	}
	if d.blind || len(d.held) > 0 {
		return need
	}
	now := d.Clock.Now()
	for _, e := range d.agenda.list {
		at := d.Clock.WallToMono(d.due(e.Airing))
		if at-lead > mono {
			in(at - lead)
			break
		}
		if d.judge(e, now).play {
			need = true
		}
	}
	return need
}

// powered keeps the player as long as there is power, or may be.
func (d *desk) powered() bool {
	if d.Amplifier == nil {
		return false
	}
	state, _ := d.Amplifier.Power()
	// One that does not go off is tried again for ever; the player need not wait.
	return d.power.wanted || state == radio.AmplifierOn || state == radio.AmplifierSwitching
}

// warm says from when on Mono a sound that belongs at an instant is heard from its
// first sample on; ok is false as long as that depends on a switch that is to be
// thrown at once. A switch that fails is no reason not to try.
func (d *desk) warm(at time.Duration) (from time.Duration, ok bool) {
	if d.Amplifier == nil {
		return 0, true
	}
	switch state, since := d.Amplifier.Power(); state {
	case radio.AmplifierOn:
		return since + d.Amplifier.WarmUp(), true
	case radio.AmplifierFailed:
		return 0, true
	}
	return 0, at-d.Amplifier.Lead() > d.Clock.Mono() // then it is switched on in time
}

// unpower is for the end: the last sound is over, or its player is dead.
func (d *desk) unpower() {
	if d.Amplifier != nil {
		d.power.wanted = false
		d.Amplifier.Want(false)
	}
}

// amplifierState is for the status.
func (d *desk) amplifierState() radio.AmplifierState {
	if d.Amplifier == nil {
		return ""
	}
	state, _ := d.Amplifier.Power()
	return state
}
