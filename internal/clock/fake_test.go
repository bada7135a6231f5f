package clock

import (
	"context"
	"errors"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var (
	_ Clock = (*System)(nil)
	_ Clock = (*Fake)(nil)
)

func TestFakeWaiters(t *testing.T) {
	f := NewFake(noon)
	type event struct {
		name string
		woke Woke
		at   time.Time
	}
	events := make(chan event)
	wait := func(name string, d time.Duration) {
		go func() {
			w, err := f.Wait(t.Context(), noon.Add(d))
			if err != nil {
				t.Error(err)
			}
			events <- event{name, w, f.Now()}
		}()
	}
	wait("b", 2*time.Minute)
	wait("a", time.Minute)
	wait("c", time.Hour)
	if err := f.BlockUntilWaiters(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if got := f.Waiters(); len(got) != 3 || !got[0].Equal(noon.Add(time.Minute)) {
		t.Fatalf("waiters %v", got)
	}
	for _, name := range []string{"a", "b"} {
		if !f.AdvanceToNext() {
			t.Fatal("nobody waits")
		}
		if e := <-events; e.name != name || e.woke != Due || !e.at.Equal(f.Now()) {
			t.Fatalf("%+v, want %s due", e, name)
		}
	}
	mono := f.Mono()
	f.Step(-4 * time.Second)
	if e := <-events; e.name != "c" || e.woke != Stepped {
		t.Fatalf("%+v", e)
	}
	if f.Mono() != mono || !f.Now().Equal(noon.Add(2*time.Minute-4*time.Second)) {
		t.Fatalf("after the step: mono %v, now %v", f.Mono(), f.Now())
	}
	if f.AdvanceToNext() {
		t.Fatal("somebody still waits")
	}
	wait("d", time.Hour)
	if err := f.BlockUntilWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f.SetState(Untrusted, SourceNone, 0)
	if e := <-events; e.woke != Stepped || f.State().State != Untrusted || !f.State().Since.Equal(f.Now()) {
		t.Fatalf("%+v, %+v", e, f.State())
	}
	f.Advance(time.Minute)
	if got := f.WallToMono(f.Now().Add(time.Second)) - f.Mono(); got != time.Second {
		t.Fatalf("WallToMono is %v away", got)
	}
}

func TestFakeWaitEnds(t *testing.T) {
	f := NewFake(noon)
	if w, err := f.Wait(t.Context(), noon); w != Due || err != nil {
		t.Fatalf("%v, %v", w, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := f.Wait(ctx, noon.Add(time.Second))
		done <- err
	}()
	if err := f.BlockUntilWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if _, err := f.Wait(ctx, noon.Add(time.Second)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if err := f.BlockUntilWaiters(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("a waiter was left behind: %v", err)
	}
}

func TestReadingForRecords(t *testing.T) {
	known := Reading{State: Holdover, Source: SourceKernel, Bound: 1500 * time.Millisecond, Offset: -time.Second, Since: noon}
	want := radio.ClockStatus{OffsetMS: -1000, Since: radio.At(noon),
		ClockStamp: radio.ClockStamp{State: "holdover", Source: "kernel", BoundMS: 1500}}
	if got := known.Status(); got != want || !known.Usable() {
		t.Fatalf("%+v, usable %v", got, known.Usable())
	}
	none := Reading{State: Untrusted, Source: SourceNone}
	if got := none.Stamp(); got.BoundMS != -1 || none.Usable() {
		t.Fatalf("%+v, usable %v", got, none.Usable())
	}
}
