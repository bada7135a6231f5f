package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// Uploads in pieces by the tus protocol 1.0.0 (core, creation, termination, expiration):
// https://tus.io/protocols/resumable-upload. A broken link costs the last piece.
//
// Left out on purpose: X-HTTP-Method-Override, which would lead around the rights of the
// routes, and uploads of no bytes, which are no audio.

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,termination,expiration"
	// tusPiece is the content type of a piece (tus core, PATCH).
	tusPiece = "application/offset+octet-stream"
	// maxUploadBytes is the longest file; library holds to the same limit.
	maxUploadBytes = 200 << 20
)

type uploadsAnswer struct {
	Uploads []radio.Upload `json:"uploads"`
}

func (s *Server) uploadRoutes() []route {
	api, write := s.api, radio.WriteBulletins
	all, one := "/api/v1/uploads", "/api/v1/uploads/{upload}"
	return []route{
		{pattern: "OPTIONS " + all, as: api, do: s.tusOptions, may: write, doc: doc{Summary: "What of the tus protocol 1.0.0 is spoken here", Status: http.StatusNoContent}},
		{pattern: "GET " + all, as: api, do: s.uploadList, may: write, doc: doc{Summary: "Own uploads that are open, finished or not", Out: uploadsAnswer{}}},
		{pattern: "POST " + all, as: api, do: s.tusCreate, may: write, doc: doc{Summary: "Open an upload of Upload-Length bytes (tus creation); Location names it", Out: radio.Upload{}, Status: http.StatusCreated}},
		{pattern: "HEAD " + one, as: api, do: s.tusHead, may: write, doc: doc{Summary: "Upload-Offset: how much has come"}},
		{pattern: "PATCH " + one, as: api, do: s.tusPatch, body: maxUploadBytes, may: write, doc: doc{Summary: "Append a piece at Upload-Offset", Takes: tusPiece, Status: http.StatusNoContent}},
		{pattern: "DELETE " + one, as: api, do: s.tusDelete, may: write, doc: doc{Summary: "Drop an upload (tus termination)", Status: http.StatusNoContent}},
		{pattern: "POST /bulletins/uploads/{upload}/delete", as: s.page, do: s.uploadDelete, may: write},
	}
}

// tus sets the protocol's header and checks the client's: one that speaks another
// version must not go on.
func tus(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Tus-Resumable", tusVersion)
	if v := r.Header.Get("Tus-Resumable"); v != tusVersion {
		w.Header().Set("Tus-Version", tusVersion)
		return statusError{http.StatusPreconditionFailed, "tus_version",
			fmt.Errorf("%w: Tus-Resumable must be %s", radio.ErrInvalid, tusVersion), "Yêu cầu phải có Tus-Resumable: " + tusVersion + "."}
	}
	return nil
}

func (s *Server) tusOptions(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", tusExtensions)
	h.Set("Tus-Max-Size", strconv.Itoa(maxUploadBytes))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) uploadList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Uploads.List(r.Context(), who(r).ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, uploadsAnswer{list(all)})
}

func (s *Server) tusCreate(w http.ResponseWriter, r *http.Request) error {
	if err := tus(w, r); err != nil {
		return err
	}
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || length < 0 {
		return told{fmt.Errorf("%w: Upload-Length must be the number of bytes (deferred lengths are not taken)", radio.ErrInvalid), "Thiếu độ dài tệp (Upload-Length)."}
	}
	if length > maxUploadBytes {
		return &http.MaxBytesError{Limit: maxUploadBytes}
	}
	given := r.Header.Get("Upload-Metadata")
	words, err := metadata(given)
	if err != nil {
		return err
	}
	u, err := s.Uploads.Create(r.Context(), who(r).ID, length, words["filename"], given)
	if err != nil {
		return deskError(stepCreate, err)
	}
	w.Header().Set("Location", "/api/v1/uploads/"+u.ID)
	uploadHeaders(w, u)
	return writeJSON(w, http.StatusCreated, u)
}

// metadata reads an Upload-Metadata header: pairs of a key and Base64, with commas between;
// no key twice, and a value may be missing (tus creation).
func metadata(header string) (map[string]string, error) {
	out := map[string]string{}
	if header == "" {
		return out, nil
	}
	if len(header) > maxWord {
		return nil, fmt.Errorf("%w: Upload-Metadata is too long", radio.ErrInvalid)
	}
	for pair := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if _, twice := out[key]; key == "" || twice || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("%w: Upload-Metadata: a key is empty, there twice or not ASCII", radio.ErrInvalid)
		}
		text, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, fmt.Errorf("%w: Upload-Metadata: %.64q is not Base64", radio.ErrInvalid, key)
		}
		out[key] = string(text)
	}
	return out, nil
}

func uploadHeaders(w http.ResponseWriter, u radio.Upload) {
	h := w.Header()
	h.Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
	h.Set("Upload-Expires", u.ExpiresAt.Time().Format(http.TimeFormat))
}

func (s *Server) tusHead(w http.ResponseWriter, r *http.Request) error {
	if err := tus(w, r); err != nil {
		return err
	}
	u, err := s.Uploads.Find(r.Context(), r.PathValue("upload"), who(r).ID)
	if err != nil {
		return err
	}
	uploadHeaders(w, u)
	w.Header().Set("Upload-Length", strconv.FormatInt(u.Length, 10))
	if u.Metadata != "" {
		w.Header().Set("Upload-Metadata", u.Metadata) // tus creation: as it was given
	}
	w.Header().Set("Cache-Control", "no-store") // tus core, HEAD
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) tusPatch(w http.ResponseWriter, r *http.Request) error {
	if err := tus(w, r); err != nil {
		return err
	}
	if kind := r.Header.Get("Content-Type"); kind != tusPiece {
		return statusError{http.StatusUnsupportedMediaType, "media_type", fmt.Errorf("%w: a piece is sent as %s", radio.ErrInvalid, tusPiece), "Kiểu nội dung phải là " + tusPiece + "."}
	}
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return told{fmt.Errorf("%w: Upload-Offset must be a number", radio.ErrInvalid), "Thiếu vị trí của đoạn gửi (Upload-Offset)."}
	}
	body := &watched{Reader: r.Body}
	var locked *radio.UploadLocked
	u, err := s.Uploads.Append(r.Context(), r.PathValue("upload"), who(r).ID, offset, body)
	switch {
	case err != nil && body.err != nil:
		return bodyError(body.err) // the link broke; what came is kept
	case errors.As(err, &locked):
		// RFC 4918 §11.3; the protocol names no status, its other servers take this one.
		w.Header().Set("Retry-After", "15")
		return statusError{http.StatusLocked, "locked", err, "Tệp này đang được gửi ở nơi khác. Hãy chờ rồi thử lại."}
	case errors.Is(err, radio.ErrConflict):
		return told{err, "Đoạn gửi không nối tiếp phần đã có. Hãy hỏi lại vị trí rồi gửi tiếp."}
	case err != nil:
		return err
	}
	uploadHeaders(w, u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) tusDelete(w http.ResponseWriter, r *http.Request) error {
	if err := tus(w, r); err != nil {
		return err
	}
	if err := s.Uploads.Delete(r.Context(), r.PathValue("upload"), who(r).ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadDelete is the page's way to drop what is not wanted any more.
func (s *Server) uploadDelete(w http.ResponseWriter, r *http.Request) error {
	if err := s.Uploads.Delete(r.Context(), r.PathValue("upload"), who(r).ID); err != nil {
		return err
	}
	http.Redirect(w, r, "/bulletins/new", http.StatusSeeOther)
	return nil
}

// statusError is an error whose status a protocol fixes.
type statusError struct {
	status int
	code   string
	error
	vi string
}

func (e statusError) Unwrap() error { return e.error }
