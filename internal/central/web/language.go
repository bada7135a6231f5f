package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// language of the screen. Vietnamese is the language of the house: its words are the
// keys under which words/*.json hold the English.
type language string

const (
	vietnamese language = "vi"
	english    language = "en"
)

var languages = []language{vietnamese, english}

const languageCookie = "lang"

// languageOf is the reader's choice, Vietnamese until they made one.
func languageOf(r *http.Request) language {
	if c, err := r.Cookie(languageCookie); err == nil && language(c.Value) == english {
		return english
	}
	return vietnamese
}

// speech says words in one language.
type speech struct {
	language language
	english  map[string]string
}

// say gives the words for a Vietnamese key, with args set in as fmt.Sprintf does. A key
// without English is shown as it is: better Vietnamese than nothing.
func (sp speech) say(key string, args ...any) string {
	text := key
	if sp.language == english {
		if en, ok := sp.english[key]; ok {
			text = en
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// say gives words in the reader's language.
func (s *Server) say(r *http.Request, key string, args ...any) string {
	return s.pages.speech[languageOf(r)].say(key, args...)
}

// readWords merges the English of every page. One key has one meaning: two files that
// differ about it stop the start.
func readWords(fsys fs.FS) (map[string]string, error) {
	names, err := fs.Glob(fsys, "words/*.json")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var some map[string]string
		if err := json.Unmarshal(b, &some); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for vi, en := range some {
			if old, ok := all[vi]; ok && old != en {
				return nil, fmt.Errorf("%s: %q is %q here and %q elsewhere", name, vi, en, old)
			}
			all[vi] = en
		}
	}
	return all, nil
}

// setLanguage keeps the reader's choice for a year and goes back to where they were.
func (s *Server) setLanguage(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	l := language(r.PostFormValue("lang"))
	if !slices.Contains(languages, l) {
		var e radio.Invalid
		e.Add("lang", "ngôn ngữ là vi hoặc en", "the language is vi or en")
		return e.Err()
	}
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, localAddress(r.PostFormValue("back")), http.StatusSeeOther)
	return nil
}

// localAddress keeps a way back within this site.
func localAddress(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.Contains(back, `\`) {
		return "/"
	}
	return u.RequestURI()
}
