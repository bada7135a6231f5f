package wire

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// FuzzRoots: a list of steps from anybody is bounded before any of it is proven.
func FuzzRoots(f *testing.F) {
	f.Add([]byte(`[{"payload":"e30","signatures":[]}]`))
	f.Add([]byte(`[null,1,"x",{}]`))
	f.Add([]byte(`[[[[]]]]`))
	first := trust.Root{Number: 1, Key: testKey(f).Public()}
	// The golden step, which stands in the corpus, is the only one this root has signed.
	next, err := trust.KeyFrom(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		steps, err := ParseRoots(b)
		if err != nil {
			return
		}
		if len(steps) > trust.MaxRootSteps || len(b) > Roots.MaxPayload() {
			t.Fatalf("%d steps in %d bytes", len(steps), len(b))
		}
		walked, _ := trust.WalkRoots(area, first, steps)
		for _, w := range walked {
			if w.Root.Number != 2 || w.Root.Key.KID != next.KID() {
				t.Fatalf("walked to root %d, %s", w.Root.Number, w.Root.Key.KID)
			}
		}
	})
}

// FuzzPermissions: a filter that a device may use can match no topic that is not its own
// to read, whatever topic and whatever filter.
func FuzzPermissions(f *testing.F) {
	const far = radio.AreaID("01JD0000000000000000000AR2")
	foreign := append(Contract(other, far, sha("c")), Contract(dev, area, sha("c"))...)
	f.Add(Prefix + "/d/+/down/+")
	f.Add(Prefix + "/d/" + string(dev) + "/down/#")
	f.Add(VoiceTopic(area, "+"))
	f.Add("$share/x/" + Prefix + "/#")
	f.Fuzz(func(t *testing.T, filter string) {
		if !MaySubscribe(dev, []radio.AreaID{area}, filter) {
			return
		}
		for _, topic := range foreign {
			if own := topic.Device == dev && !topic.Up || topic.Area == area; !own && opens(filter, topic.String()) {
				t.Fatalf("%q opens %s", filter, topic)
			}
		}
	})
}

// opens is MQTT 3.1.1 §4.7 with both wildcards.
func opens(filter, topic string) bool {
	f, s := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range f {
		switch {
		case level == "#":
			return true
		case i >= len(s) || level != "+" && level != s[i]:
			return false
		}
	}
	return len(f) == len(s)
}
