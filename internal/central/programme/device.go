package programme

import "loaxa/internal/radio"

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
