package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"loaxa/internal/radio"
)

// TestHiddenCharacters: what makes text look other than it is comes into no text field,
// by no way; what is only hidden does not stay.
func TestHiddenCharacters(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	b := d.create(field{"code", "tin"}, field{"title", "Tin"}, field{"field", "1"}, field{"audio", "a"}).Bulletin
	for _, key := range []string{"title", "summary", "author", "pen_name", "unit", "transcript", "language"} {
		for _, bad := range []string{"a\u202eb", "a\u2066b", "a\U000e0041", "a\x1b"} {
			in := map[string]any{"title": "Tin", "field": 1}
			in[key] = bad
			body, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			want(t, d.api("PUT", b, "", string(body)), http.StatusUnprocessableEntity, `"field":"`+key+`"`)
		}
	}
	if x := got[bulletinAnswer](t, d.api("PUT", b, "", `{"title":"\ufeffTi\u200bn","field":1}`), 200); x.Title != "Tin" {
		t.Errorf("title %q", x.Title)
	}

	h := newHouse(t)
	form := url.Values{"code": {"ben-do"}, "name": {"Cụm \u202eloa"}, "hamlet": {string(h.plan.places[1].Hamlet().ID)}, "rendition": {"64"}}
	want(t, h.ask(t, http.MethodPost, "/devices", form.Encode()), http.StatusUnprocessableEntity, "202E")
	form.Set("name", "Cụm\u200b loa\u00ad")
	want(t, h.ask(t, http.MethodPost, "/devices", form.Encode()), http.StatusSeeOther)
	if n := h.watch.added[len(h.watch.added)-1].Name; n != "Cụm loa" {
		t.Errorf("name %q", n)
	}
	path := schedulePath(h, "/edit")
	for _, key := range []string{"title", "note"} {
		q := inputs(t, h.ask(t, http.MethodGet, path, "").Body.String())
		q.Set("do", "save")
		q.Set(key, "\ufefftin\u200b cũ")
		want(t, h.ask(t, http.MethodPost, path, q.Encode()), http.StatusSeeOther)
		if x := h.plans.drafts[h.plan.schedules[0].ID]; key == "title" && x.Doc.Title != "tin cũ" || key == "note" && x.Note != "tin cũ" {
			t.Errorf("%s: kept %q, %q", key, x.Doc.Title, x.Note)
		}
	}
}
