package web

import (
	"context"
	"errors"
	"net/http"

	"loaxa/internal/radio"
)

// OIDC signs people in on the word of another's service (identity).
type OIDC interface {
	// Begin gives the address to send the browser to, and what it keeps meanwhile.
	Begin(ctx context.Context) (address, keep string, err error)
	Finish(ctx context.Context, back radio.OIDCReturn) (radio.SignedIn, error)
}

// oidcPath is where the service sends people back to.
const oidcPath = "/login/oidc/callback"

// OIDCRedirect is the address that the service must know, below the console's own.
func OIDCRedirect(public string) string { return public + oidcPath }

func (s *Server) oidcRoutes() []route {
	return []route{
		{pattern: "GET /login/oidc", as: s.page, do: s.oidcBegin, open: true},
		{pattern: "GET " + oidcPath, as: s.page, do: s.oidcBack, open: true},
	}
}

func (s *Server) oidcCookie() string { return s.cookieName() + "-oidc" }

// keepOIDC binds a sign-in to this browser: who is sent another's answer has no such
// cookie. Lax, because the browser comes back from another site.
func (s *Server) keepOIDC(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: s.oidcCookie(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode})
}

func (s *Server) oidcBegin(w http.ResponseWriter, r *http.Request) error {
	if s.OIDC == nil {
		return notFound("sign-in service")
	}
	address, keep, err := s.OIDC.Begin(r.Context())
	if err != nil {
		return s.oidcFailed(w, r, err)
	}
	s.keepOIDC(w, keep, 600)
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

func (s *Server) oidcBack(w http.ResponseWriter, r *http.Request) error {
	if s.OIDC == nil {
		return notFound("sign-in service")
	}
	back := radio.OIDCReturn{State: r.FormValue("state"), Code: r.FormValue("code"), Failed: r.FormValue("error"), Address: s.client(r)}
	if c, err := r.Cookie(s.oidcCookie()); err == nil {
		back.Keep = c.Value
	}
	s.keepOIDC(w, "", -1) // an answer counts once
	in, err := s.OIDC.Finish(r.Context(), back)
	switch {
	case err != nil:
		return s.oidcFailed(w, r, err)
	case in.Ticket != "":
		return s.show(w, r, http.StatusOK, "logincode.html", "Đăng nhập", loginCodeData{Ticket: in.Ticket})
	}
	s.letIn(w, in)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// oidcFailed says it above the form, where the password still opens.
func (s *Server) oidcFailed(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrUnavailable) {
		return err
	}
	a := explain(err)
	s.logError(r, a, err)
	a.announce(w.Header())
	if a.Status == http.StatusForbidden {
		a.EN = "Signing in by the sign-in service did not work: begin anew, or ask an administrator." // why stands in the log
	}
	return s.show(w, r, a.Status, "login.html", "Đăng nhập", loginData{Reason: a, OIDC: s.OIDCName})
}
