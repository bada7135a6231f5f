package web

import (
	"net/http"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

// The JSON twin of the pages of bulletins.

type bulletinsAnswer struct {
	Bulletins []radio.Bulletin `json:"bulletins"`
	Next      string           `json:"next,omitempty"`
}

// bulletinAnswer is one version, with the bulletins that were made of the same upload.
type bulletinAnswer struct {
	radio.Bulletin
	Duplicates []duplicate `json:"duplicates,omitempty"`
	// Approval is that of an approved version.
	Approval *approvalAnswer `json:"approval,omitempty"`
}

type duplicate struct {
	ID      radio.BulletinID    `json:"id"`
	Version int                 `json:"version"`
	Code    string              `json:"code"`
	Title   string              `json:"title"`
	State   radio.BulletinState `json:"state"`
}

// draftBody is what a program may change of a draft. Days are local; edited_at names
// the edit it is based on.
type draftBody struct {
	Title      string       `json:"title"`
	Summary    string       `json:"summary,omitempty"`
	Field      radio.Field  `json:"field"`
	Priority   string       `json:"priority,omitempty"`
	Author     string       `json:"author,omitempty"`
	PenName    string       `json:"pen_name,omitempty"`
	Unit       string       `json:"unit,omitempty"`
	Language   string       `json:"language,omitempty"`
	Campaign   string       `json:"campaign,omitempty"`
	ValidFrom  radio.Date   `json:"valid_from,omitempty"`
	ValidUntil radio.Date   `json:"valid_until,omitempty"`
	Transcript string       `json:"transcript,omitempty"`
	Upload     string       `json:"upload,omitempty"` // a finished upload in place of the audio
	EditedAt   radio.Millis `json:"edited_at,omitempty"`
}

type submitBody struct {
	ConfirmCutOff bool `json:"confirm_cut_off,omitempty"`
}

type listenedBody struct {
	SHA256 radio.SHA256 `json:"sha256"` // of the audio that was played
	Spans  []radio.Span `json:"spans"`
}

type versionsAnswer struct {
	Versions []radio.Bulletin `json:"versions"`
}

type bulletinHistoryAnswer struct {
	History []radio.BulletinEvent `json:"history"`
}

func (s *Server) bulletinAPI() []route {
	api, read, write := s.api, radio.ReadBulletins, radio.WriteBulletins
	one := "/api/v1/bulletins/{id}/{version}"
	return []route{
		{pattern: "GET /api/v1/bulletins", as: api, do: s.apiBulletins, may: read, doc: doc{Summary: "Bulletins: of each the newest version its reader may see; what waits for a decision first, then the newest",
			Out: bulletinsAnswer{}, Query: append([]string{"limit"}, bulletinKeys...)}},
		{pattern: "POST /api/v1/bulletins", as: api, do: s.apiCreate, body: maxUpload, may: write, doc: doc{Summary: "Make a draft (multipart/form-data: title, field, …; then audio as the last part, or upload, the id of a finished upload; submit=true hands it in at once)",
			Parts: append(slices.Clone(formWords), "audio"), Out: bulletinAnswer{}, Status: http.StatusCreated}},
		{pattern: "GET " + one, as: api, do: s.apiBulletin, may: read, of: s.ofBulletin, doc: doc{Summary: "One version with its transcript", Out: bulletinAnswer{}}},
		{pattern: "PUT " + one, as: api, do: s.apiSave, may: write, of: s.ofBulletin, doc: doc{Summary: "Replace the words of a draft, and its audio by a finished upload", In: draftBody{}, Out: bulletinAnswer{}}},
		{pattern: "DELETE " + one, as: api, do: s.apiDelete, may: write, of: s.ofBulletin, doc: doc{Summary: "Delete a draft", Status: http.StatusNoContent}},
		{pattern: "POST " + one + "/submit", as: api, do: s.apiSubmit, may: write, of: s.ofBulletin, doc: doc{Summary: "Hand a draft in for approval", In: submitBody{}, Out: radio.Bulletin{}}},
		{pattern: "POST " + one + "/take-back", as: api, do: s.apiTakeBack, may: write, of: s.ofBulletin, doc: doc{Summary: "Make a draft again of what waits for a decision", Out: radio.Bulletin{}}},
		{pattern: "POST " + one + "/revise", as: api, do: s.apiRevise, may: write, of: s.ofBulletin, doc: doc{Summary: "Begin the next version with the words and the audio of this one", Out: radio.Bulletin{}, Status: http.StatusCreated}},
		{pattern: "POST " + one + "/decision", as: api, do: s.apiDecide, may: radio.DecideBulletins, of: s.ofBulletin, doc: doc{Summary: "Approve (only after listening to the end; seen must be the submitted_at of what was read, or 409; sign is the approver's signature over the audio), reject or withdraw. What is approved and needs approval again is approved the same way", In: radio.Verdict{}, Out: radio.Bulletin{}}},
		{pattern: "POST " + one + "/sign-ask", as: api, do: s.apiApprovalAsk, may: radio.DecideBulletins, of: s.ofBulletin, doc: doc{Summary: "What the passkeys of the approver are to answer; the answer goes into sign of the decision", Out: asksAnswer{}}},
		{pattern: "GET " + one + "/listened", as: api, do: s.apiHeard, may: radio.DecideBulletins, of: s.ofBulletin, doc: doc{Summary: "How far one has listened", Out: radio.Hearing{}}},
		{pattern: "POST " + one + "/listened", as: api, do: s.apiListened, person: true, may: radio.DecideBulletins, of: s.ofBulletin, doc: doc{Summary: "Report what was played, every few seconds from the beginning on: each report is believed for as much as could be heard since the one before. Not by an API token", In: listenedBody{}, Out: radio.Hearing{}}},
		{pattern: "GET " + one + "/versions", as: api, do: s.apiVersions, may: read, of: s.ofBulletin, doc: doc{Summary: "All versions, the newest first", Out: versionsAnswer{}}},
		{pattern: "GET " + one + "/history", as: api, do: s.apiBulletinHistory, may: read, of: s.ofBulletin, doc: doc{Summary: "Who did what to the bulletin, the newest first", Out: bulletinHistoryAnswer{}}},
		{pattern: "GET " + one + "/devices", as: api, do: s.apiReach, may: read, of: s.ofBulletin, doc: doc{Summary: "Which devices follow a decision: have the audio of what was approved, no more play what was withdrawn", Out: radio.BulletinReach{}}},
	}
}

func (s *Server) apiBulletins(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, append([]string{"limit"}, bulletinKeys...)...)
	if err != nil {
		return err
	}
	limit := 100
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > 500 {
			var e radio.Invalid
			e.Add("limit", "số dòng từ 1 đến 500", "1 to 500 rows")
			return e.Err()
		}
	}
	list1, next, err := s.listBulletins(r, q, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, bulletinsAnswer{list(list1), next})
}

// answerBulletin writes one version. That its upload is known already is a warning
// among the others, with the bulletins named.
func (s *Server) answerBulletin(w http.ResponseWriter, r *http.Request, status int, b radio.Bulletin) error {
	same, err := s.duplicates(r, b)
	if err != nil {
		return err
	}
	out := bulletinAnswer{Bulletin: b, Approval: s.approvalOf(r, b)}
	for _, x := range same {
		out.Duplicates = append(out.Duplicates, duplicate{x.ID, x.Version, x.Code, x.Title, x.State})
	}
	if len(same) > 0 {
		out.Warnings = append(list(out.Warnings), "duplicate")
	}
	return writeJSON(w, status, out)
}

func (s *Server) apiCreate(w http.ResponseWriter, r *http.Request) error {
	f, err := readUpload(r, "title", "field")
	if err != nil {
		return err
	}
	b, err := s.create(r, f)
	if err != nil {
		return err
	}
	return s.answerBulletin(w, r, http.StatusCreated, b)
}

func (s *Server) apiBulletin(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	return s.answerBulletin(w, r, http.StatusOK, b)
}

func (s *Server) apiSave(w http.ResponseWriter, r *http.Request) error {
	was, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	var in draftBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	words := map[string]string{
		"title": in.Title, "summary": in.Summary, "field": strconv.Itoa(int(in.Field)), "priority": in.Priority, "author": in.Author, "pen_name": in.PenName,
		"unit": in.Unit, "language": in.Language, "campaign": in.Campaign, "valid_from": string(in.ValidFrom), "valid_until": string(in.ValidUntil),
		"transcript": in.Transcript, "upload": in.Upload,
	}
	if in.EditedAt != 0 {
		words["edited_at"] = strconv.FormatInt(int64(in.EditedAt), 10)
	}
	b, err := s.save(r, was, sentForm{words: words})
	if err != nil {
		return err
	}
	return s.answerBulletin(w, r, http.StatusOK, b)
}

func (s *Server) apiDelete(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if err := s.Desk.Delete(r.Context(), b.ID, b.Version, who(r).ID); err != nil {
		return deskError(radio.StepDelete, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiStep does a step of the version in the address.
func (s *Server) apiStep(w http.ResponseWriter, r *http.Request, status int, in any, do func(b radio.Bulletin) (radio.Bulletin, error)) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if in != nil && r.ContentLength != 0 {
		if err := readJSON(r, in); err != nil {
			return err
		}
	}
	if b, err = do(b); err != nil {
		return err
	}
	return writeJSON(w, status, b)
}

func (s *Server) apiSubmit(w http.ResponseWriter, r *http.Request) error {
	var in submitBody
	return s.apiStep(w, r, http.StatusOK, &in, func(b radio.Bulletin) (radio.Bulletin, error) { return s.submit(r, b, in.ConfirmCutOff) })
}

func (s *Server) apiTakeBack(w http.ResponseWriter, r *http.Request) error {
	return s.apiStep(w, r, http.StatusOK, nil, func(b radio.Bulletin) (radio.Bulletin, error) { return s.takeBack(r, b) })
}

func (s *Server) apiRevise(w http.ResponseWriter, r *http.Request) error {
	return s.apiStep(w, r, http.StatusCreated, nil, func(b radio.Bulletin) (radio.Bulletin, error) { return s.revise(r, b) })
}

func (s *Server) apiDecide(w http.ResponseWriter, r *http.Request) error {
	var in radio.Verdict
	return s.apiStep(w, r, http.StatusOK, &in, func(b radio.Bulletin) (radio.Bulletin, error) { return s.decide(r, b, in) })
}

func (s *Server) apiHeard(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	h, err := s.Desk.Heard(r.Context(), b, who(r).ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, h)
}

func (s *Server) apiListened(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	var in listenedBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	h, err := s.Desk.Listened(r.Context(), b.ID, b.Version, in.SHA256, in.Spans, who(r).ID)
	if err != nil {
		return deskError(radio.StepEdit, err)
	}
	return writeJSON(w, http.StatusOK, h)
}

func (s *Server) apiVersions(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	all, err := s.bulletinVersions(r, b.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, versionsAnswer{list(all)})
}

func (s *Server) apiBulletinHistory(w http.ResponseWriter, r *http.Request) error {
	b, chain, err := s.bulletin(r)
	if err != nil {
		return err
	}
	all, err := s.bulletinHistory(r, b, chain)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, bulletinHistoryAnswer{list(all)})
}

func (s *Server) apiReach(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if !who(r).MaySomewhere(radio.ReadDevices) {
		return writeJSON(w, http.StatusOK, radio.BulletinReach{Waiting: []radio.BulletinDevice{}})
	}
	reach, err := s.reach(r, b)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reach)
}
