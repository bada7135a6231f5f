package trust

import (
	"encoding/json"
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// roots makes so many roots and the steps between them.
func roots(t testing.TB, n int) ([]Key, []json.RawMessage) {
	t.Helper()
	keys, steps := []Key{makeKey(t)}, []json.RawMessage{}
	for i := 1; i < n; i++ {
		next := makeKey(t)
		step, err := SignRootStep("P", Root{i, keys[i-1].Public()}, keys[i-1], next, radio.Millis(i))
		if err != nil {
			t.Fatal(err)
		}
		keys, steps = append(keys, next), append(steps, step)
	}
	return keys, steps
}

func last(held Root, walked []Walked) Root {
	if len(walked) == 0 {
		return held
	}
	return walked[len(walked)-1].Root
}

func TestWalkRoots(t *testing.T) {
	keys, steps := roots(t, 5)
	thief := makeKey(t)
	forge := func(number int, root Key, signers ...Key) json.RawMessage {
		b, err := json.Marshal(RootStep{Province: "P", Number: number, Root: root.Public()})
		if err != nil {
			t.Fatal(err)
		}
		env, err := Sign(RootStepType, "P", b, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	elsewhere, err := SignRootStep("Q", Root{1, keys[0].Public()}, keys[0], keys[1], 1)
	if err != nil {
		t.Fatal(err)
	}
	bent := append(json.RawMessage{}, steps[0]...)
	bent[15] ^= 1
	for name, c := range map[string]struct {
		held  int // 1 is the first
		steps []json.RawMessage
		want  int
		ok    bool
	}{
		"all of them":                   {1, steps, 5, true},
		"from the middle":               {3, steps, 5, true},
		"nothing new":                   {5, steps, 5, true},
		"no steps":                      {2, nil, 2, true},
		"only the next":                 {2, steps[1:2], 3, true},
		"one missing":                   {1, []json.RawMessage{steps[0], steps[2]}, 2, false},
		"the first missing":             {1, steps[1:], 1, false},
		"in another order":              {1, []json.RawMessage{steps[1], steps[0]}, 1, false},
		"not signed by the one before":  {1, []json.RawMessage{forge(2, thief, thief)}, 1, false},
		"not signed by the next":        {1, []json.RawMessage{forge(2, thief, keys[0])}, 1, false},
		"signed by an older root":       {2, []json.RawMessage{forge(3, thief, keys[0], thief)}, 2, false},
		"signed by a third besides":     {1, []json.RawMessage{forge(2, keys[1], keys[0], keys[1], thief)}, 2, true},
		"a step of two":                 {1, []json.RawMessage{forge(3, keys[1], keys[0], keys[1])}, 1, false},
		"another province's":            {1, []json.RawMessage{elsewhere}, 1, false},
		"a bent byte":                   {1, []json.RawMessage{bent}, 1, false},
		"no step at all":                {1, []json.RawMessage{[]byte(`{}`)}, 1, false},
		"more than a province can need": {1, make([]json.RawMessage, MaxRootSteps+1), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			held := Root{c.held, keys[c.held-1].Public()}
			walked, err := WalkRoots("P", held, c.steps)
			got := last(held, walked)
			if (err == nil) != c.ok || got.Number != c.want || got.Key.KID != keys[c.want-1].KID() {
				t.Errorf("reached %d (%v), want %d", got.Number, err, c.want)
			}
		})
	}
	// The keyring of a new root does not open for a device that has not walked.
	ring, err := SignKeyring(Keyring{Version: 1, Province: "P"}, keys[4])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyring(ring, "P", keys[0].Public(), 0); !errors.Is(err, radio.ErrForbidden) {
		t.Error(err)
	}
}

// Whatever a stranger sends as steps: no panic, and never another root than those that
// the chain leads to.
func FuzzWalkRoots(f *testing.F) {
	keys, steps := roots(f, 3)
	all, err := json.Marshal(steps)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(all)
	f.Add([]byte(`[{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var steps []json.RawMessage
		if json.Unmarshal(data, &steps) != nil {
			return
		}
		first := Root{1, keys[0].Public()}
		walked, _ := WalkRoots("P", first, steps)
		got := last(first, walked)
		if got.Number < 1 || got.Number > 3 || got.Key.KID != keys[got.Number-1].KID() {
			t.Fatalf("walked to root %d %s", got.Number, got.Key.KID)
		}
	})
}
