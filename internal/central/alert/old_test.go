package alert

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// TestForget: an alert goes two years after its end, not two years after it began, and
// one behind the other.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		var all []radio.AlertID
		for range 3 {
			a := h.issued(d, "xa-1", func(w *radio.AlertWish) { w.LifeMinutes = 90 }, "chi")
			all = append(all, a.ID)
			h.hear(a.ID, 0, radio.ReceiptDone, "")
		}
		left := func() (n int) {
			for _, id := range all {
				switch _, err := h.store.Alert(t.Context(), id); {
				case err == nil:
					n++
				case !errors.Is(err, radio.ErrNotFound):
					t.Error(err)
				}
			}
			return n
		}
		d.now = func() time.Time { return time.Now().Add(kept) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Forget(ctx) }()
		time.Sleep(forgetEvery + time.Minute)
		if n := left(); n != 3 {
			t.Errorf("%d left two years and an hour after they began, want all 3", n)
		}
		time.Sleep(forgetEvery)
		if n := left(); n != 0 {
			t.Errorf("%d left two years after their end, want none", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
