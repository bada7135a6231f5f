package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// FirstAdmin makes the first account, for who holds the code that the centre printed
// (identity).
type FirstAdmin interface {
	// FirstCode gives ErrNotFound for any code that does not work, and when somebody exists.
	FirstCode(ctx context.Context, code string) error
	MakeFirst(ctx context.Context, code, login, name, password, address string) (radio.Person, error)
}

// FirstDeps is everything the page of the first run needs.
type FirstDeps struct {
	First   FirstAdmin
	Zone    string
	Now     func() time.Time
	Proxies []netip.Prefix
	Secure  bool
	Logger  *slog.Logger
}

// NewFirstRun is what a centre without people shows: one page, for who holds its code.
func NewFirstRun(d FirstDeps) (http.Handler, error) {
	s := &Server{Deps: Deps{Zone: d.Zone, Now: d.Now, Proxies: d.Proxies, Secure: d.Secure, Logger: d.Logger, Observe: func(string, int, time.Duration) {}}}
	var err error
	if s.zone, err = time.LoadLocation(d.Zone); err != nil {
		return nil, err
	}
	if s.pages, err = pagesFor(s.zone); err != nil {
		return nil, err
	}
	return s.routesOf(s.firstRunTable(d.First)), nil
}

// firstRunTable is all there is until somebody exists.
func (s *Server) firstRunTable(first FirstAdmin) []route {
	f := firstRun{s, first}
	return []route{
		{pattern: "GET /setup/{code}", as: s.page, do: f.form, open: true},
		{pattern: "POST /setup/{code}", as: s.page, do: f.make, open: true},
		{pattern: "POST /language", as: s.page, do: s.setLanguage, open: true},
		{pattern: "GET /static/{name}", as: s.page, do: s.static, open: true},
		{pattern: "GET /healthz", as: s.api, do: s.alive, open: true},
		{pattern: "/", as: s.page, do: waitsForFirst, open: true},
	}
}

func waitsForFirst(http.ResponseWriter, *http.Request) error {
	return told{notFound("page before the first account"), "Máy chủ chưa có tài khoản nào. Hãy mở đường dẫn cài đặt mà lệnh “loaxa serve” đã in ra."}
}

type firstRun struct {
	s     *Server
	first FirstAdmin
}

type firstRunData struct {
	Again retry
	Done  string // the login that was made
}

func badFirstCode(err error) error {
	if errors.Is(err, radio.ErrNotFound) {
		return told{notFound("set-up code"), "Đường dẫn cài đặt không đúng, đã được dùng hoặc đã hết hạn. Hãy khởi động lại máy chủ (loaxa serve) để có đường dẫn mới."}
	}
	return err
}

func (f firstRun) form(w http.ResponseWriter, r *http.Request) error {
	if err := f.first.FirstCode(r.Context(), r.PathValue("code")); err != nil {
		return badFirstCode(err)
	}
	return f.s.show(w, r, http.StatusOK, "firstrun.html", "Cài đặt lần đầu", firstRunData{})
}

func (f firstRun) make(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	code := r.PathValue("code")
	if err := f.first.FirstCode(r.Context(), code); err != nil {
		return badFirstCode(err)
	}
	err := error(nil)
	login := strings.ToLower(strings.TrimSpace(r.PostFormValue("login")))
	if r.PostFormValue("password") != r.PostFormValue("again") {
		err = differ()
	} else {
		_, err = f.first.MakeFirst(r.Context(), code, login, r.PostFormValue("name"), r.PostFormValue("password"), f.s.client(r))
	}
	if again, ok := f.s.again(w, r, "first", "", err); ok {
		return f.s.show(w, r, again.Status(), "firstrun.html", "Cài đặt lần đầu", firstRunData{Again: again})
	}
	if err != nil {
		return badFirstCode(err)
	}
	return f.s.show(w, r, http.StatusOK, "firstrun.html", "Cài đặt lần đầu", firstRunData{Done: login})
}
