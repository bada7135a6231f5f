package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestApproverRevoked: the key of an approver is revoked while a device holds what they have
// signed. The device has it no more, the console says what needs approval again, and once
// another person has signed for it the device holds it again, under their name.
func TestApproverRevoked(t *testing.T) {
	lane(t, short)
	const other = "duyet-khac"
	h := newHouse(t, []string{"a"})
	h.command(secret, "user", "add", "--login", other, "--name", "Người duyệt khác", "--role", "approver", "--password-stdin")
	h.approver(other, "tinh")
	h.serve()
	a := h.agent("a", `driver: "null"`)
	b := h.upload("tin", "Bản tin", tone(t, 3, 440))
	due := dueMinute(12 * time.Hour)
	h.schedule(due, "tin")
	a.ready(due)

	again := func() (waiting []radio.Bulletin) {
		t.Helper()
		var page struct {
			Bulletins []radio.Bulletin `json:"bulletins"`
		}
		h.get("/api/v1/bulletins?again=1", &page)
		return page.Bulletins
	}
	if w := again(); len(w) != 0 {
		t.Fatalf("before: %d need approval again", len(w))
	}
	h.command("", "key", "person", "revoke", "--root", filepath.Join(h.dir, "root.jwk"), "--user", second)
	h.eventually(60*time.Second, "the device has nothing to play", func() bool {
		s, ok := a.status()
		return ok && len(s.Next) == 0 && len(s.Audio) == 0
	})
	if w := again(); len(w) != 1 || w[0].ID != b.ID {
		t.Fatalf("need approval again: %+v", w)
	}
	decision := fmt.Sprintf("/api/v1/bulletins/%s/%d/decision", b.ID, b.Version)
	sign := func(login string) (int, string) {
		t.Helper()
		h.withSecond(login)
		h.as(login)
		h.listen(b)
		return h.try("POST", decision, radio.Verdict{To: radio.Approved, Seen: b.SubmittedAt, Sign: &radio.SignWith{Password: keySecret, Code: h.code(login)}})
	}
	if status, said := sign(second); status != 403 {
		t.Errorf("with the revoked key: %d %s", status, said)
	}
	if status, said := sign(other); status != 200 {
		t.Fatalf("by another: %d %s", status, said)
	}
	a.ready(due)
	var now struct {
		DecidedBy radio.UserID `json:"decided_by"`
		Approval  struct {
			Person radio.UserID `json:"person"`
			Holds  bool         `json:"holds"`
		} `json:"approval"`
	}
	h.get(fmt.Sprintf("/api/v1/bulletins/%s/%d", b.ID, b.Version), &now)
	if w := again(); len(w) != 0 || !now.Approval.Holds || now.Approval.Person != now.DecidedBy || now.DecidedBy == b.DecidedBy {
		t.Errorf("approved again: %+v, %d wait", now, len(w))
	}
}
