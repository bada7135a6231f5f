package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDemoTellsFiles: what is redirected into a file has no colours, and times are those
// of the province on a machine of any zone.
func TestDemoTellsFiles(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, d := range []*demoRun{{out: &bytes.Buffer{}, zone: zone}, {out: file, zone: zone}} {
		if got := d.red("ASSUMED"); got != "ASSUMED" {
			t.Errorf("%q", got)
		}
		if got := d.clock(time.Date(2026, 11, 23, 22, 0, 1, 0, time.UTC)); got != "05:00:01 (UTC+07)" {
			t.Errorf("%q", got)
		}
	}
}
