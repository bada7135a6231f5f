package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestExplain: a device's power is cut in a bulletin. Afterwards the API, the page and the
// command explain the airing link by link, each from the row or the device's own record
// behind it, and tell what will sound tomorrow.
func TestExplain(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("dai", "Bản tin dài", tone(t, 24, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "dai")
	a.ready(due)
	h.until(due.Add(14 * time.Second))
	a.kill(t)
	a.start()
	row := h.outcomes(1, 90*time.Second)[0]

	explain := func(at time.Time) (x radio.Explanation) {
		h.get("/api/v1/explain?"+url.Values{"device": {string(row.Key.Device)}, "at": {at.UTC().Format(time.RFC3339)}}.Encode(), &x)
		return x
	}
	x := explain(due.Add(10 * time.Second))
	if len(x.Airings) != 1 || x.Airings[0].Airing != row.Airing || x.Airings[0].Outcome != radio.Partial || x.Airings[0].Reason != radio.ReasonOff {
		t.Fatalf("%+v", x)
	}
	links := map[radio.ChainKind][]radio.ChainLink{}
	for _, l := range x.Airings[0].Links {
		links[l.Kind] = append(links[l.Kind], l)
		t.Log(l.Kind, l.Verdict, l.EN)
	}
	for _, kind := range radio.ChainKinds() {
		if len(links[kind]) == 0 {
			t.Errorf("nothing is said of %s", kind)
		}
	}
	// What stands in the device's journal is named by its record.
	for _, kind := range []radio.ChainKind{radio.ChainPolicy, radio.ChainRevision, radio.ChainDevice, radio.ChainConfirmation} {
		named := false
		for _, l := range links[kind] {
			for _, s := range l.Sources {
				named = named || s.Journal != "" && s.Seq > 0
			}
		}
		if !named {
			t.Errorf("%s does not name a record of the journal: %+v", kind, links[kind])
		}
	}
	if l := links[radio.ChainRevision][0]; l.Verdict != radio.ChainPasses {
		t.Errorf("the device ran what was issued, and it says %s: %s", l.Verdict, l.EN)
	}
	if !strings.Contains(x.EN, "The device started again") {
		t.Errorf("the answer does not name the restart: %s", x.EN)
	}
	tomorrow := explain(due.AddDate(0, 0, 1))
	if len(tomorrow.Airings) != 1 || !strings.Contains(tomorrow.VI, "sẽ phát") || tomorrow.Airings[0].Start != radio.At(due.AddDate(0, 0, 1)) {
		t.Errorf("tomorrow: %+v", tomorrow)
	}
	night := explain(due.Add(3 * time.Hour))
	if len(night.Airings) != 0 || night.Before == nil || night.Before.Airing != row.Airing || night.After == nil {
		t.Errorf("when nothing is planned: %+v", night)
	}
	h.page("/explain?device="+string(row.Key.Device)+"&at="+url.QueryEscape(due.UTC().Format(time.RFC3339)), "Bản tin dài", "Phát thiếu", "Tự chẩn đoán", "Phiên thử")
	if text := h.command("", "explain", "--device", "a", "--lang", "en", "--at", due.UTC().Format(time.RFC3339)); !strings.Contains(text, "only partly aired (the device was off)") || !strings.Contains(text, "← journal") && !strings.Contains(text, "#") {
		t.Errorf("loaxa explain:\n%s", text)
	}
}
