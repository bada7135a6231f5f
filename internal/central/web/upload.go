package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

const (
	// maxUpload bounds the audio of one upload (design §4: 200 MB) with its form.
	maxUpload = 200<<20 + maxBody
	maxWords  = 20      // fields of the form
	maxWord   = 4 << 10 // bytes of one
)

// upload reads a multipart form as it comes: the words first, then the part
// `audio`, which goes to the desk without being kept in memory.
func (s *Server) upload(r *http.Request) (radio.Bulletin, error) {
	var none radio.Bulletin
	parts, err := r.MultipartReader()
	if err != nil {
		return none, bodyError(err)
	}
	words := map[string]string{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			var e radio.Invalid
			e.Add("audio", "chưa có tệp âm thanh (tệp phải đứng sau các ô khác)", "no audio part (it must come after the other fields)")
			return none, e.Err()
		}
		if err != nil {
			return none, bodyError(err)
		}
		if part.FormName() == "audio" {
			return s.uploadAudio(r, words, &lastPart{Reader: part, parts: parts})
		}
		if err := readWord(part, words); err != nil {
			return none, err
		}
	}
}

func (s *Server) uploadAudio(r *http.Request, words map[string]string, audio io.Reader) (radio.Bulletin, error) {
	if err := wordsFirst(words); err != nil {
		return radio.Bulletin{}, err
	}
	form, err := s.bulletinForm(words)
	if err != nil {
		return radio.Bulletin{}, err
	}
	body := &watched{Reader: audio}
	b, err := s.Desk.Upload(r.Context(), form, body, who(r).ID)
	switch {
	case err != nil && body.err != nil:
		// The sender broke off or sent too much: not the desk's failure.
		return b, bodyError(body.err)
	case errors.Is(err, radio.ErrConflict):
		return b, told{err, "Bản tin mang mã này còn một bản đang chờ duyệt. Hãy duyệt hoặc từ chối bản đó trước."}
	}
	return b, err
}

// wordsFirst: what has not come before the audio is missing or comes too late, which
// cannot be told without reading the audio.
func wordsFirst(words map[string]string) error {
	var keys, labels []string
	for _, key := range []string{"code", "title", "field"} {
		if _, ok := words[key]; !ok {
			keys, labels = append(keys, key), append(labels, fieldText(key))
		}
	}
	var e radio.Invalid
	if len(keys) > 0 {
		e.Add("audio", "tệp âm thanh phải là phần cuối cùng; trước nó chưa có: "+strings.Join(labels, ", "),
			"audio must be the last part; missing before it: "+strings.Join(keys, ", "))
	}
	return e.Err()
}

// lastPart is a part that must have none after it: a word behind the audio would be
// lost without anybody's notice.
type lastPart struct {
	io.Reader
	parts *multipart.Reader
}

func (l *lastPart) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	next, err := l.parts.NextPart()
	if err != nil {
		return n, err // io.EOF behind the last part
	}
	var e radio.Invalid
	name := clip(next.FormName(), 64)
	e.Add("audio", "tệp âm thanh phải là phần cuối cùng; sau nó còn: "+name, "audio must be the last part; after it came: "+name)
	return n, e.Err()
}

// watched remembers why reading a body ended before its end.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func readWord(part *multipart.Part, words map[string]string) error {
	b, err := io.ReadAll(io.LimitReader(part, maxWord+1))
	if err != nil {
		return bodyError(err)
	}
	if len(b) > maxWord || len(words) >= maxWords {
		return fmt.Errorf("%w: field %.64q is too long, or the form has too many fields", radio.ErrInvalid, part.FormName())
	}
	words[part.FormName()] = tidy(string(b))
	return nil
}

// tidy gives what a person wrote one form: composed letters, no space around.
func tidy(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }

// bulletinForm makes of the words what the desk asks for, or lists all that is wrong.
func (s *Server) bulletinForm(words map[string]string) (radio.Bulletin, error) {
	b := radio.Bulletin{Code: words["code"], Title: words["title"], Author: words["author"], Unit: words["unit"], Language: words["language"]}
	if b.Language == "" {
		b.Language = "vi"
	}
	// What is no number stays 0, which is none of the legal fields.
	if n, err := strconv.Atoi(words["field"]); err == nil {
		b.Field = radio.Field(n)
	}
	var e radio.Invalid
	if day := words["valid_until"]; day != "" {
		t, err := time.ParseInLocation(time.DateOnly, day, s.zone)
		if err != nil {
			e.Add("valid_until", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
		b.ValidUntil = radio.At(t.AddDate(0, 0, 1))
	}
	var more *radio.Invalid
	if errors.As(b.Check(), &more) {
		e.Problems = append(e.Problems, more.Problems...)
	}
	return b, e.Err()
}
