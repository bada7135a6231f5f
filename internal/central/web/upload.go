package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

const (
	// maxUpload bounds the audio of one upload (design §4: 200 MB) with its form.
	maxUpload = 200<<20 + maxBody
	maxWord   = 4 << 10  // bytes of one
	maxText   = 96 << 10 // bytes of one that may have many lines: 20,000 letters
)

// sentForm is a form of a bulletin as it came: the words, and where its audio is.
type sentForm struct {
	words map[string]string
	// audio reads the part behind the words; nil when there is none.
	audio io.Reader
	body  *watched // what audio reads from, to tell whose failure an error was
}

// readUpload reads a multipart form as it comes: the words first, then the part
// `audio`, which goes to the desk without being kept in memory. need says which words
// must have come before it. A browser whose file field was left empty sends an empty
// part without a name: that is no audio.
func readUpload(r *http.Request, need ...string) (sentForm, error) {
	f := sentForm{words: map[string]string{}}
	parts, err := r.MultipartReader()
	if err != nil {
		return f, bodyError(err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, bodyError(err)
		}
		if part.FormName() != "audio" {
			if err := readWord(part, f.words); err != nil {
				return f, err
			}
			continue
		}
		if err := wordsFirst(f.words, need); err != nil {
			return f, err
		}
		f.body = &watched{Reader: &lastPart{Reader: part, parts: parts}}
		if part.FileName() == "" {
			first := make([]byte, 1)
			n, err := io.ReadFull(f.body, first)
			if errors.Is(err, io.EOF) {
				return f, nil
			}
			if err != nil {
				return f, bodyError(err)
			}
			f.audio = io.MultiReader(strings.NewReader(string(first[:n])), f.body)
			return f, nil
		}
		f.audio = f.body
		return f, nil
	}
}

// failed tells whose failure an error of the desk was: of the sender, who broke off or
// sent too much, or the desk's own.
func (f sentForm) failed(step radio.BulletinStep, err error) error {
	if err != nil && f.body != nil && f.body.err != nil {
		return bodyError(f.body.err)
	}
	return deskError(step, err)
}

// wordsFirst: what has not come before the audio is missing or comes too late, which
// cannot be told without reading the audio.
func wordsFirst(words map[string]string, need []string) error {
	var keys, labels []string
	for _, key := range need {
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
	end   error // once it was reached
}

func (l *lastPart) Read(p []byte) (int, error) {
	if l.end != nil {
		return 0, l.end
	}
	n, err := l.read(p)
	l.end = err
	return n, err
}

func (l *lastPart) read(p []byte) (int, error) {
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

// formWords are the parts that a form of a bulletin may have before its audio.
var formWords = []string{
	"title", "area", "field", "priority", "campaign", "summary", "author", "pen_name", "unit", "language", "code", "valid_from", "valid_until", "transcript",
	"edited_at", "upload", "submit", "confirm_cut_off",
}

func readWord(part *multipart.Part, words map[string]string) error {
	var e radio.Invalid
	if _, twice := words[part.FormName()]; twice {
		e.Add(part.FormName(), "chỉ được ghi một lần", "given more than once")
	} else if !slices.Contains(formWords, part.FormName()) {
		e.Add(clip(part.FormName(), 64), "biểu mẫu không có ô này", "no such field")
	}
	if err := e.Err(); err != nil {
		return err
	}
	most := maxWord
	if name := part.FormName(); name == "transcript" || name == "summary" {
		most = maxText
	}
	b, err := io.ReadAll(io.LimitReader(part, int64(most)+1))
	if err != nil {
		return bodyError(err)
	}
	if len(b) > most {
		return fmt.Errorf("%w: field %.64q is too long", radio.ErrInvalid, part.FormName())
	}
	words[part.FormName()] = string(b)
	return nil
}
