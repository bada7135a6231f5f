package schedule

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// folder is what the files of one import say, merged, with the place of every
// reference. Forms are checked while reading; meaning is checked by builder.
type folder struct {
	areas     []areaDecl
	devices   []deviceDecl
	contacts  []contactDecl
	policies  []policyDecl
	bulletins []bulletinDecl
	campaigns []campaignDecl
	schedules []scheduleDecl
	problems  Problems
	zones     map[string]string // of provinces that are stored, by code
}

type areaDecl struct {
	code, name, parent, zone text
	kind                     radio.AreaKind
}

type deviceDecl struct {
	code, name, hamlet text
	rendition          int
	// partial: the rendition is not said, and stays what it is.
	partial bool
	setup   setupDecl
}

// targetDecl is an area or a device by its code; exactly one is set when valid. either
// is a code of which only the plan tells what it is.
type targetDecl struct {
	area, device, either text
	at                   Pos
}

type policyDecl struct {
	target   targetDecl
	label    text
	windows  []radio.Window
	mourning []radio.Date
	volume   []radio.VolumeSpan

	exceptions              []radio.PolicyException
	maxSessions, maxMinutes int
	// bare: it has no windows of its own, as only a hamlet or device may.
	bare                 bool
	quiet                []radio.Window
	number, issuer, note text
	issued, from         radio.Date
}

type bulletinDecl struct {
	code, title, author, unit, language, file text
	summary, penName, transcript              text
	area, campaign, priority                  text
	field                                     radio.Field
	validFrom                                 radio.Date // the first local day
	validUntil                                radio.Date // the last local day
	withdrawn                                 bool
}

type campaignDecl struct {
	code, title, document, issuer text
	issued, from, until           radio.Date
	campaignPlan
}

type scheduleDecl struct {
	code, title, area, campaign, zone text
	priority                          radio.Priority
	targets                           []targetDecl
	from, until                       radio.Date
	except                            []radio.Date
	grace                             time.Duration
	slots                             []slotDecl
	withdrawn                         bool
	// byFile is set when the code says which schedule is meant.
	byFile bool
}

type slotDecl struct {
	code, cron text
	items      []itemDecl
	// times is set when cron was made of times of day; part counts the rules it took,
	// from 0: those after the first are slots of their own.
	times bool
	part  int
	// dates, again and every as in radio.Slot.
	dates        []radio.Date
	again, every int
	now          bool
}

type itemDecl struct {
	code, bulletin text
	repeat         int
	gap            time.Duration
	variants       []variantDecl
}

// take reads the lists of one file.
func (f *folder) take(m *mapping) {
	m.each("areas", func(m *mapping) { f.areas = append(f.areas, readArea(m)) })
	m.each("devices", func(m *mapping) { f.devices = append(f.devices, readDevice(m)) })
	m.each("contacts", func(m *mapping) { f.contacts = append(f.contacts, readContact(m)) })
	m.each("policies", func(m *mapping) { f.policies = append(f.policies, readPolicy(m)) })
	m.each("bulletins", func(m *mapping) { f.bulletins = append(f.bulletins, readBulletin(m)) })
	m.each("campaigns", func(m *mapping) { f.campaigns = append(f.campaigns, readCampaign(m)) })
	m.each("schedules", func(m *mapping) { f.schedules = append(f.schedules, m.r.schedule(rawSchedule(m))) })
}

func readArea(m *mapping) areaDecl {
	d := areaDecl{code: m.code("code"), name: m.needWords("name", 200), parent: m.ref("parent"), zone: m.text("zone")}
	kind := m.need("kind")
	d.kind = radio.AreaKind(kind.s)
	if kind.s != "" && d.kind != radio.Province && d.kind != radio.Commune && d.kind != radio.Hamlet {
		m.r.problems.add(kind.at, fmt.Sprintf("kind %q: phải là province (tỉnh), commune (xã, phường) hoặc hamlet (thôn, tổ dân phố)", clip(kind.s)),
			fmt.Sprintf("kind %q: want province, commune or hamlet", clip(kind.s)))
		d.kind = ""
	}
	d, _ = m.r.area(d, m.at)
	return d
}

// area checks what an area of its kind needs; ok is false where something is wrong, which
// is noted.
func (r *reader) area(d areaDecl, at Pos) (_ areaDecl, ok bool) {
	before := len(*r.problems)
	switch {
	case d.kind == "":
	case d.kind == radio.Province && d.parent.set():
		r.problems.add(d.parent.at, "tỉnh không có cấp trên (parent)", "a province has no parent")
		d.parent = text{}
	case d.kind == radio.Province && !d.zone.set():
		r.problems.add(at, "tỉnh phải có múi giờ (zone), ví dụ Asia/Ho_Chi_Minh", "a province needs a zone such as Asia/Ho_Chi_Minh")
	case d.kind != radio.Province && d.zone.set():
		r.problems.add(d.zone.at, "chỉ tỉnh có múi giờ (zone)", "only a province has a zone")
	case d.kind != radio.Province && !d.parent.set():
		r.problems.add(at, fmt.Sprintf("thiếu mã cấp trên (parent): mã của %s", kindWords[d.kind.ParentKind()]),
			fmt.Sprintf("missing parent (code of its %s)", d.kind.ParentKind()))
	}
	if d.zone.s != "" {
		if _, err := timetable.LoadZone(d.zone.s); err != nil {
			r.problems.add(d.zone.at, fmt.Sprintf("không có múi giờ %q", clip(d.zone.s)), fmt.Sprintf("unknown time zone %q", clip(d.zone.s)))
			d.zone.s = ""
		}
	}
	return d, len(*r.problems) == before
}

func readDevice(m *mapping) deviceDecl {
	d := deviceDecl{code: m.code("code"), name: m.needWords("name", 200), hamlet: m.code("hamlet"), setup: readSetup(m)}
	d.rendition = radio.MainKbps
	if t := m.text("rendition"); t.set() {
		switch t.s {
		case "64":
		case "32":
			d.rendition = radio.LightKbps
		default:
			m.r.problems.add(t.at, fmt.Sprintf("rendition %q: phải là 64 hoặc 32", clip(t.s)), fmt.Sprintf("rendition %q: want 64 or 32", clip(t.s)))
		}
	}
	return d
}

// target takes area or device, exactly one of them.
func (m *mapping) target() targetDecl {
	t := targetDecl{area: m.ref("area"), device: m.ref("device"), at: m.at}
	if t.area.set() == t.device.set() {
		m.r.problems.add(m.at, "phải nêu area hoặc device, đúng một trong hai", "name an area or a device, exactly one of them")
	}
	return t
}

func readPolicy(m *mapping) policyDecl {
	d := policyDecl{target: m.target(), label: m.needWords("label", 100), mourning: m.dates("mourning", 400)}
	_, windows := m.get("windows")
	d.bare = !windows
	m.each("windows", func(m *mapping) { d.windows = m.window(d.windows) })
	m.each("quiet", func(m *mapping) { d.quiet = m.window(d.quiet) })
	d.number, d.issuer, d.note = m.words("number", 100), m.words("issuer", 200), m.lines("note", 2000)
	d.issued, d.from = m.date("issued"), m.date("from")
	d.maxSessions, d.maxMinutes = m.cap("max_sessions", radio.MaxDaySessions), m.cap("max_minutes", radio.MaxDayMinutes)
	m.each("exceptions", func(m *mapping) { d.exceptions = m.exception(d.exceptions) })
	m.each("volume", func(m *mapping) {
		v := radio.VolumeSpan{}
		var ok bool
		gain := m.need("gain_db")
		if v.From, v.To, ok = m.span(); !ok || gain.s == "" {
			return
		}
		var err error
		if v.GainDB, err = strconv.ParseFloat(gain.s, 64); err != nil || math.IsNaN(v.GainDB) || v.GainDB < -60 || v.GainDB > 0 {
			m.r.problems.add(gain.at, fmt.Sprintf("gain_db %q: phải từ -60 đến 0", clip(gain.s)), fmt.Sprintf("gain_db %q: want -60 to 0", clip(gain.s)))
			return
		}
		d.volume = append(d.volume, v)
	})
	return d
}

// window takes a span on some weekdays, after those before it.
func (m *mapping) window(all []radio.Window) []radio.Window {
	w := radio.Window{}
	var ok bool
	if w.From, w.To, ok = m.span(); !ok {
		m.texts("days")
		return all
	}
	seen := map[int]bool{}
	for _, t := range m.texts("days") {
		day := m.r.checkNumber("days", t, 0, 1, 7)
		if day != 0 && seen[day] {
			m.r.problems.add(t.at, fmt.Sprintf("ngày %d lặp lại", day), fmt.Sprintf("day %d stands twice", day))
		} else if day != 0 {
			w.Days = append(w.Days, day)
		}
		seen[day] = true
	}
	return append(all, w)
}

func readBulletin(m *mapping) bulletinDecl {
	d := bulletinDecl{
		code: m.code("code"), title: m.needWords("title", 200), author: m.words("author", 100), unit: m.words("unit", 200),
		language: m.words("language", 35), file: m.text("file"), validUntil: m.date("valid_until"), withdrawn: m.yes("withdrawn"),
		summary: m.lines("summary", 2000), penName: m.words("pen_name", 100), transcript: m.lines("transcript", radio.MaxTranscript),
		area: m.ref("area"), campaign: m.ref("campaign"), priority: m.text("priority"), validFrom: m.date("valid_from"),
	}
	if field := m.need("field"); field.s != "" {
		d.field = radio.Field(m.r.checkNumber("field", field, 0, 1, 6))
	}
	if d.language.s == "" {
		d.language.s = "vi"
	}
	switch {
	case d.withdrawn: // its audio is not read any more
	case d.file.s == "":
		m.r.problems.add(m.at, "thiếu file (đường dẫn trong thư mục, hoặc audio:<tên mẫu>)", "missing file (a path in the folder, or audio:<sample>)")
	case !validAudioName(d.file.s):
		m.r.problems.add(d.file.at, fmt.Sprintf("file %q: phải là đường dẫn nằm trong thư mục, hoặc audio:<tên mẫu>", clip(d.file.s)),
			fmt.Sprintf("file %q: want a path inside the folder, or audio:<sample>", clip(d.file.s)))
		d.file.s = ""
	}
	return d
}

func readCampaign(m *mapping) campaignDecl {
	d := campaignDecl{
		code: m.code("code"), title: m.needWords("title", 300), document: m.words("document", 200),
		issuer: m.words("issuer", 200), issued: m.date("issued"), campaignPlan: readCampaignPlan(m),
	}
	d.from, d.until = m.dateRange()
	return d
}
