package radio

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// What a broken centre may sign, as devices take it: what passes its check can be worked
// with.

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"device":"01JD0000000000000000000DEV","revision":1,"zone":"Asia/Ho_Chi_Minh","windows":[{"days":[1,2],"from":"05:00","to":"21:00"}],"volume":[{"from":"05:00","to":"06:00","gain_db":-6}],"mourning":["2026-05-01"]}`))
	f.Add([]byte(`{"zone":"UTC","windows":[{"days":[0,7],"from":"22:00","to":"24:00"}],"exceptions":[{}]}`))
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Policy
		if json.Unmarshal(b, &p) != nil || p.Check() != nil {
			return
		}
		for h := range 30 {
			at := noon.Add(time.Duration(h) * 49 * time.Minute)
			until, ok := p.Until(at)
			if ok && until.Before(at) {
				t.Fatalf("allowed at %s until %s", at, until)
			}
			if p.Allows(at, at.Add(time.Minute)) && !ok {
				t.Fatalf("allowed at %s, where nothing is", at)
			}
			if g := p.GainDB(at); math.IsNaN(g) || math.IsInf(g, 0) {
				t.Fatalf("gain %v", g)
			}
		}
		p.Status(DateOf(noon))
	})
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"device":"01JD0000000000000000000DEV","revision":1,"name":"Cụm 1","areas":["01JD0000000000000000000AR1"],"rendition":64,"volume_db":-3,"jitter_ms":60000,"fetch_from":"00:00","fetch_to":"04:00"}`))
	f.Add([]byte(`{"rendition":32,"offset_ms":-9223372036854775808,"stagger_ms":1e99}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Settings
		if json.Unmarshal(b, &s) != nil || s.Check() != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("settings that cannot be kept: %v", err)
		}
		var kept Settings
		if err := json.Unmarshal(again, &kept); err != nil || kept.Check() != nil {
			t.Fatalf("settings that do not come back: %v, %v", err, kept.Check())
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte(`{"id":"01JD0000000000000000000CMD","device":"01JD0000000000000000000DEV","kind":"volume","gain_db":-6,"not_after":1795305600000}`))
	f.Add([]byte(`{"kind":"play","audio":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Command
		if json.Unmarshal(b, &c) != nil || c.Check() != nil {
			return
		}
		if again, err := json.Marshal(c); err != nil {
			t.Fatalf("a command that cannot be kept: %v", err)
		} else if json.Unmarshal(again, &c) != nil || c.Check() != nil {
			t.Fatalf("a command that does not come back: %s", again)
		}
	})
}

func FuzzAlert(f *testing.F) {
	f.Add([]byte(`{"id":"01JD0000000000000000000ALR","area":"01JD0000000000000000000AR1","state":"active","issued_at":1795305600000,"not_after":1795309200000,"repeat":3,"pause_ms":10000}`))
	f.Add([]byte(`{"repeat":-1,"voice":{"sha256":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Alert
		if json.Unmarshal(b, &a) != nil || a.Check() != nil {
			return
		}
		if again, err := json.Marshal(a); err != nil {
			t.Fatalf("an alert that cannot be kept: %v", err)
		} else if json.Unmarshal(again, &a) != nil || a.Check() != nil {
			t.Fatalf("an alert that does not come back: %s", again)
		}
	})
}
