package web

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestJSON holds the answers of the API to golden files, so that their shape changes
// only on purpose (-update).
func TestJSON(t *testing.T) {
	h := newHouse(t)
	row := h.log.rows[62]
	h.log.rows = h.log.rows[60:64]
	h.plan.places, h.plan.states = h.plan.places[:2], h.plan.states[:1]
	h.plan.bulletins, h.plan.schedules = h.plan.bulletins[1:3], h.plan.schedules[:1]
	for name, path := range map[string]string{
		"devices": "/api/v1/devices", "bulletins": "/api/v1/bulletins", "schedules": "/api/v1/schedules", "log": "/api/v1/log",
		"history": "/api/v1/log/" + string(row.Key.Device) + "/" + string(row.Airing), "error": "/api/v1/log?from=x&outcome=y",
	} {
		t.Run(name, func(t *testing.T) {
			w := h.ask(t, http.MethodGet, path, "")
			if kind := w.Header().Get("Content-Type"); kind != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", kind)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, w.Body.Bytes(), "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (-update writes it anew):\n%s", path, got)
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	h := newHouse(t)
	*h.plan, h.log.rows = fakePlan{}, nil
	for path, says := range map[string]string{"devices": `{"devices":[]}`, "bulletins": `{"bulletins":[]}`, "schedules": `{"schedules":[]}`,
		"log": `{"airings":[],"totals":{"planned":0,"unplanned":0,"outcomes":{}}}`} {
		w := h.ask(t, http.MethodGet, "/api/v1/"+path, "")
		want(t, w, http.StatusOK)
		if got := strings.TrimSpace(w.Body.String()); got != says {
			t.Errorf("%s: %s", path, got)
		}
	}
	want(t, h.ask(t, http.MethodGet, "/devices", ""), http.StatusOK, "loaxa import")
	want(t, h.ask(t, http.MethodGet, "/schedules", ""), http.StatusOK, "Chưa có lịch phát nào.")
	want(t, h.ask(t, http.MethodGet, "/log", ""), http.StatusOK, "Không có lượt phát nào")
}

// constants lists the constants of a type in a file of the vocabulary.
func constants(t *testing.T, file, typeName string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "radio", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == typeName {
				value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out[v.Names[0].Name] = value
			}
		}
	}
	if len(out) < 3 {
		t.Fatalf("%s: constants of %s: %v", file, typeName, out)
	}
	return out
}

// TestEverythingHasWords: a new constant of the vocabulary must get words for people.
func TestEverythingHasWords(t *testing.T) {
	for _, o := range radio.Outcomes() {
		if text, err := outcomeText(o); err != nil || text == string(o) {
			t.Errorf("outcome %s: %q, %v", o, text, err)
		}
	}
	if _, err := outcomeText("heard"); err == nil {
		t.Error("an outcome without words does not fail")
	}
	for _, c := range []struct {
		file, typeName string
		say            func(string) string
	}{
		{"airing.go", "Outcome", func(s string) string { text, _ := outcomeText(radio.Outcome(s)); return text }},
		{"airing.go", "Reason", func(s string) string { return reasonText(radio.Reason(s)) }},
		{"airing.go", "Origin", func(s string) string { return originText(radio.Origin(s)) }},
		{"bulletin.go", "BulletinState", func(s string) string { return stateText(radio.BulletinState(s)) }},
		{"bulletin.go", "Priority", func(s string) string { return priorityText(radio.Priority(s)) }},
	} {
		seen := map[string]string{}
		for name, value := range constants(t, c.file, c.typeName) {
			text := c.say(value)
			if value != "" && (text == "" || text == value) {
				t.Errorf("%s has no words", name)
			}
			if was, ok := seen[text]; ok {
				t.Errorf("%s and %s have the same words %q", name, was, text)
			}
			seen[text] = name
		}
	}
	for _, code := range []string{"cut_off", "damage", "clipping", "very_quiet", "long_silence", "quiet", "not_normalised"} {
		if warningText(code) == code {
			t.Errorf("warning %s has no words", code)
		}
	}
	if reasonText("moon_phase") != "moon_phase" {
		t.Error("a newer device's reason is hidden")
	}
}

func TestCronText(t *testing.T) {
	for rule, want := range map[string]string{
		"0 5 * * *":             "05:00 · hằng ngày",
		"30 5,17 * * 1-6":       "05:30, 17:30 · thứ Hai đến thứ Bảy",
		"0,30 6 * * 0":          "06:00, 06:30 · Chủ nhật",
		"15 17 * * 2,4":         "17:15 · thứ Ba, thứ Năm",
		"0 7 1,15 * *":          "07:00 · ngày 1, 15 hằng tháng",
		"0 7 31 * *":            "07:00 · ngày 31 hằng tháng (tháng không có ngày đó thì không phát)",
		"*/5 5 * * *":           "",
		"0 5-7 * * *":           "",
		"0 0,1,2,3,4,5,6 * * *": "",
		"0 5 1 1 *":             "",
		"0 5 * * MON":           "",
		"0 5 * * 5-9":           "",
		"0 5 1-7 * *":           "",
		"0 25 * * *":            "",
		"nonsense":              "",
	} {
		if got := vi.cron(rule); got != want {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
}

func TestForms(t *testing.T) {
	for got, want := range map[string]string{
		vi.length(7.52): "7,5 giây", vi.length(75): "1 phút 15 giây", vi.length(3599.9): "59 phút 59 giây", vi.decimal(-16): "−16,0",
		formatDay("2025-11-02"): "02/11/2025", formatDay("x"): "x", formatAt(0, time.UTC, time.RFC3339): "–", clip("ăâđê", 2): "ăâ…",
		vi.clock(radio.ClockStamp{}): "chưa rõ", vi.clock(radio.ClockStamp{State: "trusted", Source: "assumed"}): "tin cậy (GIẢ ĐỊNH, chỉ để thử)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestTemplatesUseEveryFunction: a function or an asset that no template names is dead.
func TestTemplatesUseEveryFunction(t *testing.T) {
	var all strings.Builder
	err := fs.WalkDir(assets, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := assets.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	actions := strings.Join(regexp.MustCompile(`{{.*?}}`).FindAllString(all.String(), -1), "\n")
	for name := range templateFuncs(time.UTC, nil, speech{}) {
		if !regexp.MustCompile(`[{( |]` + name + `[ })]`).MatchString(actions) {
			t.Errorf("no template uses %s", name)
		}
	}
	static, err := assets.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range static {
		if !strings.Contains(actions, `asset "`+f.Name()+`"`) {
			t.Errorf("no template uses %s", f.Name())
		}
	}
	css, err := assets.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	dynamic := map[string]bool{"mild": true}
	for _, o := range radio.Outcomes() {
		dynamic[string(o)] = true
	}
	for _, s := range []radio.BulletinState{radio.Approved, radio.Rejected, radio.Withdrawn} {
		dynamic[string(s)] = true
	}
	for _, s := range []string{"created", "changed", string(radio.DraftSubmitted), string(radio.DraftReturned), string(radio.HoldSynced), string(radio.HoldAudio),
		string(radio.HoldWaiting), string(radio.HoldNever), string(radio.HoldCentre)} {
		dynamic[s] = true
	}
	for _, m := range regexp.MustCompile(`\.([a-z]+)[ .:,{\[]`).FindAllStringSubmatch(string(css), -1) {
		if class := m[1]; !dynamic[class] && !regexp.MustCompile(`class="[^"]*\b`+class+`\b`).MatchString(all.String()) {
			t.Errorf("no template uses the class %s", class)
		}
	}
}

// TestEveryTemplateIsShown: a template that no page uses is dead.
func TestEveryTemplateIsShown(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`s\.show\(.*"([a-z_]+\.html)"`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
		}
	}
	h := newHouse(t)
	for name := range h.pages.templates[vietnamese] {
		if !used[name] {
			t.Errorf("no handler shows %s", name)
		}
		delete(used, name)
	}
	if len(used) != 0 {
		t.Errorf("no template for %v", used)
	}
}

// TestHostileWords: whatever people and devices write is shown, and never runs.
func TestHostileWords(t *testing.T) {
	const evil = `<script>alert("x")</script><img src=x onerror=alert(1)>'"`
	h := newHouse(t)
	for i := range h.plan.bulletins {
		b := &h.plan.bulletins[i]
		b.Title, b.Author, b.Unit, b.Code, b.DecidedWhy, b.Warnings = evil, evil, evil, evil, evil, []string{evil}
	}
	for i := range h.plan.schedules {
		h.plan.schedules[i].Title = evil
		h.plan.schedules[i].Slots[0].Code, h.plan.schedules[i].Slots[0].Cron = evil, evil
	}
	h.plan.campaigns[0].Title = evil
	for i := range h.plan.places {
		h.plan.places[i].Device.Name, h.plan.places[i].Device.Code = evil, evil
		for j := range h.plan.places[i].Chain {
			h.plan.places[i].Chain[j].Name = evil
		}
	}
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range h.plan.states {
		h.plan.states[i].Reported = regexp.MustCompile(`("(?:title|text|error|driver|version|policy_label|state|source|code|excluded)":)"[^"]*"`).ReplaceAll(h.plan.states[i].Reported, []byte("${1}"+strings.ReplaceAll(string(text), "$", "$$")))
	}
	row := &h.log.rows[62]
	for i := range h.log.rows {
		a := &h.log.rows[i]
		a.Title, a.DeviceName, a.DeviceCode, a.CommuneName, a.HamletName, a.ScheduleTitle, a.Author, a.Unit, a.Reason, a.Origin = evil, evil, evil, evil, evil, evil, evil, evil, evil, evil
	}
	h.log.words[row.Airing][1].Proof, h.log.words[row.Airing][1].Reason, h.log.words[row.Airing][1].From = evil, evil, evil
	for _, path := range []string{"/", "/bulletins", "/schedules", "/schedules/" + string(h.plan.schedules[0].ID), "/schedules/" + string(h.plan.schedules[0].ID) + "/edit", "/schedules/new", "/log", "/log?campaign=" + string(h.plan.campaigns[0].ID), "/log/" + string(row.Key.Device) + "/" + string(row.Airing),
		"/log?outcome=" + "%3Cscript%3E", "/%3Cscript%3E", "/?commune=%22%3E%3Cscript%3E", "/bulletins?page=%22%3E%3Cscript%3E&x=%22%3E%3Cscript%3E"} {
		w := h.ask(t, http.MethodGet, path, "")
		if w.Code >= 500 {
			t.Errorf("%s: %d", path, w.Code)
		}
		page := w.Body.String()
		if strings.Count(page, "<script") != strings.Count(page, `<script src="/static/`) || strings.Contains(page, "<img src=x") || strings.Contains(page, `"x")`) {
			t.Errorf("%s: not escaped:\n%s", path, page)
		}
		if w.Code == http.StatusOK && !strings.Contains(path, "?") && !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s: the words are not shown", path)
		}
	}
}

// TestPagesAreLight: a page with its assets stays under 100 kB, on a phone's data plan.
func TestPagesAreLight(t *testing.T) {
	h := newHouse(t)
	var static int
	for _, b := range h.pages.assets {
		static += len(b)
	}
	for n := range 200 {
		p := place(200+n, "Xã Kỳ Anh", "Thôn Đông Tiến", "Cụm loa nhà văn hóa thôn Đông Tiến")
		h.plan.places = append(h.plan.places, p)
		h.plan.states = append(h.plan.states, deviceReport(p.Device, 1))
		b := h.plan.bulletins[2]
		b.ID = id[radio.BulletinID]('b', 500+n)
		h.plan.bulletins = append(h.plan.bulletins, b)
	}
	for _, path := range []string{"/", "/bulletins", "/schedules", "/schedules/" + string(h.plan.schedules[0].ID), "/schedules/new", "/log?from="} {
		w := h.ask(t, http.MethodGet, path, "")
		want(t, w, http.StatusOK)
		if n := w.Body.Len() + static; n > 100_000 {
			t.Errorf("%s: %d bytes", path, n)
		}
	}
}

func TestStatic(t *testing.T) {
	h := newHouse(t)
	for name := range h.pages.assets {
		w := h.ask(t, http.MethodGet, "/static/"+name, "", stranger)
		want(t, w, http.StatusOK)
		if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	want(t, h.ask(t, http.MethodGet, "/static/style.css", "", stranger), http.StatusNotFound)
	want(t, h.ask(t, http.MethodGet, "/static/..%2fweb.go", "", stranger), http.StatusNotFound)
}

func TestNewRefusesAnUnknownZone(t *testing.T) {
	if _, err := New(Deps{Zone: "Asia/Ha_Tinh"}); err == nil {
		t.Error("taken")
	}
}
