package schedule

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"

	"loaxa/internal/radio"
)

// builder compares what the files say with what the centre holds. Codes name
// things; ids are given when a code is first met and kept for ever.
type builder struct {
	src     *Source
	f       *folder
	cur     radio.Plan
	samples fs.FS
	// approvals of an import; nil at the desk, which approves no bulletins.
	approvals Approvals

	// contacts are whom to call, as stored.
	contacts []radio.AreaContact

	problems Problems
	change   radio.PlanChange
	diff     Diff
	work     []bulletinWork

	// The world: what is stored, with what the files declare laid over it.
	areas     map[string]radio.Area
	areaByID  map[radio.AreaID]radio.Area
	devices   map[string]radio.Device
	deviceIDs map[radio.DeviceID]radio.Device
	bulletins map[string]radio.BulletinID
	titles    map[radio.BulletinID]string  // codes of bulletins
	seconds   map[radio.BulletinID]float64 // how long they sound: as approved, else as handed in
	campaigns map[string]radio.CampaignID
	drives    map[radio.CampaignID]string // codes of campaigns
	// touched holds the provinces the files speak of.
	touched map[radio.AreaID]bool
	// What the files hold of the two lists whose rest is shown as left alone.
	policiesSeen  map[radio.Target]Pos
	schedulesSeen known
}

func newBuilder(src *Source, f *folder, cur radio.Plan, samples fs.FS) *builder {
	b := &builder{
		src: src, f: f, cur: cur, samples: samples, problems: f.problems, diff: Diff{Source: src.Name},
		areas: map[string]radio.Area{}, areaByID: map[radio.AreaID]radio.Area{},
		devices: map[string]radio.Device{}, deviceIDs: map[radio.DeviceID]radio.Device{},
		bulletins: map[string]radio.BulletinID{}, titles: map[radio.BulletinID]string{},
		campaigns: map[string]radio.CampaignID{}, drives: map[radio.CampaignID]string{},
		touched: map[radio.AreaID]bool{},
	}
	for _, a := range cur.Areas {
		b.putArea(a)
	}
	for _, n := range cur.AreaNames {
		if _, taken := b.areas[n.Code]; !taken {
			b.areas[n.Code] = b.areaByID[n.Area]
		}
	}
	for _, d := range cur.Devices {
		b.putDevice(d)
	}
	for _, x := range cur.Bulletins {
		b.putBulletin(x.Code, x.ID)
	}
	b.seconds = lengths(cur.Bulletins)
	for _, c := range cur.Campaigns {
		b.putCampaign(c.Code, c.ID)
	}
	return b
}

func (b *builder) putArea(a radio.Area)     { b.areas[a.Code], b.areaByID[a.ID] = a, a }
func (b *builder) putDevice(d radio.Device) { b.devices[d.Code], b.deviceIDs[d.ID] = d, d }
func (b *builder) putBulletin(code string, id radio.BulletinID) {
	b.bulletins[code], b.titles[id] = id, code
}
func (b *builder) putCampaign(code string, id radio.CampaignID) {
	b.campaigns[code], b.drives[id] = id, code
}

// run goes through the lists in the order in which they refer to each other.
func (b *builder) run(ctx context.Context) error {
	b.buildAreas()
	b.buildDevices()
	b.buildContacts()
	b.buildPolicies()
	b.buildCampaigns()
	if err := b.buildBulletins(ctx); err != nil {
		return err
	}
	b.buildSchedules()
	b.leaveAlone()
	return b.problems.err()
}

// leaveAlone shows what the centre holds for the provinces the files speak of and
// the files do not: it stays, because a missing file must not silence anybody.
func (b *builder) leaveAlone() {
	for _, p := range b.newestPolicies() {
		if _, declared := b.policiesSeen[p.Target]; !declared && b.touched[b.targetRoot(p.Target)] {
			b.diff.leave("policy", b.targetName(p.Target), p.Label)
		}
	}
	for _, s := range b.cur.Schedules {
		if _, declared := b.schedulesSeen[s.Code]; declared || s.WithdrawnAt != 0 {
			continue
		}
		if slices.ContainsFunc(s.Targets, func(t radio.Target) bool { return b.touched[b.targetRoot(t)] }) {
			b.diff.leave("schedule", s.Code, s.Title)
		}
	}
}

// known remembers where a code was first declared.
type known map[string]Pos

// first says whether the code is declared for the first time; twice is a problem,
// an empty one was noted while reading.
func (b *builder) first(seen known, what string, code text) bool {
	if code.s == "" {
		return false
	}
	if at, ok := seen[code.s]; ok {
		b.problems.add(code.at, fmt.Sprintf("%s %q đã có ở %s", vietnamese[what], code.s, at),
			fmt.Sprintf("%s %q is already defined at %s", what, code.s, at))
		return false
	}
	seen[code.s] = code.at
	return true
}

// missing notes a reference to nothing.
func (b *builder) missing(what string, ref text) {
	b.problems.add(ref.at, fmt.Sprintf("không có %s mã %q", vietnamese[what], ref.s), fmt.Sprintf("no %s has the code %q", what, ref.s))
}

// vietnamese names what the files hold.
var vietnamese = map[string]string{
	"area": "địa bàn", "device": "cụm loa", "contact": "đầu mối liên hệ", "policy": "quy định khung giờ", "bulletin": "bản tin",
	"campaign": "đợt tuyên truyền", "schedule": "lịch phát", "slot": "khung", "item": "mục",
}

// kindWords names the levels for people.
var kindWords = map[radio.AreaKind]string{radio.Province: "tỉnh", radio.Commune: "xã, phường", radio.Hamlet: "thôn, tổ dân phố"}

var kindRank = map[radio.AreaKind]int{radio.Province: 1, radio.Commune: 2, radio.Hamlet: 3}

func (b *builder) buildAreas() {
	seen := known{}
	var decls []areaDecl
	for _, d := range b.f.areas {
		if !b.first(seen, "area", d.code) || d.kind == "" {
			continue
		}
		decls = append(decls, d)
	}
	// Parents first, whatever order the files have.
	slices.SortStableFunc(decls, func(x, y areaDecl) int { return cmp.Compare(kindRank[x.kind], kindRank[y.kind]) })
	for _, d := range decls {
		old, exists := b.areas[d.code.s]
		if exists && old.Kind != d.kind {
			b.problems.add(d.code.at, fmt.Sprintf("địa bàn %q đang là %s, không đổi cấp được", d.code.s, kindWords[old.Kind]),
				fmt.Sprintf("area %q is a %s and cannot change its kind", d.code.s, old.Kind))
			continue
		}
		if exists && old.Zone != d.zone.s {
			b.problems.add(d.zone.at, fmt.Sprintf("tỉnh %q đang dùng múi giờ %s, không đổi được", d.code.s, old.Zone),
				fmt.Sprintf("province %q is in zone %s, which cannot change", d.code.s, old.Zone))
			continue
		}
		if exists && old.Code != d.code.s {
			b.problems.add(d.code.at, fmt.Sprintf("%q là mã cũ của %s, nay là %q; hãy sửa tệp", d.code.s, old.Name, old.Code),
				fmt.Sprintf("%q is a code that %s had, it is %q now; mend the file", d.code.s, old.Name, old.Code))
			continue
		}
		if exists && old.Ended() {
			// A file from before the merger: it undoes nothing, and what names the area in it
			// still means the same places.
			b.diff.note(Left, "area", old.Code, old.Name)
			continue
		}
		a := old
		a.Code, a.Kind, a.Name, a.Zone = d.code.s, d.kind, d.name.s, d.zone.s
		if !exists {
			a.ID = radio.NewID[radio.AreaID]()
		}
		if d.parent.s != "" {
			parent, ok := b.areas[d.parent.s]
			switch {
			case !ok:
				b.missing("area", d.parent)
			case parent.Kind != d.kind.ParentKind():
				b.problems.add(d.parent.at, fmt.Sprintf("%q là %s; cấp trên của %s phải là %s", d.parent.s, kindWords[parent.Kind], kindWords[d.kind], kindWords[d.kind.ParentKind()]),
					fmt.Sprintf("%q is a %s; a %s lies in a %s", d.parent.s, parent.Kind, d.kind, d.kind.ParentKind()))
			case exists && parent.ID != old.Parent:
				b.problems.add(d.parent.at, fmt.Sprintf("%s thuộc %s; chuyển địa bàn thì ghi ở trang Địa bàn, hoặc bằng lệnh loaxa area split", old.Name, b.areaByID[old.Parent].Name),
					fmt.Sprintf("%s lies in %s; areas are moved on their page, or with loaxa area split", old.Name, b.areaByID[old.Parent].Name))
			case !exists && parent.Ended():
				b.problems.add(d.parent.at, fmt.Sprintf("%s đã sáp nhập sau ngày %s; hãy ghi địa bàn mới", parent.Name, parent.ValidTo),
					fmt.Sprintf("%s was merged after %s; name the area that took it", parent.Name, parent.ValidTo))
			default:
				a.Parent = parent.ID
			}
		}
		was := fieldsIf(exists, func() []field { return b.areaFields(old) })
		b.putArea(a)
		b.touch(a.ID)
		if b.diff.compare("area", a.Code, a.Name, was, b.areaFields(a)) {
			b.change.Areas = append(b.change.Areas, a)
		}
	}
}

// root is the province an area lies in; the zero Area when a parent is missing,
// which was noted where it is declared.
func (b *builder) root(id radio.AreaID) radio.Area {
	a := b.areaByID[id]
	for range len(b.areaByID) {
		if a.Kind == radio.Province {
			return a
		}
		a = b.areaByID[a.Parent]
	}
	return radio.Area{}
}

func (b *builder) touch(id radio.AreaID) {
	if r := b.root(id); r.ID != "" {
		b.touched[r.ID] = true
	}
}

func (b *builder) buildDevices() {
	seen := known{}
	for _, d := range b.f.devices {
		if !b.first(seen, "device", d.code) {
			continue
		}
		old, exists := b.devices[d.code.s]
		v := old
		v.Code, v.Name, v.Rendition = d.code.s, d.name.s, d.rendition
		if d.partial && exists {
			v.Rendition = old.Rendition
		}
		if !exists {
			v.ID = radio.NewID[radio.DeviceID]()
		}
		if d.hamlet.s != "" {
			a, ok := b.areas[d.hamlet.s]
			switch {
			case !ok:
				b.missing("area", d.hamlet)
			case a.Kind != radio.Hamlet:
				b.problems.add(d.hamlet.at, fmt.Sprintf("%q là %s; cụm loa phải đặt ở thôn hoặc tổ dân phố", d.hamlet.s, kindWords[a.Kind]),
					fmt.Sprintf("%q is a %s; a device stands in a hamlet", d.hamlet.s, a.Kind))
			default:
				v.Hamlet = a.ID
			}
		}
		was := fieldsIf(exists, func() []field { return b.deviceFields(old) })
		v.Setup = d.setup.over(old.Setup)
		b.putDevice(v)
		if b.diff.compare("device", v.Code, v.Name, was, b.deviceFields(v)) {
			b.changeDevice(old, v, exists)
		}
	}
}

// target resolves an area or device and gives its province; ok is false when it
// names nothing, which is noted.
func (b *builder) target(d targetDecl) (t radio.Target, province radio.Area, ok bool) {
	if d.either.s != "" {
		// Areas come first; a device of the same code is written with its kind.
		_, area := b.areas[d.either.s]
		_, device := b.devices[d.either.s]
		switch {
		case area:
			d.area = d.either
		case device:
			d.device = d.either
		default:
			b.problems.add(d.either.at, fmt.Sprintf("không có địa bàn hay cụm loa mã %q", d.either.s), fmt.Sprintf("no area or device has the code %q", d.either.s))
			return t, province, false
		}
	}
	switch {
	case d.area.set() == d.device.set():
		return t, province, false // noted while reading
	case d.area.s != "":
		a, found := b.areas[d.area.s]
		if !found {
			b.missing("area", d.area)
			return t, province, false
		}
		t.Area, province = a.ID, b.root(a.ID)
	case d.device.s != "":
		v, found := b.devices[d.device.s]
		if !found {
			b.missing("device", d.device)
			return t, province, false
		}
		t.Device, province = v.ID, b.root(v.Hamlet)
	}
	return t, province, province.ID != ""
}

func (b *builder) targetName(t radio.Target) string {
	if t.Device != "" {
		return "device " + b.deviceIDs[t.Device].Code
	}
	return "area " + b.areaByID[t.Area].Code
}

// targetWords is targetName for people.
func (b *builder) targetWords(t radio.Target) string {
	if t.Device != "" {
		return fmt.Sprintf("cụm loa %q", b.deviceIDs[t.Device].Code)
	}
	return fmt.Sprintf("địa bàn %q", b.areaByID[t.Area].Code)
}

func (b *builder) targetRoot(t radio.Target) radio.AreaID {
	if t.Device != "" {
		return b.root(b.deviceIDs[t.Device].Hamlet).ID
	}
	return b.root(t.Area).ID
}
