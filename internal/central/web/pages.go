package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// view is what every template gets: Data is the struct of that page, never a map.
type view struct {
	Title   string
	Section string // first part of the address, for the menu
	Here    string // the address itself, to come back to
	Person  radio.Person
	Menu    []menuEntry
	Seen    int64    // the newest change when the page was begun
	Unused  []string // keys of the address that the page left out
	Data    any
}

// menuEntry is one way of the menu, shown to those who have the right somewhere.
type menuEntry struct {
	Section, Title string
	may            radio.Action
}

var menu = []menuEntry{
	{"", "Tổng quan", radio.ReadDevices},
	{"bulletins", "Bản tin", radio.ReadBulletins},
	{"schedules", "Lịch phát", radio.ReadSchedules},
	{"offers", "Cấp trên gửi", radio.DecideOffers},
	{"timeline", "Tuần của xã", radio.ReadSchedules},
	{"campaigns", "Đợt tuyên truyền", radio.ReadCampaigns},
	{"devices", "Cụm loa", radio.ReadDevices},
	{"alerts", "Khẩn cấp", radio.ReadAlerts},
	{"log", "Nhật ký", radio.ReadLog},
	{"people", "Tài khoản", radio.ReadPeople},
}

func menuOf(p radio.Person) []menuEntry {
	var out []menuEntry
	for _, m := range menu {
		if p.ID != "" && p.MaySomewhere(m.may) {
			out = append(out, m)
		}
	}
	return out
}

// pages holds the parsed templates, by language and name, and the assets under their
// hashed names.
type pages struct {
	templates map[language]map[string]*template.Template
	speech    map[language]speech
	assets    map[string][]byte
}

// parsed holds the pages by zone, the only thing they hang on.
var parsed sync.Map

// pagesFor gives the pages of a zone, which are parsed once.
func pagesFor(zone *time.Location) (pages, error) {
	once, _ := parsed.LoadOrStore(zone.String(), sync.OnceValues(func() (pages, error) { return parsePages(zone) }))
	return once.(func() (pages, error))()
}

// parsePages reads every template with the layout; one that is broken stops the
// start, not a reader.
func parsePages(zone *time.Location) (pages, error) {
	p := pages{templates: map[language]map[string]*template.Template{}, speech: map[language]speech{}, assets: map[string][]byte{}}
	links := map[string]string{}
	static, err := fs.Glob(assets, "static/*")
	if err != nil {
		return p, err
	}
	for _, name := range static {
		b, err := assets.ReadFile(name)
		if err != nil {
			return p, err
		}
		sum := sha256.Sum256(b)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(path.Base(name), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		p.assets[hashed] = b
		links[path.Base(name)] = "/static/" + hashed
	}
	english, err := readWords(assets)
	if err != nil {
		return p, err
	}
	names, err := fs.Glob(assets, "templates/*.html")
	if err != nil {
		return p, err
	}
	for _, l := range languages {
		p.speech[l] = speech{language: l, english: english}
		p.templates[l] = map[string]*template.Template{}
	}
	layout, err := template.New("layout.html").Funcs(templateFuncs(zone, links, p.speech[languages[0]])).ParseFS(assets, "templates/layout.html")
	if err != nil {
		return p, fmt.Errorf("template layout.html: %w", err)
	}
	for _, name := range names {
		base := path.Base(name)
		if base == "layout.html" {
			continue
		}
		t, err := layout.Clone()
		if err == nil {
			t, err = t.New(base).ParseFS(assets, name)
		}
		if err != nil {
			return p, fmt.Errorf("template %s: %w", base, err)
		}
		// Each language has its own functions under the same names.
		for _, l := range languages {
			if p.templates[l][base], err = t.Clone(); err != nil {
				return p, fmt.Errorf("template %s: %w", base, err)
			}
			p.templates[l][base].Funcs(templateFuncs(zone, links, p.speech[l]))
		}
	}
	return p, nil
}

// templateFuncs are the words and forms in which templates show values.
func templateFuncs(zone *time.Location, links map[string]string, sp speech) template.FuncMap {
	return template.FuncMap{
		"asset": func(name string) (string, error) {
			if l, ok := links[name]; ok {
				return l, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"t":        sp.say,
		"lang":     func() string { return string(sp.language) },
		"english":  func() bool { return sp.language == english },
		"at":       func(m radio.Millis) string { return formatAt(m, zone, "15:04:05 02/01/2006") },
		"exact":    func(m radio.Millis) string { return formatExact(m, zone) },
		"clock":    func(m radio.Millis) string { return formatAt(m, zone, "15:04:05") },
		"day":      formatDay,
		"length":   sp.length,
		"samples":  func(n int64) string { return sp.length(float64(n) / radio.SampleRate) },
		"decimal":  sp.decimal,
		"megabyte": func(n int64) string { return strconv.FormatInt(n/1e6, 10) + " MB" },
		"outcome": func(o radio.Outcome) (string, error) {
			text, err := outcomeText(o)
			return sp.say(text), err
		},
		"choice":     sp.choice,
		"trust":      sp.clockState,
		"reason":     func(v radio.Reason) string { return sp.say(reasonText(v)) },
		"silent":     func(v radio.Reason) string { return sp.say(receiptReasonText(v)) },
		"veto":       func(v radio.Veto) string { return sp.say(vetoText(v)) },
		"state":      func(v radio.BulletinState) string { return sp.say(stateText(v)) },
		"priority":   func(v radio.Priority) string { return sp.say(priorityText(v)) },
		"origin":     func(v radio.Origin) string { return sp.say(originText(v)) },
		"speaker":    func(v string) string { return sp.say(speakerText(v)) },
		"proof":      func(v string) string { return sp.say(proofText(v)) },
		"trouble":    sp.trouble,
		"sounds":     sp.sounds,
		"cause":      func(f radio.Fault) string { return sp.cause(f, zone) },
		"document":   func(v string) string { return sp.say(documentText(v)) },
		"dispute":    func(v string) string { return sp.say(journalText(v)) },
		"waiting":    sp.waiting,
		"size":       size,
		"minute":     func(m radio.Millis) string { return formatAt(m, zone, "15:04 02/01/2006") },
		"fault":      func(v string) string { return sp.say(faultText(v)) },
		"field":      func(v string) string { return sp.say(fieldText(v)) },
		"output":     func(v string) string { return sp.say(outputText(v)) },
		"clocks":     sp.clock,
		"alarming":   alarming,
		"legal":      func(f radio.Field) string { return sp.say(legalFieldText(f)) },
		"cron":       sp.cron,
		"when":       sp.when,
		"add":        func(a, b int) int { return a + b },
		"less":       func(a, b int) int { return a - b },
		"formats":    func() []string { return []string{"xlsx", "csv", "yaml"} },
		"weekdays":   sp.weekdayChoices,
		"name":       func(v radio.ScheduleView, actor string) string { return cmp.Or(v.Names[radio.UserID(actor)], actor) },
		"schedule":   func(v radio.ScheduleState) string { return sp.say(scheduleStateText(v)) },
		"draft":      func(v radio.DraftState) string { return sp.say(draftStateText(v)) },
		"hold":       func(v radio.HoldState) string { return sp.say(holdText(v)) },
		"deskact":    func(v string) string { return sp.say(deskActText(v)) },
		"zone":       zone.String,
		"facts":      func(e radio.AuditEntry) string { return sp.facts(e, zone, nil) },
		"command":    func(v radio.CommandKind) string { return sp.say(commandText(v)) },
		"does":       func(v radio.CommandKind) string { return sp.say(commandNote(v)) },
		"came":       func(v radio.ReceiptState) string { return sp.say(receiptText(v)) },
		"tagof":      receiptTag,
		"whynot":     func(v radio.Reason) string { return sp.say(orderReason(v)) },
		"gain":       sp.gain,
		"act":        func(v radio.AirAct) string { return sp.say(actText(v)) },
		"count":      sp.count,
		"offer":      func(v radio.OfferState) string { return sp.say(offerText(v)) },
		"decided":    func(v radio.DecisionKind) string { return sp.say(decisionWord(v)) },
		"submission": func(v radio.SubmissionState) string { return sp.say(submissionText(v)) },
		"timeline":   func(v radio.TimelineKind) string { return sp.say(timelineText(v)) },
		"handed":     func(v radio.SubmissionAct) string { return sp.say(submissionActText(v)) },
		"place":      func(kind string) string { return sp.say(placeText(kind)) },
		"dayslist":   sp.dayList,
		"why":        whyPath,
		"chain":      func(v radio.ChainKind) string { return sp.say(chainText(v)) },
		"verdict":    func(v radio.ChainVerdict) string { return sp.say(verdictText(v)) },
		"rowname":    func(v string) string { return sp.say(rowText(v)) },
		"signtag":    signTag,

		"verdicttag": verdictTag,
		"role":       func(v radio.Role) string { return sp.say(roleText(v)) },
	}
}

// show writes a whole page or none: a template that fails half-way is an error.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) error {
	l := languageOf(r)
	t, ok := s.pages.templates[l][name]
	if !ok {
		return fmt.Errorf("no template %s", name)
	}
	section, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, "layout", view{
		Title: s.pages.speech[l].say(title), Section: section, Here: s.here(r), Person: who(r), Menu: menuOf(who(r)), Seen: madeAt(r), Unused: unused(r), Data: data,
	}); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return send(w, status, "text/html; charset=utf-8", buf.Bytes())
}

// here is the address of the page that is shown. A page that answers a form stands at an
// address that only takes forms; its reader comes back to the nearest one above it.
func (s *Server) here(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	for p := r.URL.Path; len(p) > 1; p = path.Dir(p) {
		if _, pattern := s.mux.Handler(&http.Request{Method: http.MethodGet, Host: r.Host, URL: &url.URL{Path: p}}); strings.Contains(pattern, " ") {
			return (&url.URL{Path: p}).EscapedPath()
		}
	}
	return "/"
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	b, ok := s.pages.assets[name]
	if !ok {
		return notFound("asset")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	return nil
}

// pager is the part of a list that one page shows, and the ways to the others.
type pager struct {
	From, To, Total int    // rows From to To of Total, from 1
	Previous, Next  string // addresses, "" where there is none
}

// pageNumber says whether a page can be called so.
func pageNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n > 0
}

// part cuts one page of size rows out of all. A page beyond the end is the last one.
func part[T any](r *http.Request, all []T, size int) ([]T, pager) {
	last := max((len(all)+size-1)/size, 1)
	n, err := strconv.Atoi(r.FormValue("page"))
	if err != nil {
		n = 1
	}
	n = min(max(n, 1), last)
	link := func(to int) string {
		if to < 1 || to > last {
			return ""
		}
		q := url.Values{}
		for k, v := range r.URL.Query() {
			if v[0] != "" {
				q.Set(k, v[0])
			}
		}
		q.Set("page", strconv.Itoa(to))
		return r.URL.Path + "?" + q.Encode()
	}
	first, end := (n-1)*size, min(n*size, len(all))
	return all[first:end], pager{From: min(first+1, len(all)), To: end, Total: len(all), Previous: link(n - 1), Next: link(n + 1)}
}
