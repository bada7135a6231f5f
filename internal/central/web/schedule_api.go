package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"loaxa/internal/radio"
)

// The JSON twin of the desk for schedules.

type schedulesAnswer struct {
	Schedules []radio.ScheduleCard `json:"schedules"`
	Next      string               `json:"next,omitempty"`
}

// scheduleCreate is a new schedule: things are named by their codes.
type scheduleCreate struct {
	Form radio.ScheduleForm `json:"form"`
	Note string             `json:"note,omitempty"`
}

// scheduleUpdate is the draft of a schedule as it shall be. Base is the version on the
// air that was seen, Revision that of the draft; 0 where there was none.
type scheduleUpdate struct {
	Base     int                `json:"base"`
	Revision int64              `json:"revision"`
	Form     radio.ScheduleForm `json:"form"`
	Note     string             `json:"note,omitempty"`
}

type scheduleDraftBody struct {
	Revision int64 `json:"revision"`
}

type returnBody struct {
	Revision int64  `json:"revision"`
	Why      string `json:"why"`
}

type publishBody struct {
	Revision        int64 `json:"revision"`
	AcceptConflicts bool  `json:"accept_conflicts,omitempty"`
	// Code is of the second factor: asked for when the draft says takes_code.
	Code string `json:"code,omitempty"`
}

type withdrawBody struct {
	Version int    `json:"version"`
	Why     string `json:"why"`
}

type holdersAnswer struct {
	Total   int                    `json:"total"`
	Synced  int                    `json:"synced"`
	Devices []radio.ScheduleHolder `json:"devices"`
}

func (s *Server) scheduleAPI() []route {
	api, of := s.api, s.ofSchedule
	read, write, publish := radio.ReadSchedules, radio.WriteSchedules, radio.PublishSchedules
	return []route{
		{pattern: "GET /api/v1/schedules", as: api, do: s.apiSchedules, may: read, doc: doc{Summary: "Schedules, on the air and drafts; state narrows to on_air, draft, submitted, ended, withdrawn or all", Out: schedulesAnswer{}, Query: scheduleKeys}},
		{pattern: "POST /api/v1/schedules", as: api, do: s.apiScheduleNew, may: write, doc: doc{Summary: "Write the draft of a new schedule", In: scheduleCreate{}, Out: radio.ScheduleDraft{}, Status: http.StatusCreated}},
		{pattern: "POST /api/v1/schedules/upload", as: api, do: s.apiScheduleUpload, may: write, body: maxScheduleUpload,
			doc: doc{Summary: "Read a file of schedules (multipart/form-data, part file: YAML, CSV or XLSX) and tell the difference; with save=1 make the drafts", Parts: []string{"file"}, Out: radio.ScheduleUpload{}, Query: []string{"save"}}},
		{pattern: "GET /api/v1/schedules/{id}", as: api, do: s.apiSchedule, may: read, of: of, doc: doc{Summary: "One schedule with its draft, its versions and its history", Out: radio.ScheduleView{}}},
		{pattern: "PUT /api/v1/schedules/{id}", as: api, do: s.apiScheduleSave, may: write, of: of, doc: doc{Summary: "Write the draft of a schedule", In: scheduleUpdate{}, Out: radio.ScheduleDraft{}}},
		{pattern: "DELETE /api/v1/schedules/{id}/draft", as: api, do: s.apiScheduleDrop, may: write, of: of, doc: doc{Summary: "Throw the draft at that revision away", Query: []string{"revision"}, Status: http.StatusNoContent}},
		{pattern: "POST /api/v1/schedules/{id}/submit", as: api, do: s.apiScheduleSubmit, may: write, of: of, doc: doc{Summary: "Hand the draft in", In: scheduleDraftBody{}, Out: radio.ScheduleDraft{}}},
		{pattern: "POST /api/v1/schedules/{id}/return", as: api, do: s.apiScheduleReturn, may: publish, of: of, doc: doc{Summary: "Send the draft back, with a reason", In: returnBody{}, Out: radio.ScheduleDraft{}}},
		{pattern: "POST /api/v1/schedules/{id}/publish", as: api, do: s.apiSchedulePublish, may: publish, of: of,
			doc: doc{Summary: "Put the draft on the air; one that reaches the whole province (takes_code) takes a code of the second factor, which an API token has not; 409 with the conflicts that stand against it unless accept_conflicts, blocking ones are never accepted", In: publishBody{}, Out: radio.Schedule{}}},
		{pattern: "POST /api/v1/schedules/{id}/withdraw", as: api, do: s.apiScheduleWithdraw, may: publish, of: of, doc: doc{Summary: "Take the schedule off the air, with a reason", In: withdrawBody{}, Out: radio.Schedule{}}},
		{pattern: "GET /api/v1/schedules/{id}/conflicts", as: api, do: s.apiScheduleConflicts, may: read, of: of, doc: doc{Summary: "What stands between the draft and the air", Out: conflictsAnswer{}}},
		{pattern: "GET /api/v1/schedules/{id}/devices", as: api, do: s.apiScheduleDevices, may: read, of: of, doc: doc{Summary: "Which devices have the newest version", Out: holdersAnswer{}}},
		{pattern: "GET /api/v1/schedules/{id}/export", as: api, do: s.apiScheduleExport, may: read, of: of, doc: doc{Summary: "The schedule as a file: format yaml, csv or xlsx; draft=1 for the draft", Query: []string{"format", "draft"}, Kind: "application/octet-stream"}},
	}
}

func (s *Server) apiSchedules(w http.ResponseWriter, r *http.Request) error {
	_, all, err := s.scheduleCards(r)
	if err != nil {
		return err
	}
	shown, pager := part(r, all, schedulesAPage)
	return writeJSON(w, http.StatusOK, schedulesAnswer{list(shown), pager.Next})
}

func (s *Server) apiSchedule(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Schedules.View(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	v.Changes, v.Versions, v.History = list(v.Changes), list(v.Versions), list(v.History)
	return writeJSON(w, http.StatusOK, v)
}

func (s *Server) apiScheduleNew(w http.ResponseWriter, r *http.Request) error {
	var in scheduleCreate
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.ScheduleDesk.Save(r.Context(), who(r), radio.DraftSave{Form: in.Form, Note: in.Note})
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusCreated, x)
}

func (s *Server) apiScheduleSave(w http.ResponseWriter, r *http.Request) error {
	var in scheduleUpdate
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.ScheduleDesk.Save(r.Context(), who(r), radio.DraftSave{Schedule: scheduleID(r), Base: in.Base, Revision: in.Revision, Form: in.Form, Note: in.Note})
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, x)
}

// queryRevision is the draft that a DELETE names in its address.
func queryRevision(r *http.Request) (int64, error) {
	q, err := strictQuery(r, "revision")
	if err != nil {
		return 0, err
	}
	return draftRevision(q.Get("revision"))
}

func draftRevision(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		var e radio.Invalid
		e.Add("revision", "phải nêu số của bản nháp", "name the draft's revision")
		return 0, e.Err()
	}
	return n, nil
}

func (s *Server) apiScheduleDrop(w http.ResponseWriter, r *http.Request) error {
	revision, err := queryRevision(r)
	if err != nil {
		return err
	}
	if err := s.ScheduleDesk.Drop(r.Context(), who(r), scheduleID(r), revision); err != nil {
		return scheduleSentence(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiScheduleSubmit(w http.ResponseWriter, r *http.Request) error {
	var in scheduleDraftBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.ScheduleDesk.Submit(r.Context(), who(r), scheduleID(r), in.Revision)
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, x)
}

func (s *Server) apiScheduleReturn(w http.ResponseWriter, r *http.Request) error {
	var in returnBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.ScheduleDesk.Return(r.Context(), who(r), scheduleID(r), in.Revision, radio.TidyLine(in.Why))
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, x)
}

// apiSchedulePublish answers 409 with the list of what stands against it.
func (s *Server) apiSchedulePublish(w http.ResponseWriter, r *http.Request) error {
	var in publishBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	v, err := s.ScheduleDesk.Publish(r.Context(), who(r), scheduleID(r), in.Revision, in.AcceptConflicts, in.Code)
	var clash *radio.ScheduleClash
	if errors.As(err, &clash) {
		return writeJSON(w, http.StatusConflict, failure{Error: explain(scheduleSentence(err)), Conflicts: clash.Conflicts})
	}
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, v)
}

func (s *Server) apiScheduleWithdraw(w http.ResponseWriter, r *http.Request) error {
	var in withdrawBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	v, err := s.ScheduleDesk.Withdraw(r.Context(), who(r), scheduleID(r), in.Version, radio.TidyLine(in.Why))
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, v)
}

func (s *Server) apiScheduleConflicts(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Schedules.Clashes(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, conflictsAnswer{list(found)})
}

func (s *Server) apiScheduleDevices(w http.ResponseWriter, r *http.Request) error {
	all, err := s.holders(r)
	if err != nil {
		return err
	}
	sum := sumHolders(all)
	return writeJSON(w, http.StatusOK, holdersAnswer{Total: sum.Total, Synced: sum.Synced, Devices: list(all)})
}

func (s *Server) apiScheduleExport(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "format", "draft")
	if err != nil {
		return err
	}
	format := cmp.Or(q.Get("format"), "yaml")
	name, data, err := s.Schedules.Export(r.Context(), who(r), scheduleID(r), q.Get("draft") == "1", format)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	return send(w, http.StatusOK, "application/octet-stream", data)
}

// apiScheduleUpload reads a file; with save=1 it makes the drafts in the same breath.
func (s *Server) apiScheduleUpload(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "save")
	if err != nil {
		return err
	}
	name, data, err := readFile(r, "file")
	if err != nil {
		return err
	}
	u, err := s.ScheduleFiles.ReadUpload(r.Context(), who(r), name, data)
	if err == nil && q.Get("save") == "1" {
		u, err = s.ScheduleFiles.SaveUpload(r.Context(), who(r), u)
	}
	if err != nil {
		return scheduleSentence(err)
	}
	return writeJSON(w, http.StatusOK, u)
}
