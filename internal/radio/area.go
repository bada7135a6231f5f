package radio

// AreaKind is a level of the area tree (design §1): tỉnh > xã/phường > thôn/TDP.
// There is no district level.
type AreaKind string

const (
	Province AreaKind = "province"
	Commune  AreaKind = "commune"
	Hamlet   AreaKind = "hamlet"
)

// Area is a node of the area tree. Its id is opaque; official codes are
// attributes, because they are re-issued after mergers.
type Area struct {
	ID     AreaID   `json:"id"`
	Code   string   `json:"code"`
	Kind   AreaKind `json:"kind"`
	Name   string   `json:"name"` // Vietnamese, NFC, as shown to people
	Parent AreaID   `json:"parent,omitempty"`
	// Zone is the IANA name of the civil time, on the province only.
	Zone      string `json:"zone,omitempty"`
	ValidFrom Date   `json:"valid_from,omitempty"`
	ValidTo   Date   `json:"valid_to,omitempty"`
}

// ParentKind is the kind an area's parent must have; "" for the province.
func (k AreaKind) ParentKind() AreaKind {
	switch k {
	case Commune:
		return Province
	case Hamlet:
		return Commune
	}
	return ""
}

// Device is one cluster of loudspeakers (cụm loa) with its controller.
type Device struct {
	ID     DeviceID `json:"id"`
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	Hamlet AreaID   `json:"hamlet"`
	// Rendition is the bit rate this device fetches: 64, or 32 on a metered link.
	Rendition int `json:"rendition"`
	// Enrolled is when the device got its certificate; 0 while it has none.
	Enrolled Millis `json:"enrolled,omitempty"`
	// Revoked is when its identity was taken from it, Retired when the place was taken out
	// of use, which takes the identity too; 0 while neither holds. A new enrolment ends both.
	Revoked Millis `json:"revoked,omitempty"`
	Retired Millis `json:"retired,omitempty"`
	Setup   Setup  `json:"setup,omitzero"`
}

// CheckDevice notes what is wrong with a device as people describe it.
func CheckDevice(e *Invalid, d Device) {
	if !ValidCode(d.Code) {
		e.Add("code", "1–64 chữ thường không dấu, chữ số, dấu chấm, gạch nối", "1–64 of a–z, 0–9, dot and hyphen")
	}
	CheckLine(e, "name", d.Name, 1, 200)
	if d.Rendition != MainKbps && d.Rendition != LightKbps {
		e.Add("rendition", "phải là 64 hoặc 32", "must be 64 or 32")
	}
}

// Place is a device with its area chain, root first: province, commune, hamlet.
type Place struct {
	Device Device `json:"device"`
	Chain  []Area `json:"chain"`
}

// Commune gives the commune of the place; the zero Area when the chain lacks it.
func (p Place) Commune() Area { return p.area(Commune) }

// Province gives the root of the place.
func (p Place) Province() Area { return p.area(Province) }

// Hamlet gives the hamlet of the place.
func (p Place) Hamlet() Area { return p.area(Hamlet) }

func (p Place) area(k AreaKind) Area {
	for _, a := range p.Chain {
		if a.Kind == k {
			return a
		}
	}
	return Area{}
}

// Within says whether the place lies in the area (or is the device) named.
func (p Place) Within(t Target) bool {
	if t.Device != "" {
		return t.Device == p.Device.ID
	}
	for _, a := range p.Chain {
		if a.ID == t.Area {
			return true
		}
	}
	return false
}

// Target is what a schedule is for: an area with all below it, or one device.
// Exactly one of the two is set.
type Target struct {
	Area   AreaID   `json:"area,omitempty"`
	Device DeviceID `json:"device,omitempty"`
}
