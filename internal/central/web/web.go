// Package web shows the centre to people: Vietnamese pages for a phone and their
// JSON twin under /api/v1. It receives what people send, hands uploads and decisions
// to library, and shows what store and report hand back. It decides no rules.
package web

import (
	"context"
	"embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
)

//go:embed templates static words
var assets embed.FS

// People logs persons in and out (identity).
type People interface {
	Login(ctx context.Context, try radio.SignIn) (radio.SignedIn, error)
	Session(ctx context.Context, token string) (radio.Person, error)
	Logout(ctx context.Context, token string) error
	// SignInCode is the second step of a sign-in that Login has answered with a ticket.
	SignInCode(ctx context.Context, ticket, code string) (radio.SignedIn, error)
	// TokenPerson is for whom an API token speaks, as far as it reaches.
	TokenPerson(ctx context.Context, token string) (radio.Person, error)
}

// Plan reads what people laid down and what devices say of themselves (store).
type Plan interface {
	Bulletins(ctx context.Context) ([]radio.Bulletin, error)
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	CurrentSchedules(ctx context.Context) ([]radio.Schedule, error)
	// CurrentBulletins lists what would be on the air, whether anybody's signature holds
	// for it or not.
	CurrentBulletins(ctx context.Context) ([]radio.Bulletin, error)
	Campaigns(ctx context.Context) ([]radio.Campaign, error)
	Areas(ctx context.Context) ([]radio.Area, error)
	Places(ctx context.Context) ([]radio.Place, error)
}

// Audio opens a rendition to listen to (library).
type Audio interface {
	Open(h radio.SHA256) (file io.ReadSeekCloser, size int64, err error)
}

// Deps is everything the pages need.
type Deps struct {
	People People
	Desk   Desk
	// Shelf reads bulletins, Uploads takes files in pieces.
	Shelf   Shelf
	Uploads Uploads
	Plan    Plan
	// Campaigns keeps campaigns.
	Campaigns Campaigns
	Log       Log
	Files     LogFiles
	// Trail tells who answers for what sounded, AuditFiles makes files of the audit.
	Trail      Trail
	AuditFiles AuditFiles
	Audio      Audio
	// Months closes months of the log, Evidence is what it is checked with.
	Months   Months
	Evidence Evidence
	// Fleet, Faults and Clusters are for the pages of clusters and the first one.
	Fleet    Fleet
	Faults   Faults
	Clusters Clusters
	// Orders and OrderBook are for what people order devices.
	Orders    Orders
	OrderBook OrderBook
	// Offers is where communes answer what comes from above.
	Offers Offers
	// Timelines tells a commune's days as one list.
	Timelines Timelines
	// Submissions is where communes hand bulletins up.
	Submissions Submissions
	// Setups and Staggers are for how clusters' sound is shifted.
	Setups   Setups
	Staggers Staggers
	// Rules is the desk of the operating rules.
	Rules Rules
	// AreaDesk and AreaFiles are for how areas change.
	AreaDesk  AreaDesk
	AreaFiles AreaFiles
	// Preview tells what would sound.
	Preview Preview
	// Rehearsals counts it, and what devices must download for it.
	Rehearsals Rehearsals
	// Why explains what sounded, what will, and what is wrong with a cluster.
	Why Explainer
	// The people, and what each does with the own account.
	Staff    Staff
	Office   Office
	Accounts Accounts
	Tokens   Tokens
	Passkeys Passkeys
	// Second is each person's own second factor, SecondOffice takes another's away.
	Second       Second
	SecondOffice SecondOffice
	// OIDC is the service that people may sign in with, nil for none; OIDCName is what they
	// call it.
	OIDC     OIDC
	OIDCName string
	// Schedules, ScheduleDesk and ScheduleFiles are three sides of one desk.
	Schedules     ScheduleBook
	ScheduleDesk  ScheduleDesk
	ScheduleFiles ScheduleFiles
	// Alerts, Signing and AlertBoards are three sides of one desk; Contacts is whom to call
	// where loudspeakers are silent.
	Alerts      AlertDrafts
	Signing     AlertSigning
	AlertBoards AlertBoards
	Contacts    Contacts
	// Healthy says whether the centre can do its work now.
	Healthy func(ctx context.Context) error
	// Live tells open pages what changed.
	Live *Live
	// Metrics answers what a monitor asks, in Prometheus' text format.
	Metrics http.Handler
	// Observe is told of every request: the pattern of its route, the status of its
	// answer and how long that took.
	Observe func(pattern string, status int, took time.Duration)
	// Zone is the IANA name of the civil time that pages show.
	Zone string
	Now  func() time.Time
	// Public is the address of the console for everybody, "" when nothing says it.
	Public string
	// Proxies are those whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// Secure is true behind HTTPS: cookies are then never sent in clear.
	Secure bool
	Logger *slog.Logger
}

// Server answers people's requests.
type Server struct {
	Deps
	zone    *time.Location
	pages   pages
	handler http.Handler
	mux     *http.ServeMux
	areas   areaCache
	pace    pace // of downloads
	// description makes the JSON of the OpenAPI document when it is first asked for: few
	// ask, and it costs more than all other pages together.
	description func() ([]byte, error)
}

// New parses the templates and builds the table of routes.
func New(d Deps) (*Server, error) {
	zone, err := time.LoadLocation(d.Zone)
	if err != nil {
		return nil, fmt.Errorf("web: zone %q: %w", d.Zone, err)
	}
	s := &Server{Deps: d, zone: zone, pace: filePace}
	if s.pages, err = pagesFor(zone); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for _, r := range s.table() {
		if !r.open && !slices.Contains(radio.Actions(), r.may) {
			return nil, fmt.Errorf("web: route %s names no right", r.pattern)
		}
	}
	s.description = sync.OnceValues(func() ([]byte, error) {
		d, err := s.describe()
		if err != nil {
			return nil, err
		}
		return d.MarshalJSON()
	})
	s.handler = s.routes()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
