package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// TestRulesReachTheDevice: a commune's rules, drafted by one person and approved by another,
// silence on the device what they forbid; the version that begins tomorrow is there today.
func TestRulesReachTheDevice(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 4, 440))
	a := h.agent("a", `driver: "null"`)
	far := dueMinute(20 * time.Minute) // what the rules would silence, however slow the machine is
	h.schedule(far, "mot")
	a.ready(far)

	z, err := timetable.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	today, tomorrow := z.Date(now), z.Date(now.Add(25*time.Hour)) // never within the test
	quiet := radio.Window{From: z.TimeOfDay(now), To: z.TimeOfDay(now.Add(time.Hour))}
	if quiet.To == 0 {
		quiet.To = 24 * 60
	}
	var all struct {
		Rules []radio.RulesCard `json:"rules"`
	}
	h.login(author)
	h.get("/api/v1/rules", &all)
	path := ""
	for _, c := range all.Rules {
		if c.Kind == "commune" {
			path = "/api/v1/rules/" + string(c.Target.Area)
		}
	}
	revision := func(x radio.RulesDraft) map[string]int64 { return map[string]int64{"revision": x.Revision} }
	lay := func(base int, number string, from radio.Date, quiet []radio.Window) (x radio.RulesDraft) {
		t.Helper()
		h.as(author)
		b, err := json.Marshal(map[string]any{"base": base, "revision": 0, "number": number, "issued": "2026-01-02", "issuer": "UBND xã", "from": from,
			"windows": []radio.Window{{From: 0, To: 1440}}, "quiet": quiet, "volume": []radio.VolumeSpan{}, "mourning": []radio.Date{}, "exceptions": []radio.PolicyException{}})
		if err != nil {
			t.Fatal(err)
		}
		h.ask(http.MethodPut, path+"/draft", "application/json", bytes.NewReader(b), &x)
		h.post(path+"/draft/submit", revision(x), &x)
		return x
	}
	x := lay(0, "57/QĐ-UBND", today, []radio.Window{quiet})
	var e radio.RulesEffects
	h.get(path+"/draft/effects", &e)
	if e.Silent == 0 || e.DeviceCount != 1 || e.Effects[0].Veto != radio.VetoQuiet {
		t.Errorf("effects %+v", e)
	}
	if status, said := h.try("POST", path+"/draft/approve", revision(x)); status != http.StatusForbidden {
		t.Errorf("approved by who wrote it: %d %s", status, said)
	}
	h.as(second)
	h.post(path+"/draft/approve", revision(x), nil)
	x = lay(1, "58/QĐ-UBND", tomorrow, nil)
	h.as(second)
	h.post(path+"/draft/approve", revision(x), nil)
	h.eventually(time.Minute, "the device to hold both", func() bool {
		s, ok := a.status()
		return ok && s.Policy == "57/QĐ-UBND (02/01/2026)" && s.Rules != nil && s.Rules.Coming == "58/QĐ-UBND (02/01/2026)"
	})
	due := dueMinute(15 * time.Second)
	h.schedule(due, "mot")
	rows := h.outcomes(1, time.Until(due)+time.Minute)
	if rows[0].Outcome != radio.Refused || rows[0].Reason != radio.ReasonPolicy {
		t.Errorf("what the rules forbid: %+v", rows[0])
	}
}
