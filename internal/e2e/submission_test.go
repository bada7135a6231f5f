package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"loaxa/internal/radio"
)

// TestCommuneHandsUp: a commune's approved bulletin becomes a draft of the province's own once
// the province's editor has listened to it, and is approved and signed there anew. The commune
// itself does not take it, and reads its own week.
func TestCommuneHandsUp(t *testing.T) {
	lane(t, short)
	const writer, decider = "xa", "duyet-xa"
	h := newHouse(t, []string{"a"})
	h.command(secret, "user", "add", "--login", writer, "--name", "Biên tập xã", "--role", "editor@xa", "--password-stdin")
	h.command(secret, "user", "add", "--login", decider, "--name", "Người duyệt xã", "--role", "approver@xa", "--password-stdin")
	h.approver(decider, "xa")
	h.serve()
	decide := func(login string, b radio.Bulletin) radio.Bulletin {
		t.Helper()
		h.withSecond(login)
		h.as(login)
		h.listen(b)
		h.post(fmt.Sprintf("/api/v1/bulletins/%s/%d/decision", b.ID, b.Version), radio.Verdict{To: radio.Approved, Seen: b.SubmittedAt, Sign: &radio.SignWith{Password: keySecret, Code: h.code(login)}}, &b)
		return b
	}
	b := decide(decider, h.handIn(writer, "guong-tot", "Gương người tốt", tone(t, 3, 440)))
	h.as(writer)
	var x radio.Submission
	h.post(fmt.Sprintf("/api/v1/bulletins/%s/%d/hand-up", b.ID, b.Version), map[string]string{"why": "dự thi"}, &x)
	one := "/api/v1/submissions/" + string(x.ID)
	if status, said := h.try(http.MethodPost, one, map[string]string{"do": "take"}); status != http.StatusForbidden {
		t.Errorf("the commune takes: %d %s", status, said)
	}
	h.as(author)
	if status, said := h.try(http.MethodPost, one, map[string]string{"do": "take"}); status != http.StatusConflict {
		t.Errorf("taken without listening: %d %s", status, said)
	}
	h.listenAt(one+"/listened", b)
	h.post(one, map[string]string{"do": "take"}, &x)
	if x.State != radio.SubmissionTaken || len(x.Steps) != 2 {
		t.Fatalf("taken: %+v", x)
	}
	var own radio.Bulletin
	address := fmt.Sprintf("/api/v1/bulletins/%s/1", x.Last().Became)
	h.post(address+"/submit", map[string]bool{}, &own)
	if own.State != radio.Pending || own.SourceSHA256 != b.SourceSHA256 || own.Area == b.Area {
		t.Fatalf("the province's own %+v", own)
	}
	if own = decide(second, own); own.State != radio.Approved {
		t.Fatalf("approved anew: %+v", own)
	}
	h.as(writer)
	var week radio.Timeline
	h.get("/api/v1/timeline/"+string(h.communeOf("a")), &week)
	if week.Devices+week.Idle != 1 || week.Commune != b.Area {
		t.Errorf("the week %+v", week)
	}
}
