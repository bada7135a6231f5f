package schedule

import (
	"errors"
	"fmt"

	"loaxa/internal/radio"
)

// setupDecl is what a file says of a device's setup. What it does not say stays as it is:
// people set it on the device's page, and a file that knows nothing of it undoes nothing.
type setupDecl struct {
	offset, stagger *int
	position        *radio.Position
}

func readSetup(m *mapping) setupDecl {
	var d setupDecl
	number := func(key string, least int) *int {
		t := m.text(key)
		if !t.set() {
			return nil
		}
		n := m.r.checkNumber(key, t, 0, least, radio.MaxShiftMS)
		return &n
	}
	d.offset, d.stagger = number("offset_ms", -radio.MaxShiftMS), number("stagger_ms", 0)
	at := m.r.position(m.text("latitude"), m.text("longitude"))
	d.position = at.position
	return d
}

// position reads where a device stands; both halves or none.
func (r *reader) position(latitude, longitude text) (d setupDecl) {
	switch {
	case !latitude.set() && !longitude.set():
		return d
	case !latitude.set():
		r.problems.add(longitude.at, "thiếu vĩ độ (latitude)", "longitude without latitude")
		return d
	case !longitude.set():
		r.problems.add(latitude.at, "thiếu kinh độ (longitude)", "latitude without longitude")
		return d
	}
	p, err := radio.ParsePosition(latitude.s + ", " + longitude.s)
	if err == nil {
		var s radio.Setup
		s, err = radio.Setup{Position: p}.Normal()
		p = s.Position
	}
	r.invalid(err, func(string) Pos { return latitude.at })
	d.position = &p
	return d
}

// invalid notes what a rule of the vocabulary says, at the place of each field.
func (r *reader) invalid(err error, at func(field string) Pos) {
	var e *radio.Invalid
	if !errors.As(err, &e) {
		return
	}
	for _, p := range e.Problems {
		r.problems.add(at(p.Field), p.VI, p.EN)
	}
}

// over lays what the file says over what is stored.
func (d setupDecl) over(s radio.Setup) radio.Setup {
	if d.offset != nil {
		s.OffsetMS = *d.offset
	}
	if d.stagger != nil {
		s.StaggerMS = *d.stagger
	}
	if d.position != nil {
		s.Position = *d.position
	}
	return s
}

// changeDevice notes what has to be written of a device; of a stored one the setup is a
// change of its own, which fails when somebody set it up since.
func (b *builder) changeDevice(old, is radio.Device, exists bool) {
	if exists && is.Setup != old.Setup {
		b.change.Setups = append(b.change.Setups, radio.SetupChange{Device: is.ID, Code: is.Code, Name: is.Name, Was: old.Setup, Now: is.Setup})
		if old.Setup = is.Setup; old == is {
			return
		}
	}
	b.change.Devices = append(b.change.Devices, is)
}

// contactDecl is whom to call in an area.
type contactDecl struct {
	area    text
	contact radio.AreaContact
}

func readContact(m *mapping) contactDecl {
	name, phone := m.need("name"), m.need("phone")
	d := contactDecl{area: m.code("area")}
	if name.s == "" || phone.s == "" {
		return d // noted
	}
	var err error
	d.contact, err = radio.AreaContact{Name: name.s, Phone: phone.s}.Normal()
	m.r.invalid(err, func(field string) Pos {
		if field == "phone" {
			return phone.at
		}
		return name.at
	})
	return d
}

func (b *builder) buildContacts() {
	stored := map[radio.AreaID]radio.AreaContact{}
	for _, c := range b.contacts {
		stored[c.Area] = c
	}
	seen := known{}
	for _, d := range b.f.contacts {
		if !b.first(seen, "contact", d.area) {
			continue
		}
		a, ok := b.areas[d.area.s]
		switch {
		case !ok:
			b.missing("area", d.area)
			continue
		case a.Kind == radio.Province:
			b.problems.add(d.area.at, fmt.Sprintf("%q là tỉnh; đầu mối liên hệ là của xã, phường, thôn hoặc tổ dân phố", d.area.s),
				fmt.Sprintf("%q is a province; whom to call is told of a commune or a hamlet", d.area.s))
			continue
		}
		b.touch(a.ID)
		old, exists := stored[a.ID]
		is := d.contact
		is.Area = a.ID
		was := fieldsIf(exists, func() []field { return contactFields(old) })
		if b.diff.compare("contact", a.Code, is.Name, was, contactFields(is)) {
			b.change.Contacts = append(b.change.Contacts, radio.ContactChange{Code: a.Code, Was: old, Now: is})
		}
	}
	// A file without contacts says nothing of them; one with some is told what else there is.
	for _, c := range b.contacts {
		a := b.areaByID[c.Area]
		if _, declared := seen[a.Code]; len(seen) > 0 && !declared && b.touched[b.root(a.ID).ID] {
			b.diff.leave("contact", a.Code, c.Name)
		}
	}
}

func contactFields(c radio.AreaContact) []field {
	return []field{{"name", c.Name}, {"phone", c.Phone}}
}
