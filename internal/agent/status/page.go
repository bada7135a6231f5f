package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"loaxa/internal/radio"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// Page is the page for the local network, in Vietnamese. It needs no script and
// refreshes itself. It shows; what a person can do there stands on forms of their own,
// behind the PIN.
type Page struct {
	listen string
	build  func(context.Context) radio.Status
	log    *slog.Logger

	forms  map[string]form // by path
	origin *http.CrossOriginProtection
	page   *template.Template
	csp    string
	slots  chan struct{}

	controls *controls // nil: nobody can do anything about the sound
}

// NewPage parses the page.
func NewPage(listen string, build func(context.Context) radio.Status, log *slog.Logger) (*Page, error) {
	p := &Page{listen: listen, build: build, log: log, slots: make(chan struct{}, maxClients),
		forms: map[string]form{}, origin: http.NewCrossOriginProtection()}
	var err error
	p.page, err = template.New("page").Funcs(template.FuncMap{
		"length": length, "size": size, "ending": ending,
		"rules":     ruleLines,
		"clockLine": clockLine, "alarming": alarming, "up": upFor,
		"fault":    func(code string) string { return vi(code) },
		"priority": viPriority, "output": outputLine, "role": func(r radio.EmergencyRole) string { return vi(r) },
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("parse the status page: %w", err)
	}
	sum := sha256.Sum256([]byte(pageStyle))
	p.csp = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return p, nil
}

// Run serves until ctx ends.
func (p *Page) Run(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.listen)
	if err != nil {
		return fmt.Errorf("open the local page: %w", err)
	}
	p.log.Info("local page", "address", "http://"+l.Addr().String()+"/")
	return p.serve(ctx, l)
}

func (p *Page) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: p, ReadHeaderTimeout: answerWithin, ReadTimeout: answerWithin,
		WriteTimeout: 2 * answerWithin, IdleTimeout: answerWithin, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)}
	server.SetKeepAlivesEnabled(false) // few clients, little memory
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the local page: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := server.Shutdown(last)
	if err != nil {
		err = errors.Join(err, server.Close())
		p.log.Warn("local page ended with an open request", "error", err)
	}
	<-ended
	return nil
}

// view is what the template is fed with.
type view struct {
	radio.Status
	Style template.CSS
	times times
	// ClockForm: the clock can be set by hand; Control: there is a page for people with
	// the PIN.
	ClockForm, Control bool
}

// Running lists the alerts that sound or are between two cycles.
func (v view) Running() (list []radio.AlertStatus) {
	for _, a := range v.Alerts {
		if a.Running {
			list = append(list, a)
		}
	}
	return list
}

// Time and the others are for the template: instants in the device's zone.
func (v view) Time(m radio.Millis) string { return v.times.clock(m) }

// Now is the moment the page shows.
func (v view) Now() string { return v.times.full(v.At) + " (" + v.times.Name + ")" }

// LinkText tells of the connection.
func (v view) LinkText() string { return linkLine(v.Link, v.times) }

// remark is a short text, in red when a person has to see to it.
type remark struct {
	Text string
	Bad  bool
}

// Readiness of a coming airing.
func (v view) Readiness(n radio.NextAiring) remark {
	text, bad := readiness(v.Status, n)
	return remark{text, bad}
}

// Stored tells how much of an audio is there.
func (v view) Stored(a radio.AudioStatus) remark {
	text, bad := audioLine(v.Status, a)
	return remark{text, bad}
}

// Title of a confirmation.
func (v view) Title(c radio.Confirmation) string { return titleOf(v.Status, c) }

// ServeHTTP shows the page, a form, or what Control offers. Nothing can be changed but
// through these.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: with that a browser also hides the origin of its own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	f := p.forms[r.URL.Path]
	control := p.controls != nil && (r.URL.Path == controlPath || strings.HasPrefix(r.URL.Path, controlPath+"/"))
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && !control && (f == nil || r.Method != http.MethodPost):
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "chỉ xem / read only", http.StatusMethodNotAllowed)
		return
	case !localHost(r.Host):
		http.Error(w, "tên máy không đúng / wrong host", http.StatusMisdirectedRequest)
		return
	case f == nil && r.URL.Path != "/" && !control:
		http.NotFound(w, r)
		return
	case p.origin.Check(r) != nil:
		http.Error(w, "yêu cầu từ trang khác / from another site", http.StatusForbidden)
		return
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		h.Set("Retry-After", "5")
		http.Error(w, "đang bận / busy", http.StatusServiceUnavailable)
		return
	}
	if control {
		p.serveControl(w, r)
		return
	}
	if f != nil {
		f.serve(w, r)
		return
	}
	s := p.build(r.Context())
	var page bytes.Buffer
	v := view{Status: s, Style: template.CSS(pageStyle), ClockForm: p.forms["/clock"] != nil, Control: p.controls != nil, times: timesOf(s.Zone)}
	if err := p.page.Execute(&page, v); err != nil {
		p.log.Error("local page", "error", err)
		http.Error(w, "lỗi / error", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	if _, err := w.Write(page.Bytes()); err != nil {
		p.log.Debug("local page not taken", "error", err)
	}
}

// localHost refuses names a stranger's DNS can point at us (DNS rebinding): only
// addresses, localhost, and names that no public DNS gives out pass.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return true
	}
	return host == "localhost" || host != "" && !strings.Contains(host, ".") ||
		strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".lan") || strings.HasSuffix(host, ".home.arpa")
}
