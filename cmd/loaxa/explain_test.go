package main

import (
	"encoding/json"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestExplainCommand: any device at any instant, in both languages or one, and what is
// said of what cannot be read.
func TestExplainCommand(t *testing.T) {
	d := settled(t)
	for _, c := range []struct {
		name string
		code int
		want string
		line string
	}{
		{"no device", 2, `usage: loaxa explain --device CODE`, "explain"},
		{"another language", 2, `usage: loaxa explain`, "explain --device cx-01 --lang fr"},
		{"no such device", 1, `^loaxa explain: not found: device "?none"?\n$`, "explain --device none"},
		{"no instant", 2, `at: thời điểm phải có dạng .* / an instant looks like 2026-12-31T05:00\n$`, "explain --device cx-01 --at mai"},
		{"too far away", 2, `at: .* / an instant at most ten years away\n$`, "explain --device cx-01 --at 2099-01-01T05:00"},
		{"at night, both languages", 0, `03:30:00 \(Asia/Ho_Chi_Minh\)\nLúc 03:30 .*\nAt 03:30 .*schedule .*← plan\n.*device .*chưa đăng ký`, "explain --device cx-01 --at 03:30"},
		{"in English", 0, `\nAt 03:30 01/12/2030 nothing is planned`, "explain --device cx-01 --lang en --at 2030-12-01T03:30"},
		{"in Vietnamese", 0, `\nLúc 03:30 01/12/2030 [^\n]*\n\n✓ place [^\n]*\n[^\n]*← area \S+\n✗ schedule [^\n]*\n *← plan\n`, "explain --device cx-01 --lang vi --at 2030-11-30T20:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.t = t
			d.run(c.code, c.want, "", c.line)
		})
	}
	d.t = t
	var x radio.Explanation
	if err := json.Unmarshal([]byte(d.run(0, `^\{`, "", "explain --device cx-01 --at 2030-12-01T03:30 --json")), &x); err != nil || x.DeviceCode != "cx-01" || len(x.Links) == 0 || x.Diagnosis == nil {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestTypedInstant(t *testing.T) {
	zone := time.FixedZone("", 7*3600)
	now := time.Date(2026, time.November, 23, 18, 0, 0, 0, time.UTC) // 24 November there
	for text, want := range map[string]string{
		"": "2026-11-23T18:00:00Z", "05:00": "2026-11-23T22:00:00Z", "2026-11-23T05:00": "2026-11-22T22:00:00Z", "2026-11-23 05:00:30": "2026-11-22T22:00:30Z",
		"2026-11-23T05:00:00+08:00": "2026-11-22T21:00:00Z", "23/11/2026": "", "25:00": "", "2026-02-30 05:00": "",
	} {
		at, err := typedInstant(text, zone, now)
		if got := at.Time().Format(time.RFC3339); (want == "") != (err != nil) || want != "" && got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}
