package web

import (
	"context"
	"strconv"

	"loaxa/internal/radio"
)

// asking is the person of TestPermissions.
var asking = id[radio.UserID]('u', 77)

// bulletinIn puts a bulletin into the plan, at w and in a state, and names it.
func bulletinIn(state radio.BulletinState, by radio.UserID) func(h *house, w where) []string {
	return func(h *house, w where) []string {
		b := h.plan.bulletins[0]
		b.ID, b.Area, b.State, b.CreatedBy = id[radio.BulletinID]('f', len(h.plan.bulletins)), h.area(w), state, by
		b.Code, b.Title = "f-"+strconv.Itoa(len(h.plan.bulletins)), "Bản tin để hỏi quyền"
		h.plan.bulletins = append(h.plan.bulletins, b)
		return []string{"id", string(b.ID), "version", strconv.Itoa(b.Version)}
	}
}

// uploadThing is an upload of the asker's, the only one: uploads stand in no area.
func uploadThing(h *house, w where) []string {
	if w != own {
		return nil
	}
	ctx := context.Background()
	open, err := h.Uploads.List(ctx, asking)
	for _, u := range open {
		if err == nil {
			err = h.Uploads.Delete(ctx, u.ID, asking)
		}
	}
	if err != nil {
		panic(err)
	}
	u, err := h.Uploads.Create(ctx, asking, 10, "tin.mp3", "")
	if err != nil {
		panic(err)
	}
	return []string{"upload", u.ID}
}

const (
	decideForm, decideJSON     = "to=rejected&why=thử", `{"to":"rejected","why":"thử"}`
	withdrawForm, withdrawJSON = "to=withdrawn&why=thử", `{"to":"withdrawn","why":"thử"}`
	listenedJSON               = `{"sha256":"` + "0000000000000000000000000000000000000000000000000000000000000001" + `","spans":[]}`
	draftJSON                  = `{"title":"Tiêu đề","field":1}`
)

func bulletinFixtures() []fixture {
	aired, drafted, waiting := bulletinIn(radio.Approved, sau), bulletinIn(radio.Draft, asking), bulletinIn(radio.Pending, asking)
	mine := bulletinIn(radio.Approved, asking)
	read, write, decide := radio.ReadBulletins, radio.WriteBulletins, radio.DecideBulletins
	page, api := "/bulletins/{id}/{version}", "/api/v1/bulletins/{id}/{version}"
	return []fixture{
		{pattern: "GET /bulletins", may: read},
		{pattern: "GET /bulletins/new", may: write},
		{pattern: "POST /bulletins", may: write, status: 400},
		{pattern: "GET " + page, may: read, thing: aired},
		{pattern: "GET " + page + "/audio", may: read, thing: aired},
		{pattern: "GET " + page + "/edit", may: write, thing: drafted},
		{pattern: "POST " + page, may: write, thing: drafted, status: 400},
		{pattern: "POST " + page + "/submit", may: write, thing: drafted},
		{pattern: "POST " + page + "/take-back", may: write, thing: waiting},
		{pattern: "POST " + page + "/delete", may: write, thing: drafted},
		{pattern: "POST " + page + "/revise", may: write, thing: mine},
		{pattern: "POST " + page + "/decision", may: decide, thing: aired, body: withdrawForm},
		{pattern: "POST /bulletins/uploads/{upload}/delete", may: write, thing: uploadThing},
		{pattern: "GET /api/v1/bulletins", may: read},
		{pattern: "POST /api/v1/bulletins", may: write, status: 400},
		{pattern: "GET " + api, may: read, thing: aired},
		{pattern: "PUT " + api, may: write, thing: drafted, body: draftJSON},
		{pattern: "DELETE " + api, may: write, thing: drafted},
		{pattern: "POST " + api + "/submit", may: write, thing: drafted, body: "{}"},
		{pattern: "POST " + api + "/take-back", may: write, thing: waiting},
		{pattern: "POST " + api + "/revise", may: write, thing: mine},
		{pattern: "POST " + api + "/decision", may: decide, thing: aired, body: withdrawJSON},
		{pattern: "POST " + api + "/sign-ask", may: decide, thing: waiting},
		{pattern: "GET " + api + "/listened", may: decide, thing: aired},
		{pattern: "POST " + api + "/listened", may: decide, person: true, thing: aired, body: listenedJSON},
		{pattern: "GET " + api + "/versions", may: read, thing: aired},
		{pattern: "GET " + api + "/history", may: read, thing: aired},
		{pattern: "GET " + api + "/devices", may: read, thing: aired},
		{pattern: "OPTIONS /api/v1/uploads", may: write},
		{pattern: "GET /api/v1/uploads", may: write},
		{pattern: "POST /api/v1/uploads", may: write, status: 412}, // without Tus-Resumable
		{pattern: "HEAD /api/v1/uploads/{upload}", may: write, thing: uploadThing, status: 412},
		{pattern: "PATCH /api/v1/uploads/{upload}", may: write, thing: uploadThing, status: 412},
		{pattern: "DELETE /api/v1/uploads/{upload}", may: write, thing: uploadThing, status: 412},
	}
}
