package web

import (
	"context"
	"net/http"
	"testing"

	"loaxa/internal/radio"
)

// fakeTrail knows who answers for everything.
type fakeTrail struct{}

func (fakeTrail) Steps(context.Context, radio.AsRun) ([]radio.AirStep, error) {
	return []radio.AirStep{
		{Act: radio.ActBulletinApproved, At: radio.At(now), By: "U", Name: "Đặng Minh Đức", ID: "01B", Title: "Tin <mưa>", Version: 2, Key: "KID-1"},
		{Act: radio.ActCommanded, At: radio.At(now), By: "command:hoa", ID: "01C", Do: radio.CommandStop, Came: radio.ReceiptDone},
		{Act: radio.ActLocalStop, At: radio.At(now)},
	}, nil
}

// TestWhoAnswers: the page and the API of an airing say who scheduled, approved and
// stopped it, also where nobody can be named.
func TestWhoAnswers(t *testing.T) {
	h := newHouse(t)
	row := h.log.rows[0]
	path := string(row.Key.Device) + "/" + string(row.Airing)
	want(t, h.ask(t, http.MethodGet, "/log/"+path, ""), http.StatusOK, "Ai chịu trách nhiệm", "Đặng Minh Đức", "khóa KID-1", `href="/bulletins/01B"`, "Tin &lt;mưa&gt;",
		"Ra lệnh từ xa", "command:hoa", "Dừng tại cụm loa, bằng mã PIN")
	want(t, h.ask(t, http.MethodGet, "/api/v1/log/"+path, ""), http.StatusOK, `"act":"bulletin_approved"`, `"key":"KID-1"`, `"do":"stop"`)
}
