package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

	"loaxa/internal/radio"
)

const (
	// maxScheduleUpload bounds a file of schedules with its form.
	maxScheduleUpload = 6 << 20
	// maxUploadSave bounds what a file became, in the form that comes back to save it.
	maxUploadSave = 32 << 20
)

type uploadData struct {
	Shown    bool
	Upload   radio.ScheduleUpload
	Changes  []uploadRow
	Problems []problemRow
	// Forms is the upload itself, as the page keeps it until it is saved.
	Forms string
}

type uploadRow struct {
	radio.ScheduleChange
	Rows []changeRow
}

func (s *Server) uploadForm(w http.ResponseWriter, r *http.Request) error {
	return s.showUpload(w, r, http.StatusOK, uploadData{})
}

func (s *Server) showUpload(w http.ResponseWriter, r *http.Request, status int, d uploadData) error {
	return s.show(w, r, status, "schedule_upload.html", "Tải lịch phát từ tệp", d)
}

// uploadShow reads a file and shows what it would change, or all that is wrong in it.
func (s *Server) uploadShow(w http.ResponseWriter, r *http.Request) error {
	name, data, err := readFile(r, "file")
	if err != nil {
		return err
	}
	u, err := s.ScheduleFiles.ReadUpload(r.Context(), who(r), name, data)
	return s.showRead(w, r, u, err, http.StatusOK)
}

func (s *Server) showRead(w http.ResponseWriter, r *http.Request, u radio.ScheduleUpload, err error, status int) error {
	d := uploadData{Shown: true, Upload: u}
	var invalid *radio.Invalid
	switch {
	case errors.As(err, &invalid):
		d.Problems = s.problemRows(r, invalid.Problems)
		return s.showUpload(w, r, http.StatusUnprocessableEntity, d)
	case err != nil:
		return scheduleSentence(err)
	}
	labels, problem := s.labels(r)
	if problem != nil {
		return problem
	}
	for _, c := range u.Changes {
		d.Changes = append(d.Changes, uploadRow{ScheduleChange: c, Rows: s.changeRows(r, labels, c.Fields)})
	}
	forms, err := json.Marshal(u.Forms)
	if err != nil {
		return fmt.Errorf("keep the upload: %w", err)
	}
	d.Forms = string(forms)
	return s.showUpload(w, r, status, d)
}

// uploadSave makes drafts of what was shown.
func (s *Server) uploadSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	u := radio.ScheduleUpload{Name: r.PostFormValue("name"), Seen: r.PostFormValue("seen")}
	if err := json.Unmarshal([]byte(r.PostFormValue("forms")), &u.Forms); err != nil {
		return fmt.Errorf("%w: the upload came back broken; send the file again", radio.ErrInvalid)
	}
	fresh, err := s.ScheduleFiles.SaveUpload(r.Context(), who(r), u)
	if errors.Is(err, radio.ErrConflict) && fresh.Seen != "" && fresh.Seen != u.Seen {
		return s.showRead(w, r, fresh, nil, http.StatusConflict) // the difference as it is now
	}
	if err != nil {
		return s.showRead(w, r, u, err, http.StatusOK)
	}
	http.Redirect(w, r, "/schedules?state=draft", http.StatusSeeOther)
	return nil
}

func (s *Server) uploadTemplate(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "format")
	if err != nil {
		return err
	}
	format := cmp.Or(q.Get("format"), "xlsx")
	name, data, err := s.ScheduleFiles.Template(format)
	if err != nil {
		return err
	}
	return sendFile(w, name, format, data)
}

// readFile reads one small file of a multipart form, which holds nothing else.
func readFile(r *http.Request, field string) (name string, data []byte, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return "", nil, bodyError(err)
	}
	part, err := parts.NextPart()
	if errors.Is(err, io.EOF) || err == nil && part.FormName() != field {
		var e radio.Invalid
		e.Add(field, "chưa có tệp", "no file part")
		return "", nil, e.Err()
	}
	if err != nil {
		return "", nil, bodyError(err)
	}
	return readPart(part)
}

func readPart(part *multipart.Part) (string, []byte, error) {
	data, err := io.ReadAll(part)
	if err != nil {
		return "", nil, bodyError(err)
	}
	return part.FileName(), data, nil
}
