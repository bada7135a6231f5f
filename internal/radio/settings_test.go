package radio

import (
	"testing"
	"time"
)

func TestSettingsStagger(t *testing.T) {
	s := Settings{Device: NewID[DeviceID](), Revision: 1, Rendition: MainKbps, OffsetMS: -300}
	for ms, good := range map[int]bool{-1: false, 0: true, 1500: true, 60_000: true, 60_001: false} {
		s.StaggerMS = ms
		if err := s.Check(); (err == nil) != good {
			t.Errorf("stagger of %d ms: %v", ms, err)
		}
	}
	s.StaggerMS = 1500
	if got := s.SpeechDelay(); got != 1200*time.Millisecond {
		t.Errorf("speech is delayed by %v", got)
	}
}
