package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/report"
	"loaxa/internal/radio"
)

var update = flag.Bool("update", false, "write testdata anew")

// now is the instant of every test: Saturday 22 November 2025, 09:30 in Hà Tĩnh.
var now = time.Date(2025, 11, 22, 2, 30, 0, 0, time.UTC)

const (
	password     = "mật khẩu để thử"
	sessionToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// id gives a valid id that is the same in every run.
func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, 14: byte(n >> 8), 15: byte(n)})
}

func hash(n int) radio.SHA256 { return radio.SHA256(fmt.Sprintf("%064x", n)) }

var (
	// vi speaks Vietnamese.
	vi = speech{language: vietnamese}
	// lan may do everything; what roles may not do is TestPermissions' business.
	lan = radio.Person{ID: id[radio.UserID]('u', 1), Login: "lan", Name: "Nguyễn Thị Lan", Grants: everyRole(radio.Everywhere)}
	sau = radio.UserID(id[radio.UserID]('u', 2))
)

func everyRole(area radio.AreaID) []radio.Grant {
	var out []radio.Grant
	for _, r := range radio.Roles() {
		out = append(out, radio.Grant{Role: r, Area: area})
	}
	return out
}

// fakePeople knows one person; it records what it was asked.
type fakePeople struct {
	mu     sync.Mutex
	logins []string
	ended  []string
	err    error         // of every Login and Session, when set
	who    *radio.Person // whose session it is; nil for lan
	token  radio.TokenUse
	from   []string // "address device" of every Login
	second bool     // lan has a second factor
}

func (p *fakePeople) Login(_ context.Context, try radio.SignIn) (radio.SignedIn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins, p.from = append(p.logins, try.Login), append(p.from, try.Address+" "+try.Device)
	switch {
	case p.err != nil:
		return radio.SignedIn{}, p.err
	case try.Login != lan.Login || try.Password != password:
		return radio.SignedIn{}, fmt.Errorf("%w: wrong login or password", radio.ErrForbidden)
	case p.second && try.Code == "":
		return radio.SignedIn{Ticket: goodTicket}, nil
	case p.second && try.Code != rightCode:
		return radio.SignedIn{}, wrongCode()
	}
	return radio.SignedIn{Person: lan, Session: sessionToken, Device: "known"}, nil
}

// SignInCode knows one ticket and one code.
func (p *fakePeople) SignInCode(_ context.Context, ticket, code string) (radio.SignedIn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return radio.SignedIn{}, p.err
	case ticket != goodTicket:
		return radio.SignedIn{}, radio.Refuse(radio.ErrForbidden, "Hãy nhập lại mật khẩu.", "give the password again")
	case code != rightCode:
		return radio.SignedIn{}, wrongCode()
	}
	return radio.SignedIn{Person: lan, Session: sessionToken, Device: "known"}, nil
}

func (p *fakePeople) Session(_ context.Context, t string) (radio.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return radio.Person{}, p.err
	}
	if t != sessionToken || slices.Contains(p.ended, t) {
		return radio.Person{}, fmt.Errorf("session: %w", radio.ErrNotFound)
	}
	if p.who != nil {
		return *p.who, nil
	}
	return lan, nil
}

// is makes every session that of another person. Open streams look at it meanwhile.
func (p *fakePeople) is(who *radio.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who = who
}

func (p *fakePeople) Logout(_ context.Context, t string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, t)
	return nil
}

type fakePlan struct {
	rules     []radio.PolicyRule
	bulletins []radio.Bulletin
	schedules []radio.Schedule
	campaigns []radio.Campaign
	places    []radio.Place
	states    []radio.DeviceState
	saved     []string // what was done to campaigns
	err       error
}

func (p *fakePlan) Bulletins(context.Context) ([]radio.Bulletin, error) {
	return slices.Clone(p.bulletins), p.err
}

func (p *fakePlan) Bulletin(_ context.Context, b radio.BulletinID, version int) (radio.Bulletin, error) {
	for _, x := range p.bulletins {
		if x.ID == b && x.Version == version {
			return x, nil
		}
	}
	return radio.Bulletin{}, fmt.Errorf("bulletin %s: %w", b, radio.ErrNotFound)
}

// CurrentBulletins lists every version that is approved.
func (p *fakePlan) CurrentBulletins(context.Context) ([]radio.Bulletin, error) {
	return slices.DeleteFunc(slices.Clone(p.bulletins), func(b radio.Bulletin) bool { return b.State != radio.Approved }), p.err
}

func (p *fakePlan) CurrentSchedules(context.Context) ([]radio.Schedule, error) {
	return slices.Clone(p.schedules), p.err
}

func (p *fakePlan) Campaigns(context.Context) ([]radio.Campaign, error) { return p.campaigns, p.err }
func (p *fakePlan) Places(context.Context) ([]radio.Place, error) {
	return slices.Clone(p.places), p.err
}

// Areas are those of the places.
func (p *fakePlan) Areas(context.Context) ([]radio.Area, error) {
	var out []radio.Area
	seen := map[radio.AreaID]bool{}
	for _, place := range p.places {
		parent := radio.AreaID("")
		for _, a := range place.Chain {
			if a.Parent = parent; !seen[a.ID] {
				seen[a.ID] = true
				out = append(out, a)
			}
			parent = a.ID
		}
	}
	return out, p.err
}

func (p *fakePlan) DeviceStates(context.Context) ([]radio.DeviceState, error) { return p.states, p.err }

// fakeLog filters and pages as the store does, beneath the real report.
type fakeLog struct {
	mu      sync.Mutex
	rows    []radio.AsRun
	words   map[radio.AiringID][]radio.Word
	filters []radio.LogFilter
	err     error
}

func (l *fakeLog) pick(f radio.LogFilter) []radio.AsRun {
	var out []radio.AsRun
	for _, a := range l.rows {
		if (f.Commune == "" || a.Commune == f.Commune) && (f.Device == "" || a.Key.Device == f.Device) &&
			(f.From == "" || a.Day >= f.From) && (f.To == "" || a.Day <= f.To) && (f.Outcome == "" || slices.Contains(f.Outcomes(), a.Outcome)) &&
			(f.Outcome != radio.Unplanned || !a.Planned()) && f.Allows(a.Commune) && (f.Slot == "" || a.SlotTime.String() == f.Slot) &&
			(f.Priority == "" || a.Priority == f.Priority) && (f.Origin == "" || a.Origin == f.Origin) &&
			(f.Campaign == "" || a.Campaign == f.Campaign) && (f.Bulletin == "" || a.Bulletin == f.Bulletin) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b radio.AsRun) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(b.Airing, a.Airing))
	})
	return out
}

func (l *fakeLog) AsRuns(_ context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	l.mu.Lock()
	l.filters = append(l.filters, f)
	l.mu.Unlock()
	rows := l.pick(f)
	if after != (radio.LogCursor{}) {
		rows = slices.DeleteFunc(rows, func(a radio.AsRun) bool {
			return a.Start > after.Start || (a.Start == after.Start && a.Airing >= after.Airing)
		})
	}
	return rows[:min(limit, len(rows))], l.err
}

// asked is the filter of the latest page.
func (l *fakeLog) asked() radio.LogFilter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.filters[len(l.filters)-1]
}

func (l *fakeLog) LogCounts(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	var out []radio.LogCount
	for _, a := range l.pick(f) {
		c := radio.LogCount{Day: a.Day, Commune: a.Commune, CommuneName: a.CommuneName, Planned: a.Planned(), Outcome: a.Outcome, Rows: 1}
		i := slices.IndexFunc(out, func(x radio.LogCount) bool {
			x.Rows = 1
			return x == c
		})
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Rows++
	}
	return out, l.err
}

func (l *fakeLog) AsRunHistory(_ context.Context, d radio.DeviceID, a radio.AiringID) (radio.AsRun, []radio.Word, error) {
	for _, row := range l.rows {
		if row.Airing == a && row.Key.Device == d {
			return row, l.words[a], l.err
		}
	}
	return radio.AsRun{}, nil, fmt.Errorf("airing: %w", radio.ErrNotFound)
}

type fakeAudio map[radio.SHA256]string

type closeReader struct{ *strings.Reader }

func (closeReader) Close() error { return nil }

func (a fakeAudio) Open(h radio.SHA256) (io.ReadSeekCloser, int64, error) {
	text, ok := a[h]
	if !ok {
		return nil, 0, fmt.Errorf("audio: %w", radio.ErrNotFound)
	}
	return closeReader{strings.NewReader(text)}, int64(len(text)), nil
}

// house is a web server over fakes with a small province in them.
type house struct {
	alerts *fakeAlerts
	*Server
	people *fakePeople
	desk   *fakeDesk
	plan   *fakePlan
	log    *fakeLog
	files  *fakeFiles
	staff  *fakeStaff
	watch  *fakeWatch
	plans  *fakePlans
	sick   error
	// contract is what the server says of its API: every answer is held against it.
	contract contract
	orders   *fakeOrders
	setups   *fakeSetups
	offers   *fakeOffers
	handed   *fakeSubmissions
	rules    *fakeRules
	lives    *fakeAreas
	passkeys *fakePasskeys
	months   *fakeMonths
	why      *fakeExplainer
}

func newHouse(t testing.TB, change ...func(*Deps)) *house {
	t.Helper()
	h := &house{people: &fakePeople{}, plan: provincePlan(), log: provinceLog()}
	h.desk = &fakeDesk{plan: h.plan}
	h.files = &fakeFiles{log: h.log}
	h.alerts = provinceAlerts(h.plan)
	h.staff, h.watch = provinceStaff(h.plan), provinceTrouble(h.plan)
	h.passkeys = somePasskeys(h.plan)
	d := Deps{
		People: h.people, Desk: h.desk, Shelf: h.desk, Uploads: newUploads(t), Plan: h.plan, Log: report.New(h.log, func() time.Time { return now }), Audio: fakeAudio{hash(1): "an MP3, believe me"},
		Files: h.files, Campaigns: h.plan, Fleet: h.watch, Faults: h.watch, Clusters: h.watch,
		Staff: h.staff, Office: h.staff, Accounts: h.staff, Tokens: h.staff, Passkeys: h.passkeys, Second: h.staff, SecondOffice: h.staff, AuditFiles: h.staff, Trail: fakeTrail{},
		Alerts: h.alerts, Signing: h.alerts, AlertBoards: h.alerts, Contacts: h.alerts,
		Healthy: func(context.Context) error { return h.sick }, Live: &Live{},
		Metrics: http.NotFoundHandler(), Observe: func(string, int, time.Duration) {}, Zone: "Asia/Ho_Chi_Minh", Now: func() time.Time { return now },
		Logger: slog.New(slog.DiscardHandler),
	}
	coming := previewOf(h.plan)
	d.Preview, d.Rehearsals = coming, coming
	h.why = &fakeExplainer{plan: h.plan}
	d.Why = h.why
	h.withOrders(&d)
	h.withSetups(&d)
	h.withOffers(&d)
	h.withSubmissions(&d)
	h.withTimelines(&d)
	h.withRules(&d)
	h.withAreas(&d)
	h.withSchedules(&d)
	h.months = &fakeMonths{}
	d.Months, d.Evidence = h.months, h.months
	for _, c := range change {
		c(&d)
	}
	var err error
	if h.Server, err = New(d); err != nil {
		t.Fatal(err)
	}
	h.contract = newContract(t, h.Server)
	return h
}

// ask sends a request with a session, unless change takes it away.
func (h *house) ask(t testing.TB, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	switch {
	case body == "":
		r.Body = http.NoBody
	case strings.HasPrefix(path, apiPrefix):
		r.Header.Set("Content-Type", "application/json")
	default:
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.AddCookie(&http.Cookie{Name: h.cookieName(), Value: sessionToken})
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	h.contract.hold(t, r, []byte(body), w)
	return w
}

func stranger(r *http.Request) { r.Header.Del("Cookie") }

func want(t testing.TB, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	for _, text := range texts {
		if !bytes.Contains(w.Body.Bytes(), []byte(text)) {
			t.Errorf("the answer lacks %q:\n%s", text, w.Body)
		}
	}
}

var errBroken = errors.New("disk on fire")

func place(n int, commune, hamlet, name string) radio.Place {
	province := radio.Area{ID: id[radio.AreaID]('p', 1), Code: "ha-tinh", Kind: radio.Province, Name: "Tỉnh Hà Tĩnh", Zone: "Asia/Ho_Chi_Minh"}
	c := radio.Area{ID: id[radio.AreaID]('c', len([]rune(commune))), Code: fmt.Sprintf("xa-%d", len([]rune(commune))), Kind: radio.Commune, Name: commune, Parent: province.ID}
	v := radio.Area{ID: id[radio.AreaID]('h', n), Code: fmt.Sprintf("thon-%d", n), Kind: radio.Hamlet, Name: hamlet, Parent: c.ID}
	d := radio.Device{ID: id[radio.DeviceID]('d', n), Code: fmt.Sprintf("loa-%02d", n), Name: name, Hamlet: v.ID, Rendition: 64, Enrolled: radio.At(now.AddDate(0, -1, 0))}
	return radio.Place{Device: d, Chain: []radio.Area{province, c, v}}
}

func provincePlan() *fakePlan {
	p := &fakePlan{places: []radio.Place{
		place(1, "Phường Thành Sen", "Tổ dân phố 1", "Cụm loa nhà văn hóa tổ dân phố 1"),
		place(2, "Phường Thành Sen", "Tổ dân phố 2", "Cụm loa nhà văn hóa tổ dân phố 2"),
		place(3, "Xã Cẩm Xuyên", "Thôn 1", "Cụm loa nhà văn hóa thôn 1"),
		place(4, "Xã Hương Khê", "Thôn Phú Lâm", "Cụm loa trạm y tế"),
		place(5, "Xã Hương Sơn", "Thôn 3", "Cụm loa ngã ba chợ"),
	}}
	p.places[4].Device.Enrolled = 0
	for i := range 4 {
		p.states = append(p.states, deviceReport(p.places[i].Device, i))
	}
	campaign := id[radio.CampaignID]('g', 1)
	p.campaigns = []radio.Campaign{{ID: campaign, Code: "nq57", Title: "Tuyên truyền Nghị quyết số 57-NQ/TW về đột phá phát triển khoa học, công nghệ, đổi mới sáng tạo và chuyển đổi số quốc gia"}}
	for i, title := range []string{"Nhạc hiệu", "Nghị quyết 57, bài 1 - vì sao khoa học, công nghệ là đột phá hàng đầu", "Thông báo lịch tiêm phòng gia súc vụ thu đông", "Tin dự báo áp thấp nhiệt đới", "Lời kết và nhạc kết"} {
		p.bulletins = append(p.bulletins, radio.Bulletin{
			ID: id[radio.BulletinID]('b', i), Code: fmt.Sprintf("bt-%d", i), Version: 1 + i%2, Title: title, Area: p.places[0].Chain[0].ID, Field: radio.Field(1 + i%6), Priority: radio.Normal, Author: "Ban biên tập",
			Unit: "Sở Văn hóa, Thể thao và Du lịch Hà Tĩnh", Language: "vi", State: []radio.BulletinState{radio.Approved, radio.Approved, radio.Pending, radio.Pending, radio.Withdrawn}[i],
			Renditions: []radio.Rendition{{SHA256: hash(1), Kbps: 64, Bytes: 18, Frames: 100, Samples: 113_000}}, LUFS: -16.1, TruePeak: -1.4, Seconds: 7.5 + 70*float64(i),
			SourceSHA256: hash(100 + i), Warnings: []string{}, CreatedBy: sau, CreatedAt: radio.At(now.Add(-time.Duration(i) * time.Hour)),
		})
	}
	p.bulletins[2].Warnings = []string{"cut_off", "quiet"}
	p.bulletins[3].CreatedBy = lan.ID
	p.bulletins[4].DecidedAt, p.bulletins[4].DecidedBy, p.bulletins[4].DecidedWhy = radio.At(now.Add(-time.Minute)), lan.ID, "đọc sai tên địa phương"
	p.bulletins[1].ValidUntil = radio.At(now.AddDate(0, 1, 0))
	p.schedules = []radio.Schedule{
		{ID: id[radio.ScheduleID]('s', 1), Code: "nq57", Version: 2, Title: "Tuyên truyền Nghị quyết 57 hằng ngày", Campaign: campaign, Priority: radio.Prior, Zone: "Asia/Ho_Chi_Minh",
			Targets: []radio.Target{{Area: p.places[0].Chain[0].ID}}, From: "2025-11-01", Until: "2025-12-31", Except: []radio.Date{"2025-11-30"}, GraceSeconds: 120,
			Slots: []radio.Slot{{ID: id[radio.SlotID]('l', 1), Code: "sang-chieu", Cron: "0 5,17 * * 1-6", Items: []radio.Entry{
				{ID: id[radio.EntryID]('e', 1), Code: "hieu", Kind: radio.KindAudio, Bulletin: p.bulletins[0].ID, Repeat: 1},
				{ID: id[radio.EntryID]('e', 2), Code: "bai", Kind: radio.KindAudio, Bulletin: p.bulletins[1].ID, Repeat: 2, GapMS: 5000}}}},
			Author: sau, Approver: lan.ID, ApprovedAt: radio.At(now.AddDate(0, 0, -3))},
		{ID: id[radio.ScheduleID]('s', 2), Code: "thong-bao", Version: 1, Title: "Thông báo của thôn", Priority: radio.Normal, Zone: "Asia/Ho_Chi_Minh",
			Targets: []radio.Target{{Device: p.places[3].Device.ID}, {Area: id[radio.AreaID]('x', 1)}}, GraceSeconds: 300,
			Slots: []radio.Slot{{ID: id[radio.SlotID]('l', 2), Code: "dau-thang", Cron: "*/20 6 1-7 * *", Items: []radio.Entry{
				{ID: id[radio.EntryID]('e', 3), Code: "tin", Kind: radio.KindAudio, Bulletin: p.bulletins[2].ID, Repeat: 1}}}},
			Author: sau, Approver: lan.ID, ApprovedAt: radio.At(now.AddDate(0, 0, -3))},
	}
	return p
}

// deviceReport: the first device sounds, the second has trouble, the third is gone, the
// fourth never reported.
func deviceReport(d radio.Device, i int) radio.DeviceState {
	seen := radio.At(now.Add(-20 * time.Second))
	st := radio.DeviceState{Device: d.ID, Presence: radio.Presence{Alive: i != 2, Connection: 7, At: seen}, LastSeen: seen, HelloAt: seen}
	if i == 3 {
		return st
	}
	status := radio.Status{
		Device: d.ID, Name: d.Name, At: seen, Version: "0.1.0", UpMS: 86_400_000, Link: radio.LinkStatus{Connected: i != 1, Connection: 7, Broker: "mqtts://phat.hatinh.example:8883"},
		Clock:  radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted", Source: "kernel", BoundMS: 12}},
		Output: radio.OutputStatus{Driver: "oto", Device: "default", State: "idle"}, Disk: radio.DiskStatus{FreeBytes: 5_300_000_000, TotalBytes: 16_000_000_000},
		Journal: radio.JournalStatus{ID: id[radio.JournalID]('j', i), Head: 812, Acked: 810}, Policy: "Khung giờ chung của tỉnh",
		Rules: &radio.PolicyStatus{MaxSessions: 3, MaxMinutes: 45, Sessions: 1, Samples: 600 * radio.SampleRate, TetYear: 2028, Tet: "2028-01-26",
			Exceptions: []radio.PolicyException{{From: "2027-02-05", Until: "2027-02-09", Label: "Tết Đinh Mùi", Windows: []radio.Window{{From: 420, To: 450}}},
				{From: "2027-09-02", Until: "2027-09-02", Label: "Quốc khánh", Windows: []radio.Window{}}}},
		Revisions: radio.RevisionStatus{Programme: 1_763_700_000, Policy: 3, Settings: 2, Keys: 1, NotAfter: radio.At(now.AddDate(0, 0, 30))},
		Audio:     []radio.AudioStatus{{SHA256: hash(1), Title: "Nhạc hiệu", Bytes: 60_000, Have: 60_000, Ready: true}, {SHA256: hash(2), Title: "Bài 1", Bytes: 600_000, Have: 600_000, Ready: i != 1}},
		Next: []radio.NextAiring{{ID: id[radio.AiringID]('a', 1), Start: radio.At(now.Add(-time.Hour)), Title: "Đã qua", Ready: true},
			{ID: id[radio.AiringID]('a', 2), Start: radio.At(now.Add(7 * time.Hour)), Samples: 441_000, Title: "Nghị quyết 57, bài 1", Priority: radio.Prior, Ready: i != 1}},
	}
	switch i {
	case 0:
		status.Output.State, status.Sounding = "open", &radio.SoundingStatus{ID: id[radio.AiringID]('a', 1), Title: "Tin dự báo áp thấp nhiệt đới", Consumed: 100, Samples: 1000}
	case 1:
		status.Clock = radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted", Source: "assumed", BoundMS: -1}}
		status.Output = radio.OutputStatus{Driver: "oto", Device: "default", State: "failed", Error: "no sound card"}
		status.Faults = []radio.FaultStatus{{Code: "output", Since: seen, Text: "no sound card: the device does not open"}}
	}
	b, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	st.Reported, st.ReportedAt = b, seen
	return st
}

// provinceLog holds 150 rows: three days, every outcome, sound nobody planned.
func provinceLog() *fakeLog {
	l := &fakeLog{words: map[radio.AiringID][]radio.Word{}}
	plan := provincePlan()
	reasons := []radio.Reason{radio.ReasonLate, radio.ReasonOff, radio.ReasonPolicy, radio.ReasonNoAudio}
	for n := range 150 {
		p, b := plan.places[n%4], plan.bulletins[n%5]
		start := now.Add(9*time.Hour - time.Duration(n/4)*97*time.Minute).Truncate(time.Minute)
		key := radio.AiringKey{Device: p.Device.ID, Schedule: plan.schedules[0].ID, Slot: id[radio.SlotID]('l', 1), SlotAt: radio.At(start), Entry: id[radio.EntryID]('e', n%3), Repeat: 1}
		row := radio.AsRun{
			Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(start.Add(7 * time.Hour)), SlotTime: radio.TimeOfDay(start.Add(7*time.Hour).Hour()*60 + start.Minute()), Start: radio.At(start), Samples: 441_000, Priority: radio.Prior,
			Revision: 1_763_700_000, FrozenAt: radio.At(start.Add(-24 * time.Hour)), Campaign: plan.campaigns[0].ID, Province: p.Chain[0].ID, Commune: p.Commune().ID, Hamlet: p.Hamlet().ID,
			DeviceCode: p.Device.Code, DeviceName: p.Device.Name, CommuneName: p.Commune().Name, HamletName: p.Hamlet().Name, Bulletin: b.ID, Version: b.Version, Title: b.Title,
			Author: b.Author, Unit: b.Unit, SHA256: hash(1), ScheduleCode: "nq57", ScheduleTitle: plan.schedules[0].Title, Outcome: radio.PendingOutcome, Expected: 441_000,
		}
		if start.Before(now.Add(-time.Hour)) {
			row.Outcome, row.From, row.StartedAt, row.Consumed, row.KnownAt, row.Words = radio.Aired, radio.WordDevice, row.Start.Add(40*time.Millisecond), 441_000, radio.At(start.Add(time.Minute)), 1
			if n%6 == 0 {
				row.Outcome, row.Reason = radio.Outcomes()[1+n/6%9], reasons[n/6%4]
				row.StartedAt, row.Consumed = 0, 0
			}
			if row.Outcome == radio.Partial {
				row.StartedAt, row.Consumed, row.AtLeast = row.Start, 220_500, true
			}
		}
		if n%25 == 7 {
			row.Origin, row.FrozenAt = radio.FromCommand, 0
		}
		row.Stale = n == 33
		l.rows = append(l.rows, row)
	}
	aired := l.rows[62]
	l.words[aired.Airing] = []radio.Word{
		{Airing: aired.Airing, N: 1, KnownAt: aired.KnownAt.Add(24 * time.Hour), From: radio.WordCentre, Outcome: radio.Silent, Expected: 441_000},
		{Airing: aired.Airing, N: 2, KnownAt: aired.KnownAt.Add(30 * time.Hour), From: radio.WordDevice, Outcome: radio.Aired, StartedAt: aired.StartedAt, Consumed: 441_000,
			Expected: 441_000, Proof: "consumed", Clock: "trusted", Journal: id[radio.JournalID]('j', 2), Seq: 641},
	}
	return l
}
