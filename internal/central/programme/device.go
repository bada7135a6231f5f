package programme

import (
	"cmp"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Policy gives the policy that counts at the place, the nearest rule of its
// area chain or the default quiet hours, without revision and time of issue.
func (Resolver) Policy(rules []radio.PolicyRule, place radio.Place) (radio.Policy, error) {
	p := radio.DefaultPolicy(place.Province().Zone)
	p.Device = place.Device.ID
	if rule, ok := radio.NearestPolicy(rules, place); ok {
		p = rule.For(place.Device.ID)
	}
	p.Windows = append([]radio.Window{}, p.Windows...) // written as [], never as null
	p.Mourning = slices.Compact(slices.Sorted(slices.Values(p.Mourning)))
	p.Exceptions = slices.Clone(p.Exceptions)
	for i := range p.Exceptions {
		p.Exceptions[i].Windows = append([]radio.Window{}, p.Exceptions[i].Windows...)
	}
	slices.SortFunc(p.Exceptions, func(a, b radio.PolicyException) int { return cmp.Compare(a.From, b.From) })
	if err := p.Check(); err != nil {
		return radio.Policy{}, fmt.Errorf("policy of device %s: %w", place.Device.Code, err)
	}
	return p, nil
}

// Tuning is what the centre's configuration says for all devices.
type Tuning struct {
	JitterMS  int
	FetchFrom radio.TimeOfDay
	FetchTo   radio.TimeOfDay
	// Emergency is the set of sounds that every device keeps for alerts.
	Emergency []radio.EmergencyAudio
}

// Settings gives a device's settings without revision and time of issue.
func (r Resolver) Settings(place radio.Place) radio.Settings {
	t := r.Tuning
	s := radio.Settings{
		Device: place.Device.ID, Name: place.Device.Name, Areas: []radio.SettingsArea{}, Rendition: place.Device.Rendition,
		OffsetMS: place.Device.Setup.OffsetMS, StaggerMS: place.Device.Setup.StaggerMS,
		JitterMS: t.JitterMS, FetchFrom: t.FetchFrom, FetchTo: t.FetchTo,
		Emergency: t.Emergency,
	}
	for _, a := range place.Chain {
		s.Areas = append(s.Areas, radio.SettingsArea{ID: a.ID, Kind: a.Kind, Name: a.Name})
	}
	return s
}
