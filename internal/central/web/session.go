package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// cookieName: the __Host- prefix (RFC 6265bis §4.1.3.2) binds the cookie to this
// host and to HTTPS; without HTTPS, on loopback only, the plain name is used.
func (s *Server) cookieName() string {
	if s.Secure {
		return "__Host-loaxa"
	}
	return "loaxa"
}

// bearer is the API token of a request (RFC 6750 §2.1). Only the API and the monitor's
// page take one; people's pages know sessions only.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(r.URL.Path, "/api/v1/") && r.URL.Path != "/metrics" {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// session is who asks: by a token, else by the cookie of a session.
func (s *Server) session(r *http.Request) (radio.Person, error) {
	if token, ok := bearer(r); ok {
		return s.People.TokenPerson(r.Context(), token)
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return radio.Person{}, fmt.Errorf("session: %w", radio.ErrNotFound)
	}
	return s.People.Session(r.Context(), c.Value)
}

func (s *Server) setCookie(w http.ResponseWriter, token string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// sessionSeconds is the cookie's life; the centre ends the session on its own clock.
const sessionSeconds = 12 * 3600

type loginData struct {
	Login  string
	Reason answer
	OIDC   string // what people call the service to sign in with, "" for none
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, "login.html", "Đăng nhập", loginData{OIDC: s.OIDCName})
}

// deviceDays is how long a device stays known, from the last time somebody signed in.
// RFC 6265bis §5.5 lets no cookie live longer.
const deviceDays = 400

// deviceCookie is the cookie by which a device is known for one login: several people may
// share a computer.
func (s *Server) deviceCookie(login string) string {
	sum := sha256.Sum256([]byte(login))
	return s.cookieName() + "-" + hex.EncodeToString(sum[:6])
}

func (s *Server) device(r *http.Request, login string) string {
	c, err := r.Cookie(s.deviceCookie(login))
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Server) setDevice(w http.ResponseWriter, login, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.deviceCookie(login), Value: value, Path: "/", MaxAge: deviceDays * 24 * 3600,
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// signIn opens a session. What cannot be a login or a password is not asked for: it
// would only fill the memory of failures.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, login, password, code string) (radio.SignedIn, error) {
	in, err := radio.SignedIn{}, fmt.Errorf("%w: wrong login or password", radio.ErrForbidden)
	if radio.ValidCode(login) && len(password) <= 200 {
		in, err = s.People.Login(r.Context(), radio.SignIn{Login: login, Password: password, Address: s.client(r), Device: s.device(r, login), Code: code})
	}
	if errors.Is(err, radio.ErrForbidden) {
		err = told{err, "Sai tên đăng nhập hoặc mật khẩu."}
	}
	if err == nil && in.Ticket == "" {
		s.letIn(w, in)
	}
	return in, err
}

// letIn gives the browser what it is known by from now on.
func (s *Server) letIn(w http.ResponseWriter, in radio.SignedIn) {
	s.setCookie(w, in.Session, sessionSeconds)
	s.setDevice(w, in.Person.Login, in.Device)
}

// loginCodeData is the form of the second step.
type loginCodeData struct {
	Ticket string
	Reason answer
}

// loginCode is the second step of a sign-in. Who took too long gives the password again.
func (s *Server) loginCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	ticket := clip(r.PostFormValue("ticket"), 100)
	in, err := s.People.SignInCode(r.Context(), ticket, r.PostFormValue("code"))
	switch {
	case err == nil:
		s.letIn(w, in)
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	case !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrUnavailable) && !errors.Is(err, radio.ErrInvalid):
		return err
	}
	a := explain(err)
	s.logError(r, a, err)
	a.announce(w.Header())
	if errors.Is(err, radio.ErrForbidden) {
		return s.show(w, r, a.Status, "login.html", "Đăng nhập", loginData{Reason: a, OIDC: s.OIDCName})
	}
	return s.show(w, r, a.Status, "logincode.html", "Đăng nhập", loginCodeData{ticket, a})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	// Phones like to begin a word with a capital and to end it with a space.
	login := strings.ToLower(strings.TrimSpace(r.PostFormValue("login")))
	in, err := s.signIn(w, r, login, r.PostFormValue("password"), "")
	if err == nil && in.Ticket != "" {
		return s.show(w, r, http.StatusOK, "logincode.html", "Đăng nhập", loginCodeData{Ticket: in.Ticket})
	}
	if err == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	if !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrUnavailable) {
		return err
	}
	// What the person can try again is said above the form.
	a := explain(err)
	s.logError(r, a, err)
	a.announce(w.Header())
	return s.show(w, r, a.Status, "login.html", "Đăng nhập", loginData{clip(login, 64), a, s.OIDCName})
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSession(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return errSignIn
	}
	if err := s.People.Logout(r.Context(), c.Value); err != nil {
		return err
	}
	s.Live.SessionsChanged()
	s.setCookie(w, "", -1)
	return nil
}

type credentials struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	// Code is of the second factor, for who has one.
	Code string `json:"code,omitempty"`
}

func (s *Server) apiLogin(w http.ResponseWriter, r *http.Request) error {
	var in credentials
	if err := readJSON(r, &in); err != nil {
		return err
	}
	signed, err := s.signIn(w, r, in.Login, in.Password, clip(in.Code, 100))
	if err != nil {
		return err
	}
	if signed.Ticket != "" {
		var e radio.Invalid
		e.Add("code", "tài khoản này có xác thực hai lớp: gửi kèm mã 6 số, hoặc một mã khôi phục", "this account has a second factor: send its 6 digits too, or a recovery code")
		return e.Err()
	}
	return writeJSON(w, http.StatusOK, signed.Person)
}

func (s *Server) apiLogout(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSession(w, r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sessionRoutes are the ways in and out.
func (s *Server) sessionRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /login", as: page, do: s.loginForm, open: true},
		{pattern: "POST /login", as: page, do: s.login, open: true},
		{pattern: "POST /login/code", as: page, do: s.loginCode, open: true},
		{pattern: "POST /logout", as: page, do: s.logout, may: radio.Self},
		{pattern: "POST /api/v1/login", as: api, do: s.apiLogin, open: true, doc: doc{Summary: "Sign in; the session is a cookie. Who has a second factor sends a code of it too", In: credentials{}, Out: radio.Person{}}},
		{pattern: "POST /api/v1/logout", as: api, do: s.apiLogout, may: radio.Self, doc: doc{Summary: "End the session", Status: http.StatusNoContent}},
	}
}
