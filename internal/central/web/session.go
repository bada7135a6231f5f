package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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

func (s *Server) session(r *http.Request) (radio.Person, error) {
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
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) error {
	return s.pages.render(w, "login.html", view[loginData]{Title: "Đăng nhập"})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	login := r.PostFormValue("login")
	_, token, err := s.People.Login(r.Context(), login, r.PostFormValue("password"))
	if errors.Is(err, radio.ErrForbidden) || errors.Is(err, radio.ErrUnavailable) {
		a := explain(err)
		a.VI = "Sai tên đăng nhập hoặc mật khẩu."
		if errors.Is(err, radio.ErrUnavailable) {
			a.VI = "Sai quá nhiều lần; hãy chờ rồi thử lại."
		}
		w.WriteHeader(a.Status)
		return s.pages.render(w, "login.html", view[loginData]{Title: "Đăng nhập", Data: loginData{login, a}})
	}
	if err != nil {
		return err
	}
	s.setCookie(w, token, sessionSeconds)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
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
	s.setCookie(w, "", -1)
	return nil
}

func (s *Server) apiLogin(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Login, Password string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return fmt.Errorf("%w: body: %v", radio.ErrInvalid, err)
	}
	p, token, err := s.People.Login(r.Context(), in.Login, in.Password)
	if err != nil {
		return err
	}
	s.setCookie(w, token, sessionSeconds)
	return writeJSON(w, http.StatusOK, p)
}

func (s *Server) apiLogout(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSession(w, r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
