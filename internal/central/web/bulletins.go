package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// maxUpload bounds the audio of one upload (design §4: 200 MB) and its form.
const maxUpload = 200<<20 + 1<<20

type bulletinsData struct {
	Bulletins []bulletinRow
	Fields    []fieldChoice
}

type bulletinRow struct {
	radio.Bulletin
	Own      bool // uploaded by the reader, who cannot approve it
	Warnings []string
}

type fieldChoice struct {
	Value int
	Name  string
}

func (s *Server) bulletinList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.Bulletins(r.Context())
	if err != nil {
		return err
	}
	var d bulletinsData
	for _, b := range all {
		row := bulletinRow{Bulletin: b, Own: b.CreatedBy == who(r).ID}
		for _, code := range b.Warnings {
			row.Warnings = append(row.Warnings, warningText(code))
		}
		d.Bulletins = append(d.Bulletins, row)
	}
	for f := radio.Field(1); f.Valid(); f++ {
		d.Fields = append(d.Fields, fieldChoice{int(f), f.Name()})
	}
	return s.pages.render(w, "bulletins.html", view[bulletinsData]{Title: "Bản tin", Nav: "bulletins", Person: who(r), Data: d})
}

func warningText(code string) string {
	switch code {
	case "cut_off":
		return "tệp tải lên có vẻ bị cắt giữa chừng"
	case "quiet":
		return "tiếng nhỏ hơn chuẩn"
	case "clipping":
		return "âm thanh gốc bị vỡ"
	case "very_quiet":
		return "âm thanh gốc rất nhỏ"
	case "long_silence":
		return "có đoạn im lặng dài"
	}
	return code
}

func (s *Server) bulletinUpload(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.upload(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/bulletins", http.StatusSeeOther)
	return nil
}

// upload reads a multipart form as it comes: the words first, then the part
// `audio`, which goes to the desk without being kept in memory.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) (radio.Bulletin, error) {
	var none radio.Bulletin
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return none, fmt.Errorf("%w: the form: %v", radio.ErrInvalid, err)
	}
	words := map[string]string{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return none, missingAudio()
		}
		if err != nil {
			return none, formError(err)
		}
		if part.FormName() == "audio" {
			form, err := s.bulletinForm(words)
			if err != nil {
				return none, err
			}
			return s.Desk.Upload(r.Context(), form, part, who(r).ID)
		}
		if err := readWord(part, words); err != nil {
			return none, err
		}
	}
}

func missingAudio() error {
	var e radio.Invalid
	e.Add("audio", "chưa chọn tệp âm thanh (các ô chữ phải đứng trước tệp)", "no audio part (it must come after the other fields)")
	return e.Err()
}

func formError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return fmt.Errorf("%w: the form: %v", radio.ErrInvalid, err)
}

func readWord(part *multipart.Part, words map[string]string) error {
	b, err := io.ReadAll(io.LimitReader(part, 4097))
	if err != nil {
		return formError(err)
	}
	if len(b) > 4096 || len(words) >= 20 {
		return fmt.Errorf("%w: field %q is too long or the form has too many fields", radio.ErrInvalid, part.FormName())
	}
	words[part.FormName()] = string(b)
	return nil
}

func (s *Server) bulletinForm(words map[string]string) (radio.Bulletin, error) {
	b := radio.Bulletin{Code: words["code"], Title: words["title"], Author: words["author"], Unit: words["unit"], Language: words["language"]}
	var e radio.Invalid
	if n, err := strconv.Atoi(words["field"]); err == nil {
		b.Field = radio.Field(n)
	}
	if day := words["valid_until"]; day != "" {
		t, err := time.ParseInLocation(time.DateOnly, day, s.Zone)
		if err != nil {
			e.Add("valid_until", "ngày hết hạn phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		}
		b.ValidUntil = radio.At(t.AddDate(0, 0, 1))
	}
	if b.Language == "" {
		b.Language = "vi"
	}
	var more *radio.Invalid
	if errors.As(b.Check(), &more) {
		e.Problems = append(e.Problems, more.Problems...)
	}
	return b, e.Err()
}

func version(r *http.Request) (radio.BulletinID, int, error) {
	id := radio.BulletinID(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || !radio.ValidID(id) {
		return id, 0, notFound("bulletin")
	}
	return id, n, nil
}

func (s *Server) bulletinDecide(w http.ResponseWriter, r *http.Request) error {
	id, n, err := version(r)
	if err != nil {
		return err
	}
	_, err = s.Desk.Decide(r.Context(), id, n, radio.BulletinState(r.PostFormValue("to")), who(r).ID, r.PostFormValue("why"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/bulletins", http.StatusSeeOther)
	return nil
}

func (s *Server) bulletinAudio(w http.ResponseWriter, r *http.Request) error {
	id, n, err := version(r)
	if err != nil {
		return err
	}
	b, err := s.Plan.Bulletin(r.Context(), id, n)
	if err != nil {
		return err
	}
	rendition, ok := b.Rendition(radio.MainKbps)
	if !ok {
		return notFound("audio")
	}
	file, _, err := s.Audio.Open(rendition.SHA256)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "audio/mpeg")
	w.Header().Set("ETag", `"`+string(rendition.SHA256)+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
	return file.Close()
}

func (s *Server) apiBulletins(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Plan.Bulletins(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string][]radio.Bulletin{"bulletins": all})
}

func (s *Server) apiUpload(w http.ResponseWriter, r *http.Request) error {
	b, err := s.upload(w, r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, b)
}
