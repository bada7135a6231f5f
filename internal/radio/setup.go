package radio

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Setup is what people set of a cluster beside its names: how its sound is shifted, and
// where it stands. The shifts reach the device with its settings; the position stays at
// the centre, which plans staggers with it.
type Setup struct {
	// OffsetMS is added to every planned start: what this cluster's own chain is early or
	// late by.
	OffsetMS int `json:"offset_ms"`
	// StaggerMS is added to the planned starts of speech besides, against the echo of
	// neighbouring clusters; never to an alert.
	StaggerMS int      `json:"stagger_ms"`
	Position  Position `json:"position,omitzero"`
}

// MaxShiftMS bounds the offset, either way, and the stagger.
const MaxShiftMS = 60_000

// Position is where a cluster stands, in degrees of WGS 84; the zero value where nobody
// has said.
type Position struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Known says whether somebody has said where.
func (p Position) Known() bool { return p != Position{} }

// String is how positions are written: latitude first, to the sixth decimal (11 cm).
func (p Position) String() string {
	if !p.Known() {
		return ""
	}
	return strconv.FormatFloat(p.Latitude, 'f', -1, 64) + ", " + strconv.FormatFloat(p.Longitude, 'f', -1, 64)
}

// earthMetres is the mean radius of the Earth; a sphere is right to half a percent.
const earthMetres = 6_371_000

// Metres is the way from one position to another along the ground.
func (p Position) Metres(q Position) float64 {
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	up, along := math.Sin(rad(q.Latitude-p.Latitude)/2), math.Sin(rad(q.Longitude-p.Longitude)/2)
	h := up*up + math.Cos(rad(p.Latitude))*math.Cos(rad(q.Latitude))*along*along
	return 2 * earthMetres * math.Asin(math.Sqrt(min(h, 1)))
}

// Normal brings a setup into its stored form.
func (s Setup) Normal() (Setup, error) {
	var e Invalid
	if s.OffsetMS < -MaxShiftMS || s.OffsetMS > MaxShiftMS {
		e.Add("offset_ms", fmt.Sprintf("phải từ −%d đến %d mili giây", MaxShiftMS, MaxShiftMS), fmt.Sprintf("must be −%d to %d milliseconds", MaxShiftMS, MaxShiftMS))
	}
	if s.StaggerMS < 0 || s.StaggerMS > MaxShiftMS {
		e.Add("stagger_ms", fmt.Sprintf("phải từ 0 đến %d mili giây", MaxShiftMS), fmt.Sprintf("must be 0 to %d milliseconds", MaxShiftMS))
	}
	p := &s.Position
	if !(p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180) { // NaN is nowhere
		e.Add("position", "vĩ độ phải từ −90 đến 90, kinh độ từ −180 đến 180; vĩ độ đứng trước", "the latitude is −90 to 90, the longitude −180 to 180; the latitude comes first")
		return s, e.Err()
	}
	// Adding 0 makes 0 of −0.
	p.Latitude, p.Longitude = math.Round(p.Latitude*1e6)/1e6+0, math.Round(p.Longitude*1e6)/1e6+0
	return s, e.Err()
}

var positionForm = regexp.MustCompile(`^([-−+]?[0-9]{1,3}(?:\.[0-9]{1,15})?)°?(?: *[,;] *| +)([-−+]?[0-9]{1,3}(?:\.[0-9]{1,15})?)°?$`)

// ParsePosition reads latitude and longitude as maps write them, "18.343210, 105.905000";
// nothing is a position nobody has said.
func ParsePosition(text string) (Position, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Position{}, nil
	}
	m := positionForm.FindStringSubmatch(text)
	if m == nil {
		e := new(Invalid)
		e.Add("position", "viết vĩ độ rồi kinh độ, dấu chấm cho phần lẻ, ví dụ 18.343210, 105.905000", "write latitude, then longitude, with decimal points: 18.343210, 105.905000, say")
		return Position{}, e
	}
	var p Position
	for i, v := range []*float64{&p.Latitude, &p.Longitude} {
		f, err := strconv.ParseFloat(strings.Replace(m[i+1], "−", "-", 1), 64)
		if err != nil {
			return Position{}, fmt.Errorf("%w: position: %w", ErrInvalid, err)
		}
		*v = f
	}
	return p, nil
}

// SetupChange is one cluster set up anew; Was is what it was thought to be.
type SetupChange struct {
	Device DeviceID
	Code   string
	Name   string
	Was    Setup
	Now    Setup
}

// Values tells what the change moves, for the audit.
func (c SetupChange) Values() []AuditValue {
	var out []AuditValue
	put := func(field, was, now string) {
		if was != now {
			out = append(out, AuditValue{Field: field, Was: was, Now: now})
		}
	}
	put("offset_ms", strconv.Itoa(c.Was.OffsetMS), strconv.Itoa(c.Now.OffsetMS))
	put("stagger_ms", strconv.Itoa(c.Was.StaggerMS), strconv.Itoa(c.Now.StaggerMS))
	put("position", c.Was.Position.String(), c.Now.Position.String())
	return out
}
