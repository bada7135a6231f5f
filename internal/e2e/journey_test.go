package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// twoCommunes is a province in which somebody can be kept to their own commune.
const twoCommunes = `areas:
  - {code: tinh, kind: province, name: Tỉnh thử, zone: ` + zone + `}
  - {code: tay, kind: commune, name: Xã Tây, parent: tinh}
  - {code: dong, kind: commune, name: Xã Đông, parent: tinh}
  - {code: thon-tay, kind: hamlet, name: Thôn Tây, parent: tay}
  - {code: thon-dong, kind: hamlet, name: Thôn Đông, parent: dong}
policies:
  - {area: tinh, label: thử, windows: [{from: "00:00", to: "24:00"}]}
devices:
  - {code: loa-tay, name: Cụm loa Tây, hamlet: thon-tay, rendition: 64}
  - {code: loa-dong, name: Cụm loa Đông, hamlet: thon-dong, rendition: 32}
`

// The people of the journey, by their logins.
const (
	admin           = "quan-tri"
	editor          = "bien-tap" // may also approve, and yet not what is their own
	approver        = "duyet"
	provider        = "cong-tac"
	viewer          = "lanh-dao"
	communeEditor   = "dong.bt"
	communeApprover = "dong.duyet"
	communeOperator = "tay.van-hanh"
)

var invited = []struct{ login, name, role, area string }{
	{editor, "Nguyễn Thị Lan", "editor", "*"},
	{approver, "Trần Văn Hòa", "approver", "*"},
	{provider, "Đài phát thanh huyện", "provider", "*"},
	{viewer, "Lê Quang Đạo", "viewer", "*"},
	{communeEditor, "Võ Thị Đông", "editor", "Xã Đông"},
	{communeApprover, "Bùi Văn Sáng", "approver", "Xã Đông"},
	{communeOperator, "Phan Đình Tây", "operator", "Xã Tây"},
}

// TestJourney walks every role's way through the pages in a real browser, against a
// running centre with two real agents: invited → upload → submit → listen → approve →
// schedule → publish → held by the devices → aired → log → export. Every page on the way
// is looked at on a phone's screen.
func TestJourney(t *testing.T) {
	lane(t, long)
	h := newHouse(t, nil)
	h.write("areas.yaml", twoCommunes)
	h.importPlan()
	h.command(secret, "user", "add", "--login", admin, "--name", "Hồ Sỹ Quản", "--role", "admin", "--password-stdin")
	h.serve()
	h.agent("loa-tay", `driver: "null"`)
	h.agent("loa-dong", `driver: "null"`)
	d := newDesk(t, h)

	devices := d.invitations()
	h.approver(approver, "tinh")
	h.approver(communeApprover, "dong")
	h.setSecond(approver)
	h.setSecond(communeApprover)
	byEditor, byProvider, byCommune := d.uploads()
	d.approvals(byEditor, byProvider, byCommune)

	due := dueMinute(100 * time.Second)
	common, own := d.schedules(due)
	d.publications(common, own)
	d.refusals(devices)
	d.viewing(due)
	d.withdrawal(byProvider)
}

// invitations: the administrator invites everybody, each follows their link and sets a
// password. It gives the devices' pages by name.
func (d *desk) invitations() map[string]string {
	d.t.Helper()
	d.as(admin)
	var devices map[string]string
	d.open("/devices")
	d.b.Eval(`return Object.fromEntries([...document.querySelectorAll('#devices tbody a')].map(a => [a.innerText, a.getAttribute('href')]))`, &devices)
	if len(devices) != 2 {
		d.t.Fatalf("devices: %v", devices)
	}
	links := map[string]string{}
	for _, p := range invited {
		d.open("/people")
		d.b.Press("main details summary")
		d.b.Type("details [name=name]", p.name)
		d.b.Type("details [name=login]", p.login)
		d.b.Choose("details [name=role]", p.role)
		d.b.Choose("details [name=area]", p.area)
		d.click("main details button")
		links[p.login] = d.b.Texts("code.secret")[0]
		if p.login == editor { // one user, several roles
			d.b.Choose(`form[action$="/grants"] [name=role]`, "approver")
			d.b.Choose(`form[action$="/grants"] [name=area]`, "*")
			d.click(`form[action$="/grants"] button`)
			d.says("Biên tập viên · toàn tỉnh", "Người duyệt · toàn tỉnh")
		}
	}
	d.click(`form[action="/logout"] button`)
	for _, p := range invited {
		d.visit(d.h.url(links[p.login]))
		d.b.Type("[name=password]", secret)
		d.b.Type("[name=again]", secret)
		d.click("main button")
	}
	d.b.Visit(d.h.url(links[editor])) // works once only
	d.refused(404)
	return devices
}

// uploads: three people make a bulletin each and hand it in. Nobody sees another's draft.
func (d *desk) uploads() (byEditor, byProvider, byCommune string) {
	d.t.Helper()
	d.as(editor)
	byEditor = d.draft("Chuyển đổi số đến từng thôn", "chuyen-doi-so", tone(d.t, 3, 440))

	d.as(provider)
	d.b.Visit(d.h.url(byEditor))
	d.refused(404)
	d.open("/bulletins")
	if d.b.Has("#bulletins tbody a") {
		d.t.Errorf("the provider's list is not empty: %q", d.b.Texts("#bulletins tbody tr"))
	}
	byProvider = d.draft("Phòng cháy rừng mùa khô", "phong-chay", tone(d.t, 3, 660))
	d.handIn()

	d.as(communeEditor)
	d.b.Visit(d.h.url(byEditor))
	d.refused(404)
	d.open("/bulletins/new")
	if got := d.b.Texts("[name=area] option"); !slices.Equal(got, []string{"Xã Đông"}) {
		d.t.Errorf("the commune's editor may write for %q", got)
	}
	byCommune = d.draft("Lịch tiêm phòng xã Đông", "tiem-phong", tone(d.t, 3, 880))
	d.handIn()

	d.as(editor)
	d.open(byEditor)
	d.handIn()
	if d.b.Has("#approve") {
		d.t.Error("the page offers an author to approve their own")
	}
	if status, said := d.program("POST", "/api/v1"+byEditor+"/decision", `{"to":"approved"}`); status != 403 {
		d.t.Errorf("an author approves their own: %d %s", status, said)
	}
	return byEditor, byProvider, byCommune
}

// approvals: what was handed in is played to the end, then approved.
func (d *desk) approvals(byEditor, byProvider, byCommune string) {
	d.t.Helper()
	d.as(communeApprover)
	d.b.Visit(d.h.url(byProvider))
	d.refused(404) // what waits for the department is not the commune's business
	d.approve(byCommune)
	d.as(approver)
	d.approve(byEditor)
	d.approve(byProvider)
}

// schedules: the department's and the commune's editor plan the same minute.
func (d *desk) schedules(due time.Time) (common, own string) {
	d.t.Helper()
	d.as(editor)
	common = d.plan("Phát thanh toàn tỉnh", "toan-tinh", "area tinh", due, "chuyen-doi-so", "phong-chay")
	if d.b.Has(`form[action$="/publish"]`) {
		d.t.Error("the page offers an author to publish their own")
	}
	d.as(communeEditor)
	d.open("/schedules/new")
	for _, place := range []string{"area tinh", "area tay"} {
		if d.b.Has(`[name=target][value="` + place + `"]`) {
			d.t.Errorf("the commune's editor is offered %s", place)
		}
	}
	return common, d.plan("Tin xã Đông", "tin-dong", "area dong", due, "tiem-phong")
}

// publications: approvers put the schedules on the air, and see the devices take them;
// then a change of one of them, of which its approver sees the difference.
func (d *desk) publications(common, own string) {
	d.t.Helper()
	d.as(approver)
	d.publish(common)
	d.held(2)

	d.as(communeApprover)
	d.open(own)
	if clashes := strings.Join(d.b.Texts(".clashes li"), "\n"); !strings.Contains(clashes, "Phát thanh toàn tỉnh") {
		d.t.Errorf("the commune's schedule meets the department's, and its approver is told %q", clashes)
	}
	d.publish(own)
	d.held(1)

	d.as(editor)
	d.open(common + "/edit")
	d.b.Eval(`document.querySelector('[name=until]').value = '2099-12-31'`, nil)
	d.click(`.actions button[value="save"]`)
	d.handIn()
	d.as(approver)
	d.open(common)
	if changes := d.b.Texts("#draft h3 + table:not(#difference) tbody tr"); len(changes) != 1 || !strings.Contains(changes[0], "31/12/2099") {
		d.t.Errorf("the difference to what is on the air is %q", changes)
	}
	// A later last day changes nothing of the next seven days.
	if sums := d.b.Texts("#difference tbody tr:first-child td"); len(sums) != 3 || sums[1] != sums[2] || sums[1] == "0" {
		d.t.Errorf("airings now and then are %q", sums)
	}
	d.publish(common)
	d.held(2)
	d.open(common + "/devices")
	if rows := d.b.Texts("tbody .tag.synced"); len(rows) != 2 {
		d.t.Errorf("devices that hold the schedule: %q", rows)
	}
}

// refusals: what people are not to see, or not to do, while the slot is awaited.
func (d *desk) refusals(devices map[string]string) {
	d.t.Helper()
	d.as(communeOperator)
	d.open("/devices")
	if rows := d.b.Texts("#devices tbody tr:not(.group)"); len(rows) != 1 || !strings.Contains(rows[0], "Cụm loa Tây") || !strings.Contains(rows[0], "Đang kết nối") {
		d.t.Errorf("the operator's clusters: %q", rows)
	}
	d.click("#devices tbody a")
	d.says("đã đồng bộ")
	d.b.Visit(d.h.url(devices["Cụm loa Đông"]))
	d.refused(404)
	d.b.Visit(d.h.url("/people"))
	d.refused(403)
	d.b.Visit(d.h.url("/schedules/new"))
	d.refused(403)
}

// viewing: one who may only read sees what was aired come into the log, follows one
// airing, reads the day and takes the files; an operator sees their commune's part.
func (d *desk) viewing(due time.Time) {
	d.t.Helper()
	z, err := timetable.LoadZone(zone)
	if err != nil {
		d.t.Fatal(err)
	}
	day := string(radio.DateOf(z.In(due)))
	days := url.Values{"from": {day}, "to": {day}}.Encode()
	d.as(viewer)
	for _, written := range []string{"/bulletins/new", "/schedules/new", "/people"} {
		d.b.Visit(d.h.url(written))
		d.refused(403)
	}
	d.open("/log?" + days)
	d.b.AwaitWithin(time.Until(due)+90*time.Second, "five airings in the log", `return document.querySelectorAll('#log-rows tbody .tag.aired').length === 5`)
	rows := d.b.Texts("#log-rows tbody tr")
	if words := d.b.Texts("#log-rows tbody .tag"); len(rows) != 5 || slices.ContainsFunc(words, func(w string) bool { return w != "Đã phát" }) {
		d.t.Errorf("%d rows of the log say %q", len(rows), words)
	}
	d.look()
	d.files(len(rows))
	d.click("#log-rows tbody a")
	d.says("Các lần xác nhận", "Đã phát", "giữ lô có chữ ký")
	d.open("/log/days?day=" + day)
	sums := map[string]string{"Xã Tây": "2/2", "Xã Đông": "3/3"}
	for _, row := range d.b.Texts("#log-days tbody tr") {
		for commune, sum := range sums {
			if strings.Contains(row, commune) && strings.Contains(row, sum) {
				delete(sums, commune)
			}
		}
	}
	if len(sums) > 0 {
		d.t.Errorf("the day lacks %v:\n%s", sums, d.b.Text())
	}
	d.click(`form[action="/language"] button`)
	d.says("Planned: 5", "Aired: 5")
	d.click(`form[action="/language"] button`)

	d.as(communeOperator)
	d.open("/log?" + days)
	if rows := d.b.Texts("#log-rows tbody tr"); len(rows) != 2 || !strings.Contains(rows[0], "Xã Tây") || !strings.Contains(rows[1], "Xã Tây") {
		d.t.Errorf("the operator's log: %q", rows)
	}
}

// withdrawal: a bulletin is taken back, and within a minute no device would play it.
func (d *desk) withdrawal(bulletin string) {
	d.t.Helper()
	d.as(approver)
	d.open(bulletin)
	d.says("Đã đồng bộ: 2")
	d.b.Press(`details:has([value="withdrawn"]) summary`)
	d.b.Type(`form:has([value="withdrawn"]) [name=why]`, "Số liệu đã cũ")
	d.click(`form:has([value="withdrawn"]) button`)
	d.says("Thu hồi", "Số liệu đã cũ")
	d.b.AwaitWithin(time.Minute, "devices without the bulletin", `return document.querySelector('#reach').innerText.includes('Đã đồng bộ: 2')`)
}

// draft makes a bulletin through the form and gives its page.
func (d *desk) draft(title, code string, audio []byte) string {
	d.t.Helper()
	d.open("/bulletins/new")
	d.b.Type("[name=title]", title)
	d.b.Press("#bulletin-form summary")
	d.b.Type("[name=code]", code)
	d.b.Type("#audio-file", d.file(code+".mp3", audio))
	d.b.Await("the upload", `return !document.getElementById('save').disabled && document.querySelector('input[type=hidden][name=upload]') !== null`)
	d.click("#save")
	d.says(title, "Bản nháp")
	return d.path()
}

// handIn presses the button of the draft's page, a bulletin's or a schedule's.
func (d *desk) handIn() {
	d.t.Helper()
	d.click(`form[action$="/submit"] button`)
	d.says("Chờ duyệt")
}

// approve plays a bulletin to its end in the page; before, the button is dead.
func (d *desk) approve(bulletin string) {
	d.t.Helper()
	d.open(bulletin)
	if !d.b.Has("#approve:disabled") {
		d.t.Errorf("%s may be approved unheard", bulletin)
	}
	d.b.Press(".wave") // a browser begins to play only for a person's click
	d.b.Await("the bulletin to be heard", `return document.querySelector('#approve:enabled') !== null`)
	d.b.Type("[name=key_password]", keySecret)
	d.b.Type("[name=code]", d.h.code(d.who))
	d.click("#approve")
	d.says("Đã duyệt")
}

// plan makes a schedule through the form, hands it in and gives its page.
func (d *desk) plan(title, code, place string, due time.Time, bulletins ...string) string {
	d.t.Helper()
	z, err := timetable.LoadZone(zone)
	if err != nil {
		d.t.Fatal(err)
	}
	d.open("/schedules/new")
	d.b.Type("[name=title]", title)
	d.b.Type("[name=code]", code)
	d.b.Press(`[name=target][value="` + place + `"]`)
	d.b.Type(`[name="s0.times"]`, z.In(due).Format("15:04"))
	for i, bulletin := range bulletins {
		field := fmt.Sprintf(`[name="s0.i%d.bulletin"]`, i)
		if i > 0 {
			// The end time comes by itself: a press while it does might miss the button.
			d.b.Await("the end time", `return document.querySelector('#ends-0').innerText.includes('–')`)
			d.b.Press(`[value="add-item.0"]`)
			d.b.Await("another row", `return document.querySelector('`+field+`') !== null`)
		}
		d.b.Type(field, bulletin)
	}
	d.click(`.actions button[value="save"]`)
	path := d.path()
	d.handIn()
	return path
}

// publish puts a schedule on the air; conflicts that are shown are accepted.
func (d *desk) publish(schedule string) {
	d.t.Helper()
	d.open(schedule)
	if d.b.Has("[name=accept]") {
		d.b.Press("[name=accept]")
	}
	if d.b.Has(`form[action$="/publish"] [name=code]`) { // it reaches the whole province
		d.b.Type(`form[action$="/publish"] [name=code]`, d.h.code(approver))
	}
	d.click(`form[action$="/publish"] button`)
	d.says("Đang áp dụng")
}

// held waits until the schedule's page, as it stands open, says that n devices have it.
func (d *desk) held(n int) {
	d.t.Helper()
	d.b.Await("devices that hold the schedule", fmt.Sprintf(`return document.querySelector('#holders h2').innerText.includes('%d / %d')`, n, n))
}
