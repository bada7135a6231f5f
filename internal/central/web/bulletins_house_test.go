package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/library"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// ears prepare nothing: every text is so many frames of sound, cut off when it says so.
type ears struct{ frames int }

const tenSeconds = 383 // frames

func (ears) Ready() error                                       { return nil }
func (ears) Put(context.Context, *library.Prepared) (err error) { return nil }
func (ears) Touch(...library.Kept) error                        { return nil }

func (e ears) Prepare(_ context.Context, src io.Reader) (*library.Prepared, error) {
	h := sha256.New()
	start := make([]byte, 3)
	n, err := io.ReadFull(src, start)
	if err != nil && n == 0 {
		return nil, &radio.Invalid{Problems: []radio.Problem{{Field: "audio", VI: "tệp rỗng", EN: "the file is empty"}}}
	}
	_, _ = h.Write(start[:n]) // a hash takes everything
	if _, err := io.Copy(h, src); err != nil {
		return nil, err
	}
	sum := radio.SHA256(hex.EncodeToString(h.Sum(nil)))
	r := radio.Rendition{SHA256: sum, Kbps: 64, Bytes: 80_000, Frames: e.frames, Samples: int64(e.frames)*radio.FrameSamples - 1105, Head: 1105}
	p := &library.Prepared{Seconds: 10, Renditions: []radio.Rendition{r}, LUFS: -16, TruePeakDBTP: -1.5, SourceSHA256: sum, Peaks: []byte{10, 200, 0, 255}, Warnings: []string{}}
	if string(start[:n]) == "cut" {
		p.Warnings = []string{radio.WarnCutOff}
	}
	return p, nil
}

// deskHouse is the web over the real desk and a real database, with two communes.
type deskHouse struct {
	*house
	t     *testing.T
	store *store.Store
	clock time.Time
	// started is when the clock began to run; it stands while that is zero.
	started time.Time
	pens    *pens
}

// shelfOf is a store with a view of all devices, as the centre joins them.
type shelfOf struct {
	*store.Store
	Fleet
}

func newDeskHouse(t *testing.T) *deskHouse { return newDeskHouseWith(t, ears{tenSeconds}) }

func newDeskHouseWith(t *testing.T, e ears) *deskHouse {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &deskHouse{t: t, store: s, clock: now}
	clock := func() time.Time {
		if d.started.IsZero() {
			return d.clock
		}
		return d.clock.Add(time.Since(d.started))
	}
	log := slog.New(slog.DiscardHandler)
	d.pens = newPens(clock)
	d.house = newHouse(t, func(deps *Deps) {
		deps.Plan, deps.Shelf, deps.Now = s, s, clock
		deps.Desk = library.NewDesk(e, e, shelfOf{s, deps.Fleet}, library.NewApprovals(d.pens, d.pens, clock), clock, log, func() {})
		deps.Uploads = library.NewUploads(t.TempDir(), library.DefaultUploadLimits(), clock, log)
	})
	d.staff.second = radio.SecondState{Set: true}
	c := radio.PlanChange{At: 1, Author: sau, Approver: lan.ID, Campaigns: d.plan.campaigns}
	fake := d.plan
	areas, err := fake.Areas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []radio.AreaKind{radio.Province, radio.Commune, radio.Hamlet} { // parents first
		for i, a := range areas {
			if a.Kind == kind {
				a.Code = fmt.Sprint(kind, i)
				c.Areas = append(c.Areas, a)
			}
		}
	}
	for _, p := range fake.places {
		c.Devices = append(c.Devices, p.Device)
	}
	if err := s.ApplyPlan(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	d.pens.ring.Province = d.area(common)
	return d
}

// as makes the next requests those of a person with a role at w ("" for everywhere).
func (d *deskHouse) as(name string, role radio.Role, w where) {
	area := radio.Everywhere
	if w != "" {
		area = d.area(w)
	}
	sum := 0
	for _, c := range name {
		sum += int(c)
	}
	p := radio.Person{ID: id[radio.UserID]('v', sum), Login: name, Name: name, Grants: []radio.Grant{{Role: role, Area: area}}}
	d.people.is(&p)
	if w == "" {
		area = d.area(common)
	}
	if role == radio.RoleApprover {
		d.pens.give(d.t, p.ID, area)
	}
}

// create uploads a bulletin by the API as whoever asks now.
func (d *deskHouse) create(fields ...field) bulletinAnswer {
	d.t.Helper()
	kind, body := multipartForm(d.t, fields)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/bulletins", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", kind)
	r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	d.contract.hold(d.t, r, body, w)
	return got[bulletinAnswer](d.t, w, http.StatusCreated)
}

// got reads a JSON answer.
func got[T any](t testing.TB, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	want(t, w, status)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// api asks the API about one version.
func (d *deskHouse) api(method string, b radio.Bulletin, step, body string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.ask(d.t, method, "/api/v1"+bulletinAddress(b)+step, body)
}

func (d *deskHouse) page(b radio.Bulletin, status int, says ...string) {
	d.t.Helper()
	want(d.t, d.ask(d.t, http.MethodGet, bulletinAddress(b), ""), status, says...)
}

// TestBulletinJourney carries a bulletin through pages and API, each by the person who
// has the right, and asks at every stage what the others see.
func TestBulletinJourney(t *testing.T) {
	d := newDeskHouse(t)
	editor := func() { d.as("soan", radio.RoleEditor, common) }
	approver := func() { d.as("duyet", radio.RoleApprover, common) }
	commune := func() { d.as("xa", radio.RoleApprover, own) }

	editor()
	b := d.create(field{"title", "Nghị quyết 57"}, field{"field", "3"}, field{"valid_from", "2025-12-01"}, field{"audio", "cut short"}).Bulletin
	if b.State != radio.Draft || b.Code != "nghi-quyet-57" || b.Area != d.area(common) || !slices.Contains(b.Warnings, "cut_off") {
		t.Fatalf("created %+v", b)
	}
	d.page(b, 200, "Bản nháp", "Trình duyệt", "vẫn dùng được", `<path d="M50 `, "tệp tải lên bị thiếu phần cuối", "Xóa bản nháp")
	commune()
	d.page(b, 404)
	want(t, d.api("GET", b, "", ""), 404)
	want(t, d.ask(t, "GET", bulletinAddress(b)+"/audio", ""), 404)
	approver()
	d.page(b, 200, "Bản nháp")
	want(t, d.api("POST", b, "/decision", `{"to":"approved"}`), 409)

	editor()
	want(t, d.api("POST", b, "/submit", "{}"), 422, "the audio is cut off")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/submit", "confirm_cut_off=1"), 303)
	d.page(b, 200, "Chờ duyệt", "Rút lại để sửa")
	if p := d.ask(t, "GET", bulletinAddress(b), ""); strings.Contains(p.Body.String(), `id="approve"`) || strings.Contains(p.Body.String(), "data-report") {
		t.Error("an editor is offered what is the approver's")
	}
	want(t, d.api("POST", b, "/decision", `{"to":"approved"}`), 403)
	want(t, d.api("PUT", b, "", draftJSON), 409)

	approver()
	d.page(b, 200, "data-report=", "Phải nghe hết trước khi duyệt. Đã nghe 0 %", "xác nhận lúc", `<button id="approve" disabled>`)
	want(t, d.api("POST", b, "/decision", `{"to":"approved"}`), 409, "seen", "not the submission that waits")
	b = got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Bulletin
	approve := fmt.Sprintf(`{"to":"approved","seen":%d,"sign":{"password":%q}}`, b.SubmittedAt, rightKey)
	want(t, d.api("POST", b, "/decision", approve), 409, "Phải nghe hết bản tin rồi mới duyệt", "listen to the end first")
	listened := func(from, to int) radio.Hearing {
		t.Helper()
		return got[radio.Hearing](t, d.api("POST", b, "/listened", fmt.Sprintf(`{"sha256":%q,"spans":[{"from_ms":%d,"to_ms":%d}]}`, b.Renditions[0].SHA256, from, to)), 200)
	}
	want(t, d.api("POST", b, "/listened", `{"sha256":"`+string(hash(9))+`","spans":[]}`), 409)
	want(t, d.api("POST", b, "/listened", `{"sha256":"`+string(b.Renditions[0].SHA256)+`","spans":[{"from_ms":5,"to_ms":1}]}`), 400)
	if h := listened(0, 9950); h.Done || h.WaitMS == 0 {
		t.Errorf("claimed at once: %+v", h)
	}
	want(t, d.api("POST", b, "/decision", approve), 409, "đã nghe 10 %")
	d.clock = d.clock.Add(10 * time.Second)
	all := fmt.Sprintf(`{"sha256":%q,"spans":[{"from_ms":0,"to_ms":9950}]}`, b.Renditions[0].SHA256)
	d.people.token = radio.TokenWrites
	want(t, d.ask(t, "POST", "/api/v1"+bulletinAddress(b)+"/listened", all, authorized("Bearer "+apiToken)), 403, "mã API", "not by an API token")
	listened(0, 9950)
	if h := got[radio.Hearing](t, d.api("GET", b, "/listened", ""), 200); !h.Done {
		t.Errorf("heard: %+v", h)
	}
	d.page(b, 200, `<button id="approve">`, "Đã nghe hết.")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", "to=approved&seen=17"), 409)
	seen := "to=approved&seen=" + fmt.Sprint(b.SubmittedAt)
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", seen), 422, "duyệt là ký")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", seen+"&key_password=sai"), 422, "mật khẩu của khóa ký không đúng")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", seen+"&passkey=%7B"), 422, "passkey")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", seen+"&key_password="+url.QueryEscape(rightKey)), 303)
	d.page(b, 200, "Đã duyệt", "Thu hồi", "Đã về thiết bị", "Chưa có lịch phát nào", "Ký duyệt bằng khóa")

	commune()
	d.page(b, 200, "Đã duyệt", "Nghị quyết 57")
	if p := d.ask(t, "GET", bulletinAddress(b), ""); strings.Contains(p.Body.String(), "Rút lại") || strings.Contains(p.Body.String(), "Trình duyệt bản") || strings.Contains(p.Body.String(), `value="withdrawn"`) {
		t.Error("a commune is told of, or offered, what is the province's")
	}
	if h := got[bulletinHistoryAnswer](t, d.api("GET", b, "/history", ""), 200); len(h.History) != 1 || h.History[0].Step != radio.StepApprove {
		t.Errorf("a commune's history %+v", h)
	}
	want(t, d.api("POST", b, "/decision", `{"to":"withdrawn","why":"x"}`), 403)
	want(t, d.api("POST", b, "/revise", ""), 403)

	editor()
	next := got[radio.Bulletin](t, d.api("POST", b, "/revise", ""), 201)
	if next.Version != 2 || next.State != radio.Draft {
		t.Errorf("revised %+v", next)
	}
	want(t, d.api("POST", b, "/revise", ""), 409, "phiên bản nháp hoặc chờ duyệt")
	if v := got[versionsAnswer](t, d.api("GET", b, "/versions", ""), 200); len(v.Versions) != 2 || v.Versions[0].Version != 2 {
		t.Errorf("versions %+v", v)
	}
	commune()
	if v := got[versionsAnswer](t, d.api("GET", b, "/versions", ""), 200); len(v.Versions) != 1 || v.Versions[0].Version != 1 {
		t.Errorf("a commune's versions %+v", v)
	}
	editor()
	want(t, d.ask(t, "POST", bulletinAddress(next)+"/delete", ""), 303)
	d.page(next, 404)

	approver()
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", "to=withdrawn&why="), 400, "phải ghi lý do")
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", "to=withdrawn&why="+url.QueryEscape("sai số liệu")), 303)
	d.page(b, 200, "Thu hồi khỏi thiết bị", "sai số liệu", "Thu hồi")
	h := got[bulletinHistoryAnswer](t, d.api("GET", b, "/history", ""), 200)
	var steps []string
	for _, e := range slices.Backward(h.History) {
		steps = append(steps, string(e.Step))
	}
	if want := "add submit approve add delete withdraw"; strings.Join(steps, " ") != want {
		t.Errorf("history %v, want %s", steps, want)
	}
}

// TestWhoSeesWhichBulletins: own drafts only for providers, nothing of another commune.
func TestWhoSeesWhichBulletins(t *testing.T) {
	d := newDeskHouse(t)
	made := map[string]radio.Bulletin{}
	make := func(name, who string, role radio.Role, w where) {
		t.Helper()
		d.as(who, role, w)
		made[name] = d.create(field{"title", name}, field{"field", "1"}, field{"area", string(d.area(w))}, field{"audio", name}).Bulletin
	}
	make("của xã", "xa", radio.RoleEditor, own)
	make("của xã khác", "xakhac", radio.RoleEditor, foreign)
	make("của sở", "so", radio.RoleEditor, common)
	make("của sở khác", "khcn", radio.RoleProvider, common)
	// The commune puts its own on the air.
	d.as("xa", radio.RoleEditor, own)
	want(t, d.api("POST", made["của xã"], "/submit", "{}"), 200)
	sees := func(name, who string, role radio.Role, w where, names ...string) {
		t.Helper()
		d.as(who, role, w)
		var listed []string
		for _, b := range got[bulletinsAnswer](t, d.ask(t, "GET", "/api/v1/bulletins", ""), 200).Bulletins {
			listed = append(listed, b.Title)
		}
		slices.Sort(listed)
		slices.Sort(names)
		if !slices.Equal(listed, names) {
			t.Errorf("%s: listed %v, want %v", name, listed, names)
		}
		for title, b := range made {
			status := 404
			if slices.Contains(names, title) {
				status = 200
			}
			if w := d.api("GET", b, "", ""); w.Code != status {
				t.Errorf("%s: %s answers %d, want %d", name, title, w.Code, status)
			}
		}
	}
	sees("commune editor", "xa", radio.RoleEditor, own, "của xã")
	sees("another editor of the commune", "xa2", radio.RoleEditor, own, "của xã")
	sees("province editor", "so", radio.RoleEditor, common, "của xã", "của xã khác", "của sở", "của sở khác")
	sees("provider", "khcn", radio.RoleProvider, common, "của sở khác")
	sees("another provider", "gddt", radio.RoleProvider, common)
	sees("viewer", "xem", radio.RoleViewer, "", "của xã", "của xã khác", "của sở", "của sở khác")

	// A provider changes only what is theirs, and cannot lay hands on the province's desk.
	d.as("khcn", radio.RoleProvider, common)
	want(t, d.api("PUT", made["của sở khác"], "", draftJSON), 200)
	want(t, d.api("PUT", made["của sở"], "", draftJSON), 404)
	want(t, d.api("DELETE", made["của sở"], "", ""), 404)
	d.as("xa", radio.RoleEditor, own)
	want(t, d.api("DELETE", made["của sở"], "", ""), 403)
	want(t, d.api("DELETE", made["của xã khác"], "", ""), 404)
	kind, body := multipartForm(t, []field{{"title", "x"}, {"field", "1"}, {"area", string(d.area(common))}, {"audio", "x"}})
	want(t, d.upload(t, "/api/v1/bulletins", kind, strings.NewReader(string(body))), 403)
	// Another editor of the same area reads a draft, and does not change it.
	d.as("so2", radio.RoleEditor, common)
	want(t, d.api("GET", made["của sở"], "", ""), 200)
	want(t, d.api("PUT", made["của sở"], "", draftJSON), 403, "Chỉ người tạo bản nháp")
	want(t, d.ask(t, "GET", bulletinAddress(made["của sở"])+"/edit", ""), 403)
}

// A review found it: the author of a first version, a content provider, read what others
// did to the versions after it.
func TestProviderReadsTheHistoryOfOwnVersions(t *testing.T) {
	d := newDeskHouse(t)
	provider := func() { d.as("khcn", radio.RoleProvider, common) }
	editor := func() { d.as("so", radio.RoleEditor, common) }
	provider()
	first := d.create(field{"title", "Tin"}, field{"field", "1"}, field{"area", string(d.area(common))}, field{"submit", "true"}, field{"audio", "x"}).Bulletin
	d.as("duyet", radio.RoleApprover, common)
	want(t, d.api("POST", first, "/decision", `{"to":"rejected","why":"nói nhầm"}`), 200)
	editor()
	d.clock = d.clock.Add(time.Minute)
	second := got[radio.Bulletin](t, d.api("POST", first, "/revise", ""), 201)
	want(t, d.api("PUT", second, "", draftJSON), 200)
	history := func(says string) {
		t.Helper()
		var steps []string
		for _, e := range slices.Backward(got[bulletinHistoryAnswer](t, d.api("GET", first, "/history", ""), 200).History) {
			steps = append(steps, fmt.Sprintf("%s %d", e.Step, e.Version))
		}
		if got := strings.Join(steps, ", "); got != says {
			t.Errorf("history %s, want %s", got, says)
		}
	}
	history("add 1, submit 1, reject 1, add 2, edit 2")
	provider()
	history("add 1, submit 1, reject 1")

	// The number of a deleted draft goes to the next one, which is the provider's own.
	editor()
	want(t, d.api("DELETE", second, "", ""), 204)
	provider()
	d.clock = d.clock.Add(time.Minute)
	want(t, d.api("POST", first, "/revise", ""), 201)
	history("add 1, submit 1, reject 1, add 2")
}

func TestBulletinList(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	for i := range bulletinsAPage + 2 {
		d.clock = d.clock.Add(time.Minute)
		d.create(field{"title", fmt.Sprintf("Thông báo số %02d", i)}, field{"field", "1"}, field{"audio", fmt.Sprint("x", i)})
	}
	last := d.create(field{"title", "Nghị quyết 57"}, field{"field", "3"}, field{"campaign", string(d.plan.campaigns[0].ID)}, field{"submit", "true"}, field{"confirm_cut_off", "true"}, field{"audio", "cut"})
	if last.State != radio.Pending {
		t.Errorf("submitted at once: %s", last.State)
	}
	w := d.ask(t, "GET", "/bulletins", "")
	want(t, w, 200, "<b>1</b> Chờ duyệt", "tệp tải lên bị thiếu phần cuối", "Nghị quyết 57", "Trang sau →", "/bulletins/new")
	page := w.Body.String()
	if strings.Index(page, "Nghị quyết 57") > strings.Index(page, "Thông báo số") {
		t.Error("what waits for a decision does not come first")
	}
	if n := strings.Count(page, "<tr>"); n != bulletinsAPage+1 {
		t.Errorf("%d rows", n)
	}
	list := func(query string) (titles []string, next string) {
		t.Helper()
		a := got[bulletinsAnswer](t, d.ask(t, "GET", "/api/v1/bulletins?"+query, ""), 200)
		for _, b := range a.Bulletins {
			titles = append(titles, b.Title)
		}
		return titles, a.Next
	}
	for query, n := range map[string]int{
		"q=nghi+quyet": 1, "q=THONG+BAO+07": 1, "q=khong+co": 0, "state=pending": 1, "state=draft&limit=500": bulletinsAPage + 2, "field=3": 1, "mine=1&limit=500": bulletinsAPage + 3,
		"campaign=" + string(d.plan.campaigns[0].ID): 1, "area=" + string(d.area(own)): 0, "area=" + string(d.area(common)) + "&q=57": 1,
	} {
		if titles, _ := list(query); len(titles) != n {
			t.Errorf("%s finds %d, want %d", query, len(titles), n)
		}
	}
	seen := map[string]int{}
	for next := ""; ; {
		titles, more := list("limit=7&after=" + url.QueryEscape(next))
		for _, title := range titles {
			seen[title]++
		}
		if next = more; next == "" {
			break
		}
	}
	if len(seen) != bulletinsAPage+3 || seen["Nghị quyết 57"] != 1 {
		t.Errorf("paged through %d", len(seen))
	}
	for _, bad := range []string{"state=shouted", "field=7", "field=x", "campaign=x", "area=x", "after=x", "after=0.1.x", "limit=0", "limit=501", "page=2", "q=a&q=b"} {
		if w := d.ask(t, "GET", "/api/v1/bulletins?"+bad, ""); w.Code != 422 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	d.as("nobody", radio.RoleEditor, foreign)
	want(t, d.ask(t, "GET", "/bulletins", ""), 200, "Không có bản tin nào.")
}

func TestDuplicates(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	first := d.create(field{"title", "Bản đầu"}, field{"field", "1"}, field{"audio", "cùng một tệp"})
	if len(first.Duplicates) != 0 || slices.Contains(first.Warnings, "duplicate") {
		t.Errorf("the first has duplicates: %+v", first)
	}
	d.as("xa", radio.RoleEditor, own)
	hidden := d.create(field{"title", "Bản xã"}, field{"field", "1"}, field{"area", string(d.area(own))}, field{"audio", "cùng một tệp"})
	if len(hidden.Duplicates) != 0 {
		t.Errorf("a commune is told of the province's draft: %+v", hidden.Duplicates)
	}
	d.as("so", radio.RoleEditor, common)
	second := d.create(field{"title", "Bản sau"}, field{"field", "1"}, field{"audio", "cùng một tệp"})
	if len(second.Duplicates) != 2 || !slices.Contains(second.Warnings, "duplicate") {
		t.Errorf("duplicates %+v, warnings %v", second.Duplicates, second.Warnings)
	}
	d.page(second.Bulletin, 200, "Cùng một tệp với", "Bản đầu", bulletinAddress(first.Bulletin))
	want(t, d.api("POST", second.Bulletin, "/submit", "{}"), 200) // a person may go on
}

// TestNaughtyWords: every text field gives back what was written, by the form and by
// JSON, and the pages show it as text.
func TestNaughtyWords(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	for i, text := range []string{
		`'; DROP TABLE bulletin; --`, `"><script>alert(1)</script>`, `{{.Person}} ${x} %s %d`, `\`, "null", "0", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L", "العربية abc",
		"👩‍👩‍👧‍👦🏴", "𝒳\U0010FFFD", "a\u2028b", "=cmd|' /C calc'!A0", "<b>&amp;</b>",
	} {
		lines := text + "\n\t" + text
		b := d.create(field{"code", fmt.Sprint("c", i)}, field{"title", text}, field{"summary", strings.ReplaceAll(lines, "\n", "\r\n")}, field{"field", "1"}, field{"author", text},
			field{"pen_name", text}, field{"unit", text}, field{"transcript", lines}, field{"audio", fmt.Sprint(i)}).Bulletin
		check := func(how string, x radio.Bulletin) {
			t.Helper()
			for name, got := range map[string]string{"title": x.Title, "author": x.Author, "pen_name": x.PenName, "unit": x.Unit} {
				if got != radio.TidyLine(text) {
					t.Errorf("%s, %s: %q became %q", how, name, text, got)
				}
			}
			if x.Summary != radio.TidyText(lines) || x.Transcript != radio.TidyText(lines) {
				t.Errorf("%s: %q became %q and %q", how, lines, x.Summary, x.Transcript)
			}
		}
		check("form", got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Bulletin)
		body, err := json.Marshal(draftBody{Title: text, Summary: lines, Field: 1, Author: text, PenName: text, Unit: text, Transcript: lines})
		if err != nil {
			t.Fatal(err)
		}
		check("JSON", got[bulletinAnswer](t, d.api("PUT", b, "", string(body)), 200).Bulletin)
		check("JSON read again", got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Bulletin)
		for _, path := range []string{bulletinAddress(b), bulletinAddress(b) + "/edit", "/bulletins"} {
			w := d.ask(t, "GET", path, "")
			want(t, w, 200)
			if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "<b>&amp;</b>") {
				t.Errorf("%s shows %q as markup", path, text)
			}
		}
	}
	for name, c := range map[string]string{"NUL": "a\x00b", "escape": "\x1b[31m", "C1": "a\u0085b", "broken UTF-8": "a\xffb"} {
		kind, body := multipartForm(t, []field{{"title", c}, {"field", "1"}, {"audio", "x"}})
		if w := d.upload(t, "/api/v1/bulletins", kind, strings.NewReader(string(body))); w.Code != 422 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestDraftForm: the form comes back with what was written, and keeps audio that is not
// replaced.
func TestDraftForm(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	want(t, d.ask(t, "GET", "/bulletins/new", ""), 200, "Bản tin mới", "Tỉnh Hà Tĩnh", "Phường Thành Sen", "Lưu bản nháp")
	kind, body := multipartForm(t, []field{{"title", "Tiêu đề đã viết"}, {"field", "9"}, {"valid_until", "2025-12-31"}, {"transcript", "Lời đã viết"}, {"audio", "x"}})
	want(t, d.upload(t, "/bulletins", kind, strings.NewReader(string(body))), 422, "Tiêu đề đã viết", "Lời đã viết", "2025-12-31", "lĩnh vực phải từ 1 đến 6")
	b := d.create(field{"title", "Tin"}, field{"field", "1"}, field{"valid_from", "2025-12-01"}, field{"valid_until", "2025-12-31"}, field{"audio", "một"}).Bulletin
	if b.ValidFrom.Time() != time.Date(2025, 11, 30, 17, 0, 0, 0, time.UTC) || b.ValidUntil.Time() != time.Date(2025, 12, 31, 17, 0, 0, 0, time.UTC) {
		t.Errorf("valid %s to %s", b.ValidFrom.Time(), b.ValidUntil.Time())
	}
	want(t, d.ask(t, "GET", bulletinAddress(b)+"/edit", ""), 200, `value="2025-12-01"`, `value="2025-12-31"`, fmt.Sprintf(`name="edited_at" value="%d"`, b.EditedAt))
	// An empty file field of a browser is no audio.
	save := func(fields []field, status int, says ...string) radio.Bulletin {
		t.Helper()
		kind, body := multipartForm(t, fields)
		form := strings.Replace(string(body), `filename="ban-tin.mp3"`, `filename=""`, 1)
		want(t, d.upload(t, bulletinAddress(b), kind, strings.NewReader(form)), status, says...)
		return got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Bulletin
	}
	edited := fmt.Sprint(b.EditedAt)
	x := save([]field{{"title", "Tin sửa"}, {"field", "2"}, {"edited_at", edited}, {"audio", ""}}, 303)
	if x.Title != "Tin sửa" || x.SourceSHA256 != b.SourceSHA256 || x.ValidFrom != 0 {
		t.Errorf("saved %+v", x)
	}
	save([]field{{"title", "Từ cửa sổ cũ"}, {"field", "2"}, {"edited_at", edited}, {"audio", ""}}, 409, "đã được sửa ở nơi khác", "Từ cửa sổ cũ")
	if y := save([]field{{"title", "Tin sửa"}, {"field", "2"}, {"audio", "hai"}}, 303); y.SourceSHA256 == b.SourceSHA256 {
		t.Error("the audio was not replaced")
	}
}
