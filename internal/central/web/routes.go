package web

import (
	"context"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// routes is the table of contents: pages, then their JSON twin.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, h handler) { mux.Handle(pattern, s.page(s.signedIn(h))) }
	api := func(pattern string, h handler) { mux.Handle(pattern, s.api(s.signedIn(h))) }

	mux.Handle("GET /login", s.page(s.loginForm))
	mux.Handle("POST /login", s.page(s.login))
	page("POST /logout", s.logout)

	page("GET /{$}", s.overview)
	page("GET /bulletins", s.bulletinList)
	page("POST /bulletins", s.bulletinUpload)
	page("POST /bulletins/{id}/{version}/decision", s.bulletinDecide)
	page("GET /bulletins/{id}/{version}/audio", s.bulletinAudio)
	page("GET /schedules", s.scheduleList)
	page("GET /log", s.logPage)
	page("GET /log/{device}/{airing}", s.logHistory)

	mux.Handle("POST /api/v1/login", s.api(s.apiLogin))
	api("POST /api/v1/logout", s.apiLogout)
	api("GET /api/v1/devices", s.apiDevices)
	api("GET /api/v1/bulletins", s.apiBulletins)
	api("POST /api/v1/bulletins", s.apiUpload)
	api("POST /api/v1/bulletins/{id}/{version}/decision", s.apiDecide)
	api("GET /api/v1/schedules", s.apiSchedules)
	api("GET /api/v1/log", s.apiLog)
	api("GET /api/v1/log/{device}/{airing}", s.apiHistory)
	mux.Handle("/api/", s.api(func(http.ResponseWriter, *http.Request) error { return notFound("address") }))

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /static/{name}", s.static)
	mux.Handle("/", s.page(s.signedIn(func(http.ResponseWriter, *http.Request) error { return notFound("page") })))

	// Requests that change something must come from our own pages, or from a program
	// (no Origin and no Sec-Fetch-Site): a stranger's page cannot ride on a session.
	return s.headers(http.NewCrossOriginProtection().Handler(mux))
}

// headers are on every answer. Nothing is loaded from elsewhere, nothing runs that
// stands inside a page, and no page is framed.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !strings.HasSuffix(r.URL.Path, "/bulletins") || r.Method != http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		}
		next.ServeHTTP(w, r)
	})
}

type personKey struct{}

// who is the person of a request behind signedIn.
func who(r *http.Request) radio.Person {
	p, _ := r.Context().Value(personKey{}).(radio.Person)
	return p
}

// signedIn asks for a session before anything else is done.
func (s *Server) signedIn(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.session(r)
		if err != nil {
			return errSignIn
		}
		return h(w, r.WithContext(context.WithValue(r.Context(), personKey{}, p)))
	}
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.Healthy(r.Context()); err != nil {
		s.Logger.Warn("not ready", "error", err)
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
