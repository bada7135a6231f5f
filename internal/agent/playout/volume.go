package playout

import "time"

// followHour gives what is with the player the volume of the hour: one that sounds over an
// edge of the policy's volume, or under a policy that has just come, is moved to it.
func (d *desk) followHour(now time.Time, soon func(time.Time)) {
	if d.hours == nil || d.stream == nil {
		return
	}
	mono := d.Clock.Mono()
	for _, l := range d.live {
		if l.phase == waiting || l.rearm || l.stopping != "" || l.round != nil {
			continue
		}
		at := now
		if l.phase == armed && l.at > mono {
			at = now.Add(l.at - mono)
		}
		soon(d.hours.GainEdge(now))
		own := d.hours.GainDB(at) + l.levelling()
		if own == l.ownGain {
			continue
		}
		l.ownGain = own
		gain := d.loud(own)
		if gain == l.gain {
			continue
		}
		l.gain = gain
		d.log.Info("the volume of the hour", "airing", string(l.ID), "gain_db", gain)
		if err := d.stream.Gain(l.ID, gain); err != nil {
			d.kill(err)
			return
		}
	}
}
