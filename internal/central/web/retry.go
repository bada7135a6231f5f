package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// retry is a form that comes back to who sent it, with what was typed and what is wrong
// with it. The zero value is a form that nobody has sent.
type retry struct {
	which  string // of the forms of one page
	words  url.Values
	Reason answer
}

// secretFields never come back.
var secretFields = []string{"password", "old", "again"}

// again makes a retry of an error that the writer of a form can mend; ok is false for
// another one, which the error page tells, and for a form without a name, which has
// nothing typed in it. taken is the field at fault in a conflict.
func (s *Server) again(w http.ResponseWriter, r *http.Request, which, taken string, err error) (f retry, ok bool) {
	var tooLarge *http.MaxBytesError
	mendable := errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrConflict) || errors.Is(err, radio.ErrForbidden) || errors.Is(err, radio.ErrUnavailable)
	if which == "" || !mendable || errors.Is(err, errSignIn) || errors.As(err, &tooLarge) {
		return f, false
	}
	f = retry{which: which, words: url.Values{}, Reason: explain(err)}
	for key, values := range r.PostForm {
		if !slices.Contains(secretFields, key) {
			f.words[key] = values
		}
	}
	if f.Reason.Status == http.StatusConflict && taken != "" {
		f.Reason.Problems = []radio.Problem{{Field: taken, VI: f.Reason.VI, EN: f.Reason.EN}}
	}
	s.logError(r, f.Reason, err)
	f.Reason.announce(w.Header())
	return f, true
}

// Of is the form of that name: this one, or one that nobody has sent.
func (f retry) Of(which string) retry {
	if f.which != which {
		return retry{}
	}
	return f
}

// Sent says whether it comes back.
func (f retry) Sent() bool { return f.which != "" }

// Status is that of the page that shows it.
func (f retry) Status() int {
	if f.Sent() {
		return f.Reason.Status
	}
	return http.StatusOK
}

// Value is what was typed, or what the page has by itself.
func (f retry) Value(key, kept string) string {
	if f.Sent() {
		return f.words.Get(key)
	}
	return kept
}

// Holds says whether a choice was made, or stands by itself.
func (f retry) Holds(key, value string, kept bool) bool {
	if f.Sent() {
		return slices.Contains(f.words[key], value)
	}
	return kept
}

// Mark is what a field at fault has: a pointer to its reason, and the first one the
// cursor.
func (f retry) Mark(key string) template.HTMLAttr {
	at := slices.IndexFunc(f.Reason.Problems, func(p radio.Problem) bool { return p.Field == key || strings.HasPrefix(p.Field, key+".") })
	if at < 0 {
		return ""
	}
	mark := `aria-invalid="true" aria-describedby="` + f.which + `-reason"`
	if at == 0 {
		mark += " autofocus"
	}
	return template.HTMLAttr(mark)
}

// Name is where the reasons stand.
func (f retry) Name() string { return f.which + "-reason" }
