package alert

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// TestSigningIsRationed: one person signs so many alerts an hour; what did not become a
// signature does not count, cancelling goes on, and so do others.
func TestSigningIsRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		an, chi := h.people["an"].Person, h.people["chi"].Person
		sign := func(by radio.Person, with radio.SignWith) (radio.AlertRecord, error) {
			t.Helper()
			a, err := d.Compose(t.Context(), an, h.wish("xa-1"))
			must(t, err)
			return d.Sign(t.Context(), by, a.ID, a.Version, with)
		}
		var last radio.AlertRecord
		for i := range mostSigned {
			if i < 3 {
				if _, err := sign(chi, radio.SignWith{Password: "sai"}); !errors.Is(err, radio.ErrInvalid) {
					t.Fatalf("a wrong password: %v", err)
				}
			}
			var err error
			if last, err = sign(chi, typed); err != nil {
				t.Fatalf("alert %d: %v", i, err)
			}
		}
		var often *radio.TooOften
		if _, err := sign(chi, typed); !errors.As(err, &often) || often.RetryAfter() <= 0 {
			t.Fatalf("one too many: %v", err)
		}
		if _, err := d.Cancel(t.Context(), chi, last.ID, "nhầm", typed); err != nil {
			t.Errorf("a cancel: %v", err)
		}
		if _, err := sign(an, typed); err != nil {
			t.Errorf("another person: %v", err)
		}
		time.Sleep(often.RetryAfter())
		if _, err := sign(chi, typed); err != nil {
			t.Errorf("behind the wait: %v", err)
		}
	})
}
