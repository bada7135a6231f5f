package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestBulletinWithAllItsWords(t *testing.T) {
	b := newBench()
	text := edit("{code: tin, title: Bản tin, field: 3, file: tin.mp3, valid_until: 2026-12-31}", `
      code: tin
      title: Bản tin
      summary: |
        Dòng một
        dòng hai
      field: 3
      priority: priority
      author: Nguyễn Văn A
      pen_name: Hồng Lĩnh
      area: xa
      campaign: dot
      valid_from: 2026-01-02
      valid_until: 2026-12-31
      transcript: |
        Kính thưa bà con,

          hết.
      file: tin.mp3`)
	apply(t, b, whole(text))
	x, p := b.store.plan.Bulletins[1], b.store.plan
	if x.Summary != "Dòng một\ndòng hai" || x.Priority != radio.Prior || x.PenName != "Hồng Lĩnh" || x.Area != p.Areas[1].ID || x.Campaign != p.Campaigns[0].ID ||
		x.Transcript != "Kính thưa bà con,\n\n  hết." || x.ValidFrom.Time() != time.Date(2026, 1, 1, 17, 0, 0, 0, time.UTC) ||
		string(x.Peaks) != "bars" || x.SubmittedAt != radio.At(testNow) {
		t.Errorf("bulletin %+v", x)
	}
	// The store's lists carry the transcript's hash in its place.
	y := &b.store.plan.Bulletins[1]
	y.TranscriptSHA256, y.Transcript = radio.TranscriptHash(y.Transcript), ""
	if d := apply(t, b, whole(text)); d.Changed() {
		t.Errorf("the same again: %+v", d)
	}
	d := apply(t, b, whole(replaced(text, "  hết.", "  hết!")))
	if d.Count(Changed) != 1 {
		t.Errorf("another transcript: %s", d.Summary())
	}
}

func TestBulletinStaysWithItsDesk(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	if x, p := b.store.plan.Bulletins[1], b.store.plan; x.Area != p.Areas[0].ID || x.Priority != radio.Normal {
		t.Errorf("without a word: area %s, priority %s", x.Area, x.Priority)
	}
	_, err := b.Apply(t.Context(), whole(edit("field: 3, file", "field: 3, area: xa, file")), "lan", "hoa", testNow)
	if err == nil || !strings.Contains(err.Error(), `belongs to "tinh" and stays there`) {
		t.Errorf("moved: %v", err)
	}
	// A file that does not say where leaves it where it is.
	b.store.plan.Bulletins[1].Area = b.store.plan.Areas[1].ID
	if d := apply(t, b, whole(whatYAML)); d.Changed() {
		t.Errorf("unsaid: %s", d.Summary())
	}
}

// TestDraftAtTheDesk: files do not run over what a person works on, and pass it by when
// they change nothing.
func TestDraftAtTheDesk(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	draft := b.store.plan.Bulletins[1]
	draft.Version, draft.State, draft.Title = 2, radio.Draft, "Bản nháp"
	b.store.plan.Bulletins = append(b.store.plan.Bulletins, draft)
	if d := apply(t, b, whole(whatYAML)); d.Changed() {
		t.Errorf("unchanged file: %s", d.Summary())
	}
	for name, change := range map[string]func(){
		"over a version on the air": func() {},
		"the first of its code":     func() { b.store.plan.Bulletins = b.store.plan.Bulletins[2:] },
	} {
		change()
		_, err := b.Apply(t.Context(), whole(edit("title: Bản tin", "title: Bản tin mới")), "lan", "hoa", testNow)
		if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), `bulletin "tin" has a draft (version 2) at the desk`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
