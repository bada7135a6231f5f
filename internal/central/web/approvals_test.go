package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// rightKey opens every signing key of the tests.
const rightKey = "mở khóa ký"

// pens are the keys of the tests' approvers, in a keyring of theirs.
type pens struct {
	mu   sync.Mutex
	ring trust.Keyring
	keys map[radio.UserID]trust.Key
	now  func() time.Time
}

func newPens(now func() time.Time) *pens {
	return &pens{ring: trust.Keyring{Version: 1}, keys: map[radio.UserID]trust.Key{}, now: now}
}

// give makes a person's key, once.
func (p *pens) give(t *testing.T, person radio.UserID, scope radio.AreaID) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.keys[person]; ok {
		return
	}
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	p.keys[person] = k
	p.ring.Version++
	p.ring.Persons = append(slices.Clone(p.ring.Persons), trust.PersonKey{ID: person, JWK: k.Public(), Scope: scope, May: []string{trust.MayApprove}})
}

func (p *pens) revoke(person radio.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring.Version++
	p.ring.Revoked = append(slices.Clone(p.ring.Revoked), p.keys[person].KID())
}

func (p *pens) Keyring() ([]byte, trust.Keyring) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return nil, p.ring
}

func (p *pens) Ways(_ context.Context, by radio.UserID, _ string, _ []radio.AreaID) (radio.SignWays, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, has := p.keys[by]
	return radio.SignWays{Password: has, Code: has}, nil
}

func (p *pens) Ask(_ context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error) {
	return []radio.PasskeyAsk{{KID: p.keys[by.ID].KID(), Challenge: what.Audience, At: radio.At(p.now())}}, nil
}

func (p *pens) Sign(_ context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (trust.Signature, radio.Millis, error) {
	if with.Password != rightKey {
		var e radio.Invalid
		e.Add("password", "mật khẩu của khóa ký không đúng", "the password does not open the key")
		return trust.Signature{}, 0, e.Err()
	}
	at := radio.At(p.now())
	payload, err := what.Payload(by.ID, at)
	if err != nil {
		return trust.Signature{}, 0, err
	}
	s, err := trust.SignDetached(what.Type, what.Audience, payload, p.keys[by.ID])
	return s, at, err
}

// heard lets whoever asks now listen to all of it.
func (d *deskHouse) heard(b radio.Bulletin) {
	d.t.Helper()
	body := fmt.Sprintf(`{"sha256":%q,"spans":[{"from_ms":0,"to_ms":9950}]}`, b.Renditions[0].SHA256)
	want(d.t, d.api("POST", b, "/listened", body), 200)
	d.clock = d.clock.Add(10 * time.Second)
	want(d.t, d.api("POST", b, "/listened", body), 200)
}

// TestNeedsApprovalAgain: what is approved under a key that counts no more is found, by the
// page, the list and the API, and approved again by who may; by nobody else.
func TestNeedsApprovalAgain(t *testing.T) {
	d := newDeskHouse(t)
	d.as("soan", radio.RoleEditor, common)
	b := d.create(field{"title", "Tin cần ký"}, field{"field", "1"}, field{"audio", "một"}).Bulletin
	want(t, d.api("POST", b, "/submit", "{}"), 200)
	d.as("duyet", radio.RoleApprover, common)
	b = got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Bulletin
	d.heard(b)
	approve := fmt.Sprintf(`{"to":"approved","seen":%d,"sign":{"password":%q}}`, b.SubmittedAt, rightKey)
	want(t, d.api("POST", b, "/decision", `{"to":"approved","seen":`+fmt.Sprint(b.SubmittedAt)+`}`), 422, "to approve is to sign")
	want(t, d.api("POST", b, "/decision", approve), 200)
	if a := got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Approval; a == nil || !a.Holds || a.KID == "" || a.Person == "" || a.Area != d.area(common) {
		t.Errorf("approval %+v", a)
	}
	list := func() []string {
		t.Helper()
		var titles []string
		for _, x := range got[bulletinsAnswer](t, d.ask(t, "GET", "/api/v1/bulletins?again=1", ""), 200).Bulletins {
			titles = append(titles, x.Title)
		}
		return titles
	}
	if l := list(); len(l) != 0 {
		t.Errorf("listed %v", l)
	}
	if p := d.ask(t, "GET", "/bulletins", ""); strings.Contains(p.Body.String(), `class="warn"><a href="/bulletins?again=1"`) {
		t.Error("a tile for nothing")
	}

	d.pens.revoke(id[radio.UserID]('v', sumOf("duyet")))
	d.page(b, 200, "Cần duyệt lại: không có chữ ký duyệt còn hiệu lực", "Bạn chưa có khóa ký duyệt")
	want(t, d.api("POST", b, "/decision", approve), 403, "Bạn chưa có khóa ký duyệt", "you hold no key")
	if l := list(); !slices.Equal(l, []string{"Tin cần ký"}) {
		t.Errorf("listed %v", l)
	}
	want(t, d.ask(t, "GET", "/bulletins", ""), 200, `<b>1</b> Cần duyệt lại`, "⚠ Cần duyệt lại")
	want(t, d.ask(t, "GET", "/bulletins?again=1&q=tin+can&field=1", ""), 200, "Tin cần ký")
	want(t, d.ask(t, "GET", "/bulletins?again=1&field=2", ""), 200, "Không có bản tin nào.")
	want(t, d.ask(t, "GET", "/bulletins?again=2", ""), 422)
	if a := got[bulletinAnswer](t, d.api("GET", b, "", ""), 200).Approval; a == nil || a.Holds || !strings.Contains(a.Why, "revoked") {
		t.Errorf("approval %+v", a)
	}
	d.as("soan", radio.RoleEditor, common)
	if l := list(); len(l) != 1 {
		t.Errorf("its author is not told: %v", l)
	}
	want(t, d.api("POST", b, "/decision", approve), 403)

	d.as("chanh", radio.RoleApprover, common)
	want(t, d.ask(t, "GET", "/", ""), 200, "1 bản tin cần duyệt lại", `/bulletins?again=1`)
	want(t, d.api("POST", b, "/decision", approve), 409, "Phải nghe hết")
	d.heard(b)
	asks := got[asksAnswer](t, d.api("POST", b, "/sign-ask", ""), 200)
	if len(asks.Asks) != 1 || asks.Asks[0].Challenge != string(d.area(common)) {
		t.Errorf("asks %+v", asks)
	}
	d.page(b, 200, "Ký duyệt lại", `name="key_password"`, `name="code"`)
	want(t, d.ask(t, "POST", bulletinAddress(b)+"/decision", fmt.Sprintf("to=approved&seen=%d&key_password=%s", b.SubmittedAt, url.QueryEscape(rightKey))), 303)
	if l := list(); len(l) != 0 {
		t.Errorf("still listed: %v", l)
	}
	h := got[bulletinHistoryAnswer](t, d.api("GET", b, "/history", ""), 200)
	if h.History[0].Step != radio.StepReapprove || h.History[0].By != id[radio.UserID]('v', sumOf("chanh")) {
		t.Errorf("history %+v", h.History[0])
	}
	d.page(b, 200, "Duyệt lại", "Đã duyệt")
}

func sumOf(name string) (sum int) {
	for _, c := range name {
		sum += int(c)
	}
	return sum
}
