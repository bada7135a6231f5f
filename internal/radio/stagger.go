package radio

import (
	"fmt"
	"math"
	"time"
)

// How far a cluster is heard is nowhere laid down: 600 m is our assumption for a cluster
// of two to four horns over open ground, and people say another on the page.
const (
	EarshotMetres    = 600
	MinEarshotMetres = 50
	MaxEarshotMetres = 3000
	// MinStaggerWidthMS keeps slots apart at all.
	MinStaggerWidthMS = 100
)

// metresPerSecond is how fast sound travels in air of 20 °C.
const metresPerSecond = 343

// echoClear is the delay beyond which a second voice no longer falls into the syllables
// of the first: arrivals from 80 to 300 ms apart do speech the most harm.
const echoClear = 300 * time.Millisecond

// StaggerAsk is for what a stagger is planned.
type StaggerAsk struct {
	EarshotM int `json:"earshot_m"`
	// WidthMS is how far neighbouring slots lie apart; 0 for what the earshot wants.
	WidthMS int `json:"width_ms"`
}

// Width is what the earshot wants: the time sound takes over it, so that of two
// neighbours the same one is heard first wherever one stands, and echoClear besides,
// up to the next half second. What is best outdoors has to be heard on the spot.
func (a StaggerAsk) Width() int {
	ms := float64(a.EarshotM)/metresPerSecond*1000 + float64(echoClear.Milliseconds())
	return int(math.Ceil(ms/500)) * 500
}

// Normal fills in what was not said, and says what is wrong.
func (a StaggerAsk) Normal() (StaggerAsk, error) {
	var e Invalid
	if a.EarshotM == 0 {
		a.EarshotM = EarshotMetres
	}
	if a.EarshotM < MinEarshotMetres || a.EarshotM > MaxEarshotMetres {
		e.Add("earshot_m", fmt.Sprintf("phải từ %d đến %d mét", MinEarshotMetres, MaxEarshotMetres), fmt.Sprintf("must be %d to %d metres", MinEarshotMetres, MaxEarshotMetres))
		return a, e.Err()
	}
	if a.WidthMS == 0 {
		a.WidthMS = a.Width()
	}
	if a.WidthMS < MinStaggerWidthMS || a.WidthMS > MaxShiftMS {
		e.Add("width_ms", fmt.Sprintf("phải từ %d đến %d mili giây", MinStaggerWidthMS, MaxShiftMS), fmt.Sprintf("must be %d to %d milliseconds", MinStaggerWidthMS, MaxShiftMS))
	}
	return a, e.Err()
}

// StaggerPlan is a proposal for one commune: who speaks how much later, so that clusters
// within earshot of each other do not speak at once.
type StaggerPlan struct {
	Commune AreaID     `json:"commune"`
	Ask     StaggerAsk `json:"ask"`
	// Slots is how many there are; Least says that fewer would not do.
	Slots   int             `json:"slots"`
	Least   bool            `json:"least"`
	Devices []StaggerDevice `json:"devices"` // of the commune, by code
	Pairs   []StaggerPair   `json:"-"`       // within earshot, the nearest first
	// Print stands for all of it: whoever applies a plan says which one they have seen.
	Print string `json:"print"`
}

// StaggerDevice is one cluster of a plan.
type StaggerDevice struct {
	Place Place `json:"-"`
	// Device, Code and Name are those of the place.
	Device DeviceID `json:"device"`
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	// Placed says whether its position is known; without it nothing is proposed.
	Placed     bool `json:"placed"`
	Neighbours int  `json:"neighbours"`
	NowMS      int  `json:"now_ms"`
	ThenMS     int  `json:"then_ms"`
}

// StaggerPair is two clusters within earshot of each other. B may stand in another
// commune: then it stays as it is.
type StaggerPair struct {
	A, B   Place
	Metres float64
	// How far apart they speak, now and by the plan.
	NowMS, ThenMS int
}

// Beyond says whether the other cluster stands in another commune.
func (p StaggerPair) Beyond() bool { return p.A.Commune().ID != p.B.Commune().ID }

// Moves are the changes the plan proposes, by code.
func (p StaggerPlan) Moves() []SetupChange {
	var out []SetupChange
	for _, d := range p.Devices {
		if d.ThenMS != d.NowMS {
			c := SetupChange{Device: d.Device, Code: d.Code, Name: d.Name, Was: d.Place.Device.Setup, Now: d.Place.Device.Setup}
			c.Now.StaggerMS = d.ThenMS
			out = append(out, c)
		}
	}
	return out
}

// Close are the pairs that speak at once as things are.
func (p StaggerPlan) Close() (n int) {
	for _, x := range p.Pairs {
		if x.NowMS < p.Ask.WidthMS {
			n++
		}
	}
	return n
}

// Unplaced are the clusters whose position nobody has said.
func (p StaggerPlan) Unplaced() (out []StaggerDevice) {
	for _, d := range p.Devices {
		if !d.Placed {
			out = append(out, d)
		}
	}
	return out
}
