package playout_test

import (
	"errors"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestStaggerIsAddedToTheOffset(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.settings.OffsetMS, w.plan.settings.StaggerMS = -250, 1500
		w.plan.prog = one("0 8 * * *", 10)
		w.start()
		w.run(at(8, 1, 0))
		w.want("news 08:00 aired")
		w.wantSounds("news 08:00:01.250")
		w.stop()
	})
}

// TestDigitalSilenceIsConfirmed, over all players the airing had.
func TestDigitalSilenceIsConfirmed(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.player.mute = true
		w.plan.prog = one("0 8 * * *", 30)
		w.start()
		w.run(at(8, 0, 12))
		w.player.crash("device lost")
		w.run(at(8, 1, 0))
		w.stop()
		for _, r := range w.journal.records {
			if c := r.Result; c != nil {
				if want := radio.SamplesDuration(c.Consumed).Milliseconds(); c.SilenceMS < want-2 || c.SilenceMS > want || want < 25_000 {
					t.Errorf("%d ms of silence in %d ms of sound", c.SilenceMS, want)
				}
				return
			}
		}
		t.Error("no result")
	})
}

// TestDigitalSilenceOfACycle: of all its sounds, over all players they had.
func TestDigitalSilenceOfACycle(t *testing.T) {
	bubble(t, at(7, 55, 0), func(w *world) {
		w.player.mute = true
		w.start()
		w.order(1, sirenS, leadS)
		w.run(at(7, 55, 4))
		w.player.crash("device lost")
		w.run(at(7, 56, 0))
		w.stop()
		c := w.journal.results()[0]
		if want := radio.SamplesDuration(c.Consumed).Milliseconds(); want != 13_000 || c.SilenceMS < want-50 || c.SilenceMS > want {
			t.Errorf("%d ms of silence in %d ms of sound", c.SilenceMS, want)
		}
	})
}

// TestOutputIsTriedAgainSoon: however long the device was away, an opening is never
// more than a second off.
func TestOutputIsTriedAgainSoon(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.player.setOpenErr(errors.New("no device"))
		w.plan.prog = one("0 8 * * *", 120)
		w.start()
		w.run(at(8, 0, 30))
		before := w.player.opened
		w.run(at(8, 0, 40))
		if n := w.player.opened - before; n < 9 || n > 11 {
			t.Errorf("opened %d times in ten seconds, want one a second", n)
		}
		w.player.setOpenErr(nil)
		w.run(at(8, 2, 10))
		if len(w.player.sounds) != 1 || w.player.sounds[0].wall.After(at(8, 0, 42).Add(500*time.Millisecond)) {
			t.Errorf("sounds %+v", w.player.sounds)
		}
		w.stop()
	})
}
