package radio

import (
	"math"
	"strings"
	"testing"
)

func TestItemGain(t *testing.T) {
	cases := map[string]struct {
		renditions     int
		lufs, truePeak float64
		want           float64
	}{
		"in the house's format":                       {2, -16.3, -1.2, 0},
		"never measured":                              {1, 0, 0, 0},
		"measured as nothing":                         {1, math.Inf(-1), -90, 0},
		"within the window":                           {1, -15.1, -3, 0},
		"too loud":                                    {1, -9.04, -0.5, -7},
		"too quiet":                                   {1, -22.3, -12, 6.3},
		"too quiet, no room under the limit":          {1, -22, -3.55, 2.5},
		"too quiet, peaks over the limit":             {1, -22, 0.5, -1.5},
		"right, but peaks over the limit":             {1, -16, 0.25, -1.3},
		"much too quiet":                              {1, -48, -40, 12},
		"quiet, with a rendition nobody has measured": {2, -19, -6, 0},
		"loud, with another rendition":                {2, -12, -2, -4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := Bulletin{LUFS: c.lufs, TruePeak: c.truePeak, Renditions: make([]Rendition, c.renditions)}
			if got := b.ItemGain(); got != c.want {
				t.Errorf("%g dB, want %g", got, c.want)
			}
			if got := b.ItemGain(); got > 0 && c.truePeak+got > PeakLimitDBTP {
				t.Errorf("the peak goes to %g dBTP", c.truePeak+got)
			}
		})
	}
}

func TestProgrammeRefusesGain(t *testing.T) {
	for _, db := range []float64{-24.1, 12.1, math.NaN()} {
		p := Programme{Device: NewID[DeviceID](), Revision: 1, NotAfter: 1,
			Audio: []ProgrammeAudio{{GainDB: db, Renditions: []Rendition{{SHA256: "x"}}}}}
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "gain of") {
			t.Errorf("a gain of %g dB: %v", db, err)
		}
	}
}
