package radio

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestQuota(t *testing.T) {
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	q := &Quota{Most: 3, Per: time.Hour, VI: "phát âm thử", EN: "test tone"}
	for i := range 3 {
		if err := q.Take("lan", now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	at := now.Add(10 * time.Minute)
	err := q.Take("lan", at)
	var often *TooOften
	if !errors.As(err, &often) || !errors.Is(err, ErrUnavailable) || often.RetryAfter() != 50*time.Minute || !strings.Contains(often.Vietnamese(), "phát âm thử tối đa 3 lần trong 60 phút") {
		t.Fatalf("the fourth: %v", err)
	}
	if err := q.Take("hoa", at); err != nil {
		t.Errorf("another person: %v", err)
	}
	q.GiveBack("lan")
	q.GiveBack("nobody")
	if err := q.Take("lan", at); err != nil {
		t.Errorf("one that came to nothing counts: %v", err)
	}
	if err := q.Take("lan", now.Add(time.Hour)); err != nil {
		t.Errorf("an hour after the first: %v", err)
	}
	if err := q.Take("lan", now.Add(time.Hour)); err == nil {
		t.Error("an hour after the first one only")
	}
	// A clock set back by a year keeps nobody waiting for a year.
	if err := q.Take("lan", now.AddDate(-1, 0, 0)); err != nil {
		t.Errorf("after the clock was set back: %v", err)
	}
	if (&Quota{}).Take("lan", now) == nil {
		t.Error("the zero quota lets through")
	}
	for i := range mostCounted + 10 {
		if err := q.Take(UserID(fmt.Sprint(i)), now.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.done) > mostCounted {
		t.Errorf("%d people are remembered", len(q.done))
	}
}
