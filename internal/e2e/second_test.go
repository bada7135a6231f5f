package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

// setSecond gives a person a second factor, as they would on the account page, and confirms
// it as an administrator on the machine does. From then on login and code use it. Who signed
// in before is signed in as that person afterwards.
func (h *house) setSecond(login string) {
	h.t.Helper()
	first := h.recovery[login] == nil
	h.newSecond(login)
	if first {
		h.command("", "user", "confirm-second", "--login", login)
	}
}

// newSecond is setSecond without the confirmation.
func (h *house) newSecond(login string) {
	h.t.Helper()
	h.as(login)
	var fresh struct{ Secret string }
	h.post("/api/v1/account/second", map[string]string{"password": secret}, &fresh)
	code, err := central.SecondCode(fresh.Secret, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	h.post("/api/v1/account/second/confirm", map[string]string{"code": code}, h.keep(login))
}

// withSecond is setSecond for who has none yet.
func (h *house) withSecond(login string) {
	h.t.Helper()
	if h.recovery[login] == nil {
		h.setSecond(login)
	}
}

// recovery are the codes of a person that are left. They, and not the authenticator's: of
// those every one counts once in 30 seconds.
type recovery struct {
	Codes []string `json:"recovery_codes"`
}

func (h *house) keep(login string) *recovery {
	if h.recovery == nil {
		h.recovery = map[string]*recovery{}
	}
	if h.recovery[login] == nil {
		h.recovery[login] = &recovery{}
	}
	return h.recovery[login]
}

// code is one that counts for the person; "" for who has no second factor.
func (h *house) code(login string) string {
	h.t.Helper()
	if kept := h.recovery[login]; kept != nil {
		return kept.pop()
	}
	return ""
}

// refill changes the last codes of who has just signed in for ten others.
func (h *house) refill(login string) {
	h.t.Helper()
	if kept := h.recovery[login]; kept != nil && len(kept.Codes) < 4 {
		h.post("/api/v1/account/second/recovery", map[string]string{"code": kept.pop()}, kept)
	}
}

func (r *recovery) pop() string {
	last := r.Codes[len(r.Codes)-1]
	r.Codes = r.Codes[:len(r.Codes)-1]
	return last
}

// TestProvinceTakesACode: in a running centre a password alone neither signs in who has a
// second factor, nor reaches the whole province; nor does a program.
func TestProvinceTakesACode(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"loa"})
	const chief = "truong-phong"
	h.command(secret, "user", "add", "--login", chief, "--name", "Trưởng phòng", "--role", "approver", "--password-stdin")
	h.serve()
	tin := h.upload("tin", "Tin", tone(t, 3, 440))
	var draft radio.ScheduleDraft
	h.login(author)
	h.post("/api/v1/schedules", map[string]any{"form": radio.ScheduleForm{Code: "toan-tinh", Title: "Toàn tỉnh", Targets: []radio.FormTarget{{Area: "tinh"}},
		Slots: []radio.FormSlot{{Code: "sang", Times: []string{"05:00"}, Items: []radio.FormItem{{Code: "mot", Bulletin: tin.Code}}}}}}, &draft)
	path := "/api/v1/schedules/" + string(draft.Doc.ID)
	h.post(path+"/submit", map[string]int64{"revision": draft.Revision}, &draft)
	publish := func(code string) (int, string) {
		return h.try("POST", path+"/publish", map[string]any{"revision": draft.Revision, "accept_conflicts": true, "code": code})
	}
	h.login(chief)
	if status, said := publish("123456"); status != http.StatusForbidden || !strings.Contains(said, "second factor") {
		t.Errorf("without a second factor: %d %s", status, said)
	}
	var token struct{ Secret string }
	h.post("/api/v1/tokens", map[string]any{"name": "thử", "days": 1, "use": "write", "password": secret}, &token)
	h.newSecond(chief)
	if status, said := publish(h.code(chief)); status != http.StatusForbidden || !strings.Contains(said, "confirm-second --login "+chief) || !strings.Contains(said, "23 h 59 min") && !strings.Contains(said, "24 h 0 min") {
		t.Errorf("with a second factor set up just now: %d %s", status, said)
	}
	h.command("", "user", "confirm-second", "--login", chief)
	if status, said := publish("000000"); status != http.StatusUnprocessableEntity {
		t.Errorf("with a wrong code: %d %s", status, said)
	}
	if status, said := h.tryToken(token.Secret, path+"/publish", map[string]any{"revision": draft.Revision, "accept_conflicts": true, "code": h.code(chief)}); status != http.StatusForbidden {
		t.Errorf("a program: %d %s", status, said)
	}
	if status, said := h.try("POST", "/api/v1/login", map[string]string{"login": chief, "password": secret}); status != http.StatusUnprocessableEntity || !strings.Contains(said, `"field":"code"`) {
		t.Errorf("a sign-in without a code: %d %s", status, said)
	}
	h.login(chief)
	if status, said := publish(h.code(chief)); status != http.StatusOK {
		t.Errorf("with a code: %d %s", status, said)
	}

	// The telephone and the recovery codes are lost, and there is no administrator: the root
	// key takes the second factor away, no other key does.
	h.command("", "key", "root", "--plain", "--out", filepath.Join(h.dir, "other.jwk"))
	wrong := exec.CommandContext(t.Context(), programs.centre, "user", "reset-second", "--login", chief, "--root", filepath.Join(h.dir, "other.jwk"))
	wrong.Env = h.env()
	if out, err := wrong.CombinedOutput(); err == nil || !strings.Contains(string(out), "not the province's root key") {
		t.Errorf("another key: %v %s", err, out)
	}
	h.command("", "user", "reset-second", "--login", chief, "--root", filepath.Join(h.dir, "root.jwk"))
	delete(h.recovery, chief)
	if status, said := h.try("GET", "/api/v1/account", nil); status != http.StatusUnauthorized {
		t.Errorf("a session from before: %d %s", status, said)
	}
	h.login(chief)
}

// tryToken is try for a program.
func (h *house) tryToken(token, path string, body any) (int, string) {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url(path), strings.NewReader(string(b)))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req) // without the cookies of a session
	if err != nil {
		h.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}
