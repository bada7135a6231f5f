package e2e

import (
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestRetiredWhileItSounds: a cluster that is taken out of use falls silent at once, in the
// middle of a bulletin, and what it recorded to that moment stands in the log.
func TestRetiredWhileItSounds(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("dai", "Bản tin dài", tone(t, 50, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(15 * time.Second)
	h.schedule(due, "dai")
	a.ready(due)
	h.until(due.Add(3 * time.Second))
	h.eventually(20*time.Second, "the bulletin to sound", func() bool {
		s, ok := a.status()
		return ok && s.Sounding != nil && s.Sounding.Consumed > 0
	})
	if said := h.command("", "device", "retire", "a"); !strings.Contains(said, "silent now") {
		t.Errorf("the command says %q", said)
	}
	h.eventually(15*time.Second, "the retired device to be silent", func() bool {
		s, ok := a.status()
		return ok && s.Sounding == nil && len(s.Next) == 0
	})
	rows := h.outcomes(1, 30*time.Second)
	if r := rows[0]; r.From != radio.WordDevice || r.Consumed == 0 || r.Consumed >= r.Expected || r.Outcome == radio.Aired {
		t.Errorf("the log says %+v", r)
	}
	h.eventually(30*time.Second, "all that it recorded to be acknowledged", func() bool {
		s, ok := a.status()
		return ok && s.Journal.Acked == s.Journal.Head
	})
}
