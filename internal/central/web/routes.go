package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// route is one line of the table of contents. It needs a session unless it says open,
// then the right may: anywhere, or where the thing stands that its address names (of).
// It takes a small body unless it says how large.
type route struct {
	pattern string
	as      func(handler) http.Handler // page or api
	do      handler
	open    bool
	may     radio.Action
	of      areaOf
	program bool // API tokens may, too, where the right is Self
	person  bool // API tokens may not, whatever the right
	body    int64
	// doc tells programs what goes in and comes out (OpenAPI).
	doc doc
}

// doc describes one route of the API: In and Out are zero values of the JSON's types,
// Query the keys its address may hold.
type doc struct {
	Summary string
	In, Out any
	Query   []string
	// Status of success; 200 when it is not said.
	Status int
	// Kind is the content type of an answer that is not JSON, Takes of a request that is not.
	Kind, Takes string
	// Parts are those of a multipart request; the last one is the file.
	Parts []string
}

// maxBody bounds the body of a request whose route does not say otherwise.
const maxBody = 1 << 20

// table is the table of contents: pages with their JSON twin, a group for each thing.
func (s *Server) table() []route {
	return slices.Concat(
		s.sessionRoutes(),
		s.overviewRoutes(),
		s.bulletinRoutes(),
		s.scheduleRoutes(),
		s.rulesRoutes(),
		s.weekRoutes(),
		s.rehearsalRoutes(),
		s.offerRoutes(),
		s.submissionRoutes(),
		s.timelineRoutes(),
		s.whyRoutes(),
		s.campaignRoutes(),
		s.alertRoutes(),
		s.commandRoutes(),
		s.setupRoutes(), s.identityRoutes(), s.areaRoutes(),
		s.logRoutes(),
		s.monthRoutes(),
		s.peopleRoutes(),
		s.accountRoutes(),
		s.passkeyRoutes(),
		s.secondRoutes(),
		s.oidcRoutes(),
		s.auditRoutes(),
		s.houseRoutes(),
	)
}

// houseRoutes are what needs no person, and what is nowhere.
func (s *Server) houseRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "POST /language", as: page, do: s.setLanguage, open: true},
		{pattern: "GET /events", as: page, do: s.events, may: radio.Self},
		{pattern: "GET /api/v1/openapi.json", as: api, do: s.openAPI, open: true, doc: doc{Summary: "This description", Kind: "application/json"}},
		{pattern: "GET /metrics", as: api, do: s.metrics, may: radio.ReadDevices},
		{pattern: "GET /healthz", as: api, do: s.alive, open: true},
		{pattern: "GET /readyz", as: api, do: s.ready, open: true},
		{pattern: "GET /static/{name}", as: page, do: s.static, open: true},
		{pattern: "/api/", as: api, do: nowhere, may: radio.Self, program: true},
		{pattern: "/", as: page, do: nowhere, may: radio.Self},
	}
}

func (s *Server) routes() http.Handler { return s.routesOf(s.table()) }

func (s *Server) routesOf(table []route) http.Handler {
	mux := http.NewServeMux()
	s.mux = mux
	for _, r := range table {
		h := r.as(r.do)
		if !r.open {
			h = s.signedIn(r)
		}
		if strings.HasPrefix(r.pattern, "/") {
			h = otherMethods(mux, r.as, h)
		}
		mux.Handle(r.pattern, s.measured(r.pattern, bounded(cmp.Or(r.body, maxBody), h)))
	}
	// Requests that change something must come from our own pages, or from a program
	// (no Origin and no Sec-Fetch-Site): a stranger's page cannot ride on a session.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(s.deny))
	guarded := guard.Handler(mux)
	return s.headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(radio.WithSource(r.Context(), s.from(r)))
		if _, ok := bearer(r); ok {
			// No browser adds a token by itself, and with one the cookie is not looked at.
			mux.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	}))
}

// headers are on every answer. Nothing is loaded from elsewhere, nothing runs that
// stands inside a page, and no page is framed.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797: a year
		}
		next.ServeHTTP(w, r)
	})
}

// bounded limits a request's body in size, and in time: one that trickles in must not
// hold a connection for ever. 32 KB/s is what a poor uplink still manages.
func bounded(limit int64, next http.Handler) http.Handler {
	patience := 30*time.Second + time.Duration(limit/(32<<10))*time.Second
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			// A connection that knows no deadline (ErrNotSupported) is bounded in size only.
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
				http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// deny answers a request that a stranger's page made.
func (s *Server) deny(w http.ResponseWriter, r *http.Request) {
	as := s.page
	if strings.HasPrefix(r.URL.Path, "/api/") {
		as = s.api
	}
	as(failing(told{fmt.Errorf("%w: the request comes from another site", radio.ErrForbidden), "Yêu cầu đến từ một trang web khác nên không được nhận."})).ServeHTTP(w, r)
}

type personKey struct{}

// who is the person of a request behind signedIn.
func who(r *http.Request) radio.Person {
	p, _ := r.Context().Value(personKey{}).(radio.Person)
	return p
}

// signedIn asks for a session, then for the route's right, before anything else is
// done. The answers behind it, refusals too, know the person.
func (s *Server) signedIn(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.session(r)
		switch {
		case err == nil:
			ctx := context.WithValue(s.withSeen(r.Context()), personKey{}, p)
			if p.TokenID != "" {
				from := radio.SourceOf(ctx)
				from.Token = p.TokenID
				ctx = radio.WithSource(ctx, from)
			}
			r = r.WithContext(ctx)
			if err := admit(route, r); err != nil {
				route.as(failing(err)).ServeHTTP(w, r)
				return
			}
			route.as(route.do).ServeHTTP(w, r)
		case errors.Is(err, radio.ErrNotFound), errors.Is(err, radio.ErrForbidden):
			if _, ok := bearer(r); ok {
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 §3
			}
			route.as(failing(errSignIn)).ServeHTTP(w, r)
		default:
			route.as(failing(err)).ServeHTTP(w, r)
		}
	})
}

func failing(err error) handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func nowhere(_ http.ResponseWriter, r *http.Request) error { return notFound("address " + r.URL.Path) }

func (s *Server) alive(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := s.Healthy(r.Context()); err != nil {
		s.Logger.Warn("not ready", "error", err)
		return fmt.Errorf("%w: the centre is not ready", radio.ErrUnavailable)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
