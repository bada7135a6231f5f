package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// formView is the page on which a bulletin is written: a new one, or a draft.
type formView struct {
	Address   string // to which the form goes
	Draft     bool   // an existing one: code and desk stand, the audio may stay
	B         radio.Bulletin
	From      string // days as the date fields write them
	Until     string
	Areas     []radio.Area // where the reader may write
	Fields    []fieldChoice
	Campaigns []radio.Campaign
	Uploads   []radio.Upload
	Upload    string // the one that is named
	Reason    answer // what was wrong with what was sent
}

func (s *Server) bulletinNew(w http.ResponseWriter, r *http.Request) error {
	v := formView{Address: "/bulletins", B: radio.Bulletin{Language: "vi", Field: 1, Priority: radio.Normal}}
	return s.showForm(w, r, http.StatusOK, v)
}

func (s *Server) bulletinEdit(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if _, err := b.Take(radio.StepEdit, who(r).ID, radio.At(s.Now()), ""); err != nil {
		return deskError(radio.StepEdit, err)
	}
	return s.showForm(w, r, http.StatusOK, s.draftForm(b))
}

func (s *Server) draftForm(b radio.Bulletin) formView {
	v := formView{Address: bulletinAddress(b), Draft: true, B: b}
	if b.ValidFrom != 0 {
		v.From = b.ValidFrom.Time().In(s.zone).Format(time.DateOnly)
	}
	if b.ValidUntil != 0 { // the first instant after the day
		v.Until = b.ValidUntil.Add(-time.Millisecond).Time().In(s.zone).Format(time.DateOnly)
	}
	return v
}

func (s *Server) showForm(w http.ResponseWriter, r *http.Request, status int, v formView) (err error) {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	v.Areas = desks(tree, func(chain []radio.AreaID) bool { return who(r).May(radio.WriteBulletins, chain...) })
	v.Fields = s.fields(r)
	if v.Campaigns, err = s.Plan.Campaigns(r.Context()); err != nil {
		return err
	}
	if v.Uploads, err = s.Uploads.List(r.Context(), who(r).ID); err != nil {
		return err
	}
	if v.Draft {
		return s.show(w, r, status, "bulletinform.html", "Sửa bản nháp", v)
	}
	return s.show(w, r, status, "bulletinform.html", "Bản tin mới", v)
}

// bulletinCreate makes a draft; what is wrong is said above the form, with the words
// still in it.
func (s *Server) bulletinCreate(w http.ResponseWriter, r *http.Request) error {
	f, err := readUpload(r, "title", "field")
	if err == nil {
		var b radio.Bulletin
		if b, err = s.create(r, f); err == nil {
			http.Redirect(w, r, bulletinAddress(b), http.StatusSeeOther)
			return nil
		}
	}
	return s.formAgain(w, r, formView{Address: "/bulletins"}, f, err)
}

func (s *Server) bulletinSave(w http.ResponseWriter, r *http.Request) error {
	was, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	f, err := readUpload(r, "title", "field")
	if err == nil {
		var b radio.Bulletin
		if b, err = s.save(r, was, f); err == nil {
			http.Redirect(w, r, bulletinAddress(b), http.StatusSeeOther)
			return nil
		}
	}
	return s.formAgain(w, r, s.draftForm(was), f, err)
}

// formAgain shows the form with what was written, for what its writer can mend.
func (s *Server) formAgain(w http.ResponseWriter, r *http.Request, v formView, f sentForm, err error) error {
	var tooLarge *http.MaxBytesError
	mendable := errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrConflict) || errors.Is(err, radio.ErrUnavailable)
	if !mendable || errors.As(err, &tooLarge) || len(f.words) == 0 {
		return err
	}
	a := explain(err)
	s.logError(r, a, err)
	written, _ := s.bulletinForm(f.words) // its problems are what is shown
	if v.Draft {
		written.Code, written.Area, written.ID, written.Version, written.EditedAt = v.B.Code, v.B.Area, v.B.ID, v.B.Version, v.B.EditedAt
	}
	v.B, v.Reason, v.Upload = written.Tidied(), a, f.words["upload"]
	v.From, v.Until = clip(f.words["valid_from"], 10), clip(f.words["valid_until"], 10)
	a.announce(w.Header())
	return s.showForm(w, r, a.Status, v)
}

// create is the one way to a new bulletin, for the page and for programs.
func (s *Server) create(r *http.Request, f sentForm) (radio.Bulletin, error) {
	form, err := s.bulletinForm(f.words)
	if err != nil {
		return form, err
	}
	if form.Area, err = s.deskFor(r, form.Area); err != nil {
		return form, err
	}
	audio, done, err := s.audioOf(r, f)
	if err != nil {
		return form, err
	}
	if audio == nil {
		var e radio.Invalid
		e.Add("audio", "chưa có tệp âm thanh (tệp phải đứng sau các ô khác)", "no audio part (it must come after the other fields)")
		return form, e.Err()
	}
	b, err := s.Desk.Create(r.Context(), form, audio, who(r).ID)
	if err = done(f.failed(stepCreate, err)); err != nil || f.words["submit"] != "true" {
		return b, err
	}
	return s.submit(r, b, f.words["confirm_cut_off"] == "true")
}

// save is the one way to another form of a draft.
func (s *Server) save(r *http.Request, was radio.Bulletin, f sentForm) (radio.Bulletin, error) {
	f.words["code"] = was.Code
	form, err := s.bulletinForm(f.words)
	if err != nil {
		return form, err
	}
	audio, done, err := s.audioOf(r, f)
	if err != nil {
		return form, err
	}
	b, err := s.Desk.Save(r.Context(), was.ID, was.Version, form, audio, who(r).ID)
	return b, done(f.failed(radio.StepEdit, err))
}

// audioOf finds the audio of a form: the part behind the words, or a finished upload
// that the form names; nil when there is neither. done closes it, and drops the upload
// once the desk has it.
func (s *Server) audioOf(r *http.Request, f sentForm) (io.Reader, func(error) error, error) {
	id := strings.TrimSpace(f.words["upload"])
	if f.audio != nil || id == "" {
		return f.audio, func(err error) error { return err }, nil
	}
	file, err := s.Uploads.Open(r.Context(), id, who(r).ID)
	switch {
	case errors.Is(err, radio.ErrNotFound):
		var e radio.Invalid
		e.Add("upload", "tệp tải lên không còn; hãy tải lại", "there is no such upload any more; send it again")
		return nil, nil, e.Err()
	case errors.Is(err, radio.ErrConflict):
		return nil, nil, told{err, "Tệp chưa tải lên xong. Hãy chờ tải xong rồi lưu."}
	case err != nil:
		return nil, nil, err
	}
	return file, func(err error) error {
		if closing := file.Close(); closing != nil {
			s.Logger.Warn("close upload", "upload", id, "error", closing)
		}
		if err != nil {
			return err
		}
		// The request may have been given up while the desk worked; the draft is there.
		if err := s.Uploads.Delete(context.WithoutCancel(r.Context()), id, who(r).ID); err != nil {
			s.Logger.Warn("finished upload stays until it expires", "upload", id, "error", err)
		}
		return nil
	}, nil
}

// deskFor is the desk of a new bulletin: the one asked for, or without a word the
// province's, or the only one where the person may write.
func (s *Server) deskFor(r *http.Request, area radio.AreaID) (radio.AreaID, error) {
	tree, err := s.tree(r)
	if err != nil {
		return area, err
	}
	if area == "" {
		mine := desks(tree, func(chain []radio.AreaID) bool { return who(r).May(radio.WriteBulletins, chain...) })
		if len(mine) > 0 { // the province comes first
			area = mine[0].ID
		}
	}
	if a, ok := tree.Area(area); ok && a.Kind == radio.Hamlet {
		var e radio.Invalid
		e.Add("area", "bản tin thuộc tỉnh hoặc xã, phường", "a bulletin belongs to the province or a commune")
		return area, e.Err()
	}
	return area, s.allow(r, radio.WriteBulletins, area)
}

// bulletinForm makes of the words what the desk asks for, or lists all that is wrong.
// The desk makes a code where none is given.
func (s *Server) bulletinForm(words map[string]string) (radio.Bulletin, error) {
	line := func(key string) string { return radio.TidyLine(words[key]) }
	b := radio.Bulletin{
		Code: line("code"), Title: line("title"), Summary: words["summary"], Priority: radio.Priority(line("priority")), Author: line("author"), PenName: line("pen_name"),
		Unit: line("unit"), Language: line("language"), Area: radio.AreaID(line("area")), Campaign: radio.CampaignID(line("campaign")), Transcript: words["transcript"],
	}
	if b.Language == "" {
		b.Language = "vi"
	}
	if b.Priority == "" {
		b.Priority = radio.Normal
	}
	// What is no number stays 0, which is none of the legal fields.
	if n, err := strconv.Atoi(line("field")); err == nil {
		b.Field = radio.Field(n)
	}
	var e radio.Invalid
	for _, key := range []string{"submit", "confirm_cut_off"} {
		if v := words[key]; v != "" && v != "true" && v != "false" {
			e.Add(key, "chỉ là true hoặc false", "must be true or false")
		}
	}
	b.ValidFrom, _ = s.dayBounds(&e, "valid_from", line("valid_from"))
	_, b.ValidUntil = s.dayBounds(&e, "valid_until", line("valid_until"))
	if v := line("edited_at"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			e.Add("edited_at", "phải là một số", "must be a number")
		}
		b.EditedAt = radio.Millis(n)
	}
	if b.Campaign != "" && !radio.ValidID(b.Campaign) {
		e.Add("campaign", "mã đợt tuyên truyền không đúng", "not an id of a campaign")
	}
	checked := b.Tidied()
	if checked.Code == "" {
		checked.Code = "x" // the desk's to give
	}
	var more *radio.Invalid
	if errors.As(checked.Check(), &more) {
		e.Problems = append(e.Problems, more.Problems...)
	}
	return b, e.Err()
}

// dayBounds is the first instant of a local day and the first after it; 0 for no day.
func (s *Server) dayBounds(e *radio.Invalid, key, day string) (from, until radio.Millis) {
	if day == "" {
		return 0, 0
	}
	t, err := time.ParseInLocation(time.DateOnly, day, s.zone)
	if err != nil {
		e.Add(key, "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		return 0, 0
	}
	return radio.At(t), radio.At(t.AddDate(0, 0, 1))
}
