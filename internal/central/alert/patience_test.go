package alert

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// TestStolenSession: who guesses in a session they stole keeps that session waiting, not
// the person in another.
func TestStolenSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		thief := h.people["chi"].Person
		thief.Session = "stolen"
		a, err := d.Compose(t.Context(), thief, h.wish("xa-1"))
		must(t, err)
		// As fast as it may, for the twelve hours of a session.
		for end := time.Now().Add(12 * time.Hour); time.Now().Before(end); {
			_, err := d.Sign(t.Context(), thief, a.ID, a.Version, "đoán mò")
			var later interface{ RetryAfter() time.Duration }
			switch {
			case errors.As(err, &later):
				time.Sleep(later.RetryAfter())
			case !errors.Is(err, radio.ErrInvalid):
				t.Fatalf("wrong password: %v", err)
			}
		}
		if _, err = d.Sign(t.Context(), thief, a.ID, a.Version, "đoán mò"); !errors.Is(err, radio.ErrInvalid) && !errors.Is(err, radio.ErrUnavailable) {
			t.Fatalf("the thief after twelve hours: %v", err)
		}
		chi := h.people["chi"].Person
		chi.Session = "own"
		if a, err = d.Sign(t.Context(), chi, a.ID, a.Version, password); err != nil || a.State != radio.AlertIssued {
			t.Errorf("the person in their own session: %s %v", a.State, err)
		}
	})
}

// TestManySessions: sessions without end do not add up to guesses without end; the
// person waits a minute at most.
func TestManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		chi := h.people["chi"].Person
		a, err := d.Compose(t.Context(), chi, h.wish("xa-1"))
		must(t, err)
		guesses := 0
		for i := range 1000 {
			chi.Session = fmt.Sprint(i)
			if _, err := d.Sign(t.Context(), chi, a.ID, a.Version, "đoán mò"); errors.Is(err, radio.ErrInvalid) {
				guesses++
			}
		}
		if guesses != allTries {
			t.Errorf("%d guesses in one breath, want %d", guesses, allTries)
		}
		chi.Session = "own"
		_, err = d.Sign(t.Context(), chi, a.ID, a.Version, password)
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(err, &later) || later.RetryAfter() > allLongest {
			t.Fatalf("the right password behind a hundred wrong ones: %v", err)
		}
		time.Sleep(later.RetryAfter())
		if a, err = d.Sign(t.Context(), chi, a.ID, a.Version, password); err != nil || a.State != radio.AlertIssued {
			t.Errorf("after the wait: %s %v", a.State, err)
		}
	})
}

// TestInKeyring: whose key stands there, wherever it counts.
func TestInKeyring(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	for login, want := range map[string]bool{"an": true, "chi": true, "dung": false} {
		if got := d.InKeyring(h.people[login].ID); got != want {
			t.Errorf("%s: %v", login, got)
		}
	}
}
