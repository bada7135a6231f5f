package web

import (
	"strconv"

	"loaxa/internal/radio"
)

// scheduleIn puts a schedule on the air at w, and with a state a draft of it that sau
// wrote; bare: the draft is all there is.
func scheduleIn(state radio.DraftState, bare bool) func(h *house, w where) []string {
	return func(h *house, w where) []string {
		n := len(h.plan.schedules) + len(h.plans.drafts)
		s := h.plan.schedules[0]
		s.ID, s.Code, s.Version, s.Area, s.Campaign = id[radio.ScheduleID]('q', n), "hoi-"+strconv.Itoa(n), 1, h.area(w), ""
		s.Targets = []radio.Target{{Area: h.area(w)}}
		if !bare {
			h.plan.schedules = append(h.plan.schedules, s)
		}
		if state != "" {
			x := radio.ScheduleDraft{Doc: s, Base: 1, Revision: 7, State: state, Authors: []radio.UserID{sau}, SavedAt: radio.At(now)}
			if x.Doc.Title = "Bản nháp để hỏi quyền"; bare {
				x.Base = 0
			}
			x.Doc.Version = x.Base + 1
			h.plans.drafts[s.ID] = x
		}
		return []string{"id", string(s.ID)}
	}
}

const (
	emptyForm    = `"form":{"code":"","title":"","targets":[],"slots":[]}`
	emptyFile    = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n\r\n--x--\r\n"
	multipartFor = "multipart/form-data; boundary=x"
)

func scheduleFixtures() []fixture {
	read, write, publish := radio.ReadSchedules, radio.WriteSchedules, radio.PublishSchedules
	onAir, drafted, waiting := scheduleIn("", false), scheduleIn(radio.DraftOpen, true), scheduleIn(radio.DraftSubmitted, true)
	both := scheduleIn(radio.DraftOpen, false)
	// What reaches the whole province takes a code, whoever asks: see schedule's admit_test.
	narrow := func(h *house, w where) []string {
		parts := waiting(h, w)
		if x := h.plans.drafts[radio.ScheduleID(parts[1])]; w == common {
			x.Doc.Targets = []radio.Target{{Area: h.area(own)}}
			h.plans.drafts[x.Doc.ID] = x
		}
		return parts
	}
	// A draft of the province is its desk's own business.
	hidden := map[string]int{}
	for _, role := range radio.Roles() {
		hidden[string(role)+" province"] = 404
	}
	// Who provides content sees no draft of a schedule.
	for _, token := range []string{"", "read", "write"} {
		for _, w := range []string{" own", " foreign", " province"} {
			hidden["provider"+token+w], hidden["provider*"+token+w] = 404, 404
		}
	}
	page, api := "/schedules/{id}", "/api/v1/schedules/{id}"
	return []fixture{
		{pattern: "GET /schedules", may: read},
		{pattern: "GET /schedules/new", may: write},
		{pattern: "POST /schedules", may: write, body: "do=check&slots=1", status: 422},
		{pattern: "GET /schedules/upload", may: write},
		{pattern: "POST /schedules/upload", may: write, body: emptyFile, kind: multipartFor, status: 422},
		{pattern: "POST /schedules/upload/save", may: write, body: "name=a.csv&forms=[]", status: 422},
		{pattern: "GET /schedules/upload/template", may: read},
		{pattern: "GET " + page, may: read, thing: onAir},
		{pattern: "GET " + page + "/devices", may: read, thing: onAir},
		{pattern: "GET " + page + "/export", may: read, thing: onAir},
		{pattern: "GET " + page + "/edit", may: write, thing: both},
		{pattern: "POST " + page + "/edit", may: write, thing: both, body: "do=check", status: 409},
		{pattern: "POST " + page + "/submit", may: write, thing: drafted, body: "revision=7"},
		{pattern: "POST " + page + "/drop", may: write, thing: drafted, body: "revision=7"},
		{pattern: "POST " + page + "/return", may: publish, thing: waiting, body: "revision=7&why=thử"},
		{pattern: "POST " + page + "/publish", may: publish, thing: narrow, body: "revision=7"},
		{pattern: "POST " + page + "/withdraw", may: publish, thing: onAir, body: "version=1&why=thử"},

		{pattern: "GET /api/v1/schedules", may: read},
		{pattern: "POST /api/v1/schedules", may: write, body: "{" + emptyForm + "}", status: 422},
		{pattern: "POST /api/v1/schedules/upload", may: write, body: emptyFile, kind: multipartFor, status: 422},
		{pattern: "GET " + api, may: read, thing: onAir},
		{pattern: "PUT " + api, may: write, thing: both, body: `{"base":1,"revision":7,` + emptyForm + "}", status: 422},
		{pattern: "DELETE " + api + "/draft", may: write, thing: drafted, status: 422},
		{pattern: "POST " + api + "/submit", may: write, thing: drafted, body: `{"revision":7}`},
		{pattern: "POST " + api + "/return", may: publish, thing: waiting, body: `{"revision":7,"why":"thử"}`},
		{pattern: "POST " + api + "/publish", may: publish, thing: narrow, body: `{"revision":7}`},
		{pattern: "POST " + api + "/withdraw", may: publish, thing: onAir, body: `{"version":1,"why":"thử"}`},
		{pattern: "GET " + api + "/conflicts", may: read, thing: both, except: hidden},
		{pattern: "GET " + api + "/difference", may: read, thing: both, except: hidden},
		{pattern: "GET " + api + "/devices", may: read, thing: onAir},
		{pattern: "GET " + api + "/answers", may: read, thing: onAir},
		{pattern: "GET " + api + "/export", may: read, thing: onAir},
	}
}
