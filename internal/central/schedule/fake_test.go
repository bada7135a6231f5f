package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing/fstest"

	"loaxa/internal/radio"
)

// fakeStore keeps the plan in memory, with the store's rules on versions.
type fakeStore struct {
	plan    radio.Plan
	contact []radio.AreaContact
	applied []radio.PlanChange
	fail    error
	// still: nothing has changed since the generation before.
	still      bool
	generation int64
}

func (s *fakeStore) Generation(context.Context) (int64, error) {
	if !s.still {
		s.generation++
	}
	return s.generation, nil
}

func (s *fakeStore) Plan(context.Context) (radio.Plan, error) { return s.plan, nil }

func (s *fakeStore) Contacts(context.Context) ([]radio.AreaContact, error) { return s.contact, nil }

func (s *fakeStore) ApplyPlan(_ context.Context, c radio.PlanChange) error {
	if s.fail != nil {
		return s.fail
	}
	p := &s.plan
	p.Areas = merge(p.Areas, c.Areas, func(a radio.Area) string { return string(a.ID) })
	p.Devices = merge(p.Devices, c.Devices, func(d radio.Device) string { return string(d.ID) })
	for _, x := range c.Setups {
		for i := range p.Devices {
			if p.Devices[i].ID == x.Device {
				p.Devices[i].Setup = x.Now
			}
		}
	}
	for _, x := range c.Contacts {
		s.contact = merge(s.contact, []radio.AreaContact{x.Now}, func(c radio.AreaContact) string { return string(c.Area) })
	}
	p.Policies = merge(p.Policies, c.Policies, func(x radio.PolicyRule) string { return string(x.ID) })
	p.Campaigns = merge(p.Campaigns, c.Campaigns, func(x radio.Campaign) string { return string(x.ID) })
	p.Schedules = merge(p.Schedules, c.Schedules, func(x radio.Schedule) string { return string(x.ID) })
	version := func(b radio.Bulletin) string { return fmt.Sprint(b.ID, b.Version) }
	p.Bulletins = merge(p.Bulletins, c.Bulletins, version)
	for _, d := range c.Decisions {
		p.Bulletins = merge(p.Bulletins, []radio.Bulletin{d.To}, version)
	}
	s.applied = append(s.applied, c)
	return nil
}

func merge[T any](have, put []T, key func(T) string) []T {
	have = slices.Clone(have)
	for _, v := range put {
		if i := slices.IndexFunc(have, func(o T) bool { return key(o) == key(v) }); i >= 0 {
			have[i] = v
		} else {
			have = append(have, v)
		}
	}
	return have
}

// fakeUsers gives each name its person; "lan-2" is a second name of lan.
type fakeUsers map[string]radio.Person

func (u fakeUsers) PersonByName(_ context.Context, name string) (radio.Person, error) {
	if p, ok := u[name]; ok {
		return p, nil
	}
	return radio.Person{}, fmt.Errorf("%w: no account", radio.ErrNotFound)
}

// someone is a person with one role in one area.
func someone(login string, role radio.Role, area radio.AreaID) radio.Person {
	return radio.Person{ID: radio.NewID[radio.UserID](), Login: login, Name: login, Grants: []radio.Grant{{Role: role, Area: area}}}
}

// fakeIntake makes a rendition whose hash follows from the source, and counts.
type fakeIntake struct {
	calls  int
	refuse string // a source with this text in it is refused
}

func (in *fakeIntake) Prepare(_ context.Context, r io.Reader) (Prepared, error) {
	in.calls++
	text, err := io.ReadAll(r)
	if err != nil {
		return Prepared{}, err
	}
	if in.refuse != "" && strings.Contains(string(text), in.refuse) {
		return Prepared{}, &radio.Invalid{Problems: []radio.Problem{{Field: "file", VI: "tệp im lặng", EN: "the file is silent"}}}
	}
	return Prepared{
		Renditions: []radio.Rendition{rendition(64, text), rendition(32, text)},
		Seconds:    2.61, LUFS: -16, TruePeak: -1.5, SourceSHA256: hashOf(text), Warnings: []string{}, Peaks: []byte("bars"),
	}, nil
}

func rendition(kbps int, text []byte) radio.Rendition {
	return radio.Rendition{
		SHA256: hashOf([]byte(fmt.Sprint(kbps, string(text)))), Kbps: kbps, Bytes: int64(kbps) * 400,
		Frames: 100, Samples: 100*radio.FrameSamples - 1105, Head: 1105,
	}
}

func hashOf(b []byte) radio.SHA256 {
	h := sha256.Sum256(b)
	return radio.SHA256(hex.EncodeToString(h[:]))
}

// fakeApprovals signs for everything, and takes what was signed unless it has lapsed.
type fakeApprovals struct {
	silent bool // nobody signs
	lapsed map[radio.BulletinID]bool
	signed []string
	fail   error
}

func (a *fakeApprovals) Signs() bool { return !a.silent }

func (a *fakeApprovals) Stands(b radio.Bulletin) error {
	if b.Signed == nil || a.lapsed[b.ID] {
		return fmt.Errorf("%w: no signature", radio.ErrForbidden)
	}
	return nil
}

func (a *fakeApprovals) Sign(_ context.Context, by radio.Person, b radio.Bulletin) (*radio.ApprovalRow, error) {
	if a.fail != nil {
		return nil, a.fail
	}
	a.signed = append(a.signed, fmt.Sprintf("%s %d by %s", b.Code, b.Version, by.Login))
	delete(a.lapsed, b.ID)
	return &radio.ApprovalRow{KID: "k", Person: by.ID, Area: b.Area}, nil
}

// bench is an importer on fakes.
type bench struct {
	*Importer
	store     *fakeStore
	intake    *fakeIntake
	approvals *fakeApprovals
}

func newBench() bench {
	b := bench{store: &fakeStore{}, intake: &fakeIntake{}, approvals: &fakeApprovals{lapsed: map[radio.BulletinID]bool{}}}
	lan, hoa := someone("lan", radio.RoleEditor, radio.Everywhere), someone("hoa", radio.RoleApprover, radio.Everywhere)
	users := fakeUsers{"lan": lan, "lan-2": lan, "hoa": hoa, "xa": someone("xa", radio.RoleEditor, radio.NewID[radio.AreaID]())}
	samples := fstest.MapFS{"tune.mp3": {Data: []byte("tune")}, "ident.mp3": {Data: []byte("ident")}}
	b.Importer = New(b.store, users, b.intake, samples, b.approvals)
	return b
}

// source makes a folder of files: names and texts in turn.
func source(pairs ...string) *Source {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return FSSource("tinh", m)
}

const whereYAML = `areas:
  - {code: tinh, kind: province, name: Tỉnh, zone: Asia/Ho_Chi_Minh}
  - {code: xa, kind: commune, name: Xã, parent: tinh}
  - {code: thon, kind: hamlet, name: Thôn, parent: xa}
devices:
  - {code: loa-1, name: Cụm 1, hamlet: thon}
  - {code: loa-2, name: Cụm 2, hamlet: thon, rendition: 32}
policies:
  - area: xa
    label: ví dụ
    windows: [{from: "05:00", to: "07:00"}]
    volume: [{from: "05:00", to: "05:30", gain_db: -6}]
    mourning: [2026-05-01]
`

const whatYAML = `campaigns:
  - {code: dot, title: Đợt, document: 57-NQ/TW, issued: 2024-12-22, from: 2026-01-01, until: 2026-12-31}
bulletins:
  - {code: nhac, title: Nhạc hiệu, field: 1, file: "audio:tune"}
  - {code: tin, title: Bản tin, field: 3, file: tin.mp3, valid_until: 2026-12-31}
schedules:
  - code: sang
    title: Buổi sáng
    campaign: dot
    targets: [{area: xa}, {device: loa-2}]
    from: 2026-01-01
    until: 2026-12-31
    except: [2026-02-17]
    grace: 90s
    slots:
      - code: s1
        cron: "0 5 * * 1-6"
        items:
          - {code: a, bulletin: nhac}
          - {code: b, bulletin: tin, repeat: 2, gap: 1500ms}
`

// edit replaces one text in whatYAML.
func edit(pairs ...string) string { return replaced(whatYAML, pairs...) }

func replaced(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("test edits a text that is not there: " + pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func whole(what string) *Source {
	return source("1-where.yaml", whereYAML, "2-what.yaml", what, "tin.mp3", "tin một")
}
