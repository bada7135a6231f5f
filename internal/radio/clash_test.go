package radio

import "testing"

// The table of all pairs (design §6): what sounds, then what arrives, in the order of
// Classes.
func TestWhoOutranksWhom(t *testing.T) {
	want := map[Class][5]Clash{
		ClassEmergency: {Waits, Waits, Waits, Waits, Refuses},
		ClassLocal:     {Waits, Waits, Waits, Waits, Refuses},
		ClassPriority:  {Cuts, Cuts, Waits, Waits, Refuses},
		ClassNormal:    {Cuts, Cuts, Cuts, Waits, Refuses},
		ClassCommand:   {Ends, Ends, Ends, Ends, Refuses},
	}
	for _, sounding := range Classes() {
		for i, arriving := range Classes() {
			if got := Meet(sounding, arriving); got != want[sounding][i] {
				t.Errorf("%s sounds, %s arrives: %s, want %s", sounding, arriving, got, want[sounding][i])
			}
		}
		if got := Meet(sounding, sounding); got == Cuts {
			t.Errorf("%s cuts itself: same priority never cuts", sounding)
		}
	}
	if Prior.Class() != ClassPriority || Normal.Class() != ClassNormal || Emergency.Class() != ClassNormal {
		t.Error("a planned airing has the class of its priority, and is never an emergency")
	}
	if Meet("x", "y") != Waits {
		t.Error("what is not known waits")
	}
}
