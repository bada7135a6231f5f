package identity

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Who has shown the password and owes a code of the second factor holds a ticket: the
// page that asks for the code need not carry the password. Tickets rest in memory only.
const (
	halfLife   = 5 * time.Minute
	mostHalves = 1000
	// mostHalvesEach: who knows one password fills only their own places.
	mostHalvesEach = 10
)

// half is one sign-in that waits for its code.
type half struct {
	person   radio.UserID
	password string // its hash: a ticket ends with it
	from     guess
	until    time.Time
}

// halves keeps them by the hash of their ticket. Safe for concurrent use.
type halves struct {
	mu   sync.Mutex
	open map[string]half
}

// add gives a ticket; of a person's own too many, the oldest goes.
func (h *halves) add(fresh half, now time.Time) (string, error) {
	ticket, err := secret()
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	theirs, oldest := 0, ""
	for hash, x := range h.open {
		if !now.Before(x.until) {
			delete(h.open, hash)
			continue
		}
		if x.person == fresh.person {
			if theirs++; oldest == "" || x.until.Before(h.open[oldest].until) {
				oldest = hash
			}
		}
	}
	if theirs >= mostHalvesEach {
		delete(h.open, oldest)
	}
	if len(h.open) >= mostHalves {
		return "", &radio.Busy{What: "too many sign in at once", Wait: halfLife / 10}
	}
	h.open[tokenHash(ticket)] = fresh
	return ticket, nil
}

func (h *halves) find(ticket string, now time.Time) (half, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.open[tokenHash(ticket)]
	return x, ok && now.Before(x.until)
}

// end uses a ticket up; false when somebody else was faster.
func (h *halves) end(ticket string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.open[tokenHash(ticket)]
	delete(h.open, tokenHash(ticket))
	return ok
}

// ErrTicket says that a sign-in begins anew.
var ErrTicket = radio.Refuse(radio.ErrForbidden, "Đã quá 5 phút hoặc lần đăng nhập này đã kết thúc; hãy nhập lại mật khẩu.", "this sign-in waited too long, or has ended: give the password again")

// SignInCode is the second step of a sign-in: the code for a ticket. A wrong code leaves
// the ticket; ErrTicket when it has ended.
func (p *People) SignInCode(ctx context.Context, ticket, code string) (radio.SignedIn, error) {
	none := radio.SignedIn{}
	x, ok := p.half.find(ticket, p.now())
	if !ok {
		return none, ErrTicket
	}
	a, err := p.accounts.Person(ctx, x.person)
	if err != nil {
		return none, err
	}
	if a.DisabledAt != 0 || a.PasswordHash != x.password {
		return none, ErrTicket
	}
	if err := p.checkCode(ctx, a.ID, x.from, code); err != nil {
		return none, err
	}
	if !p.half.end(ticket) {
		return none, ErrTicket
	}
	return p.open(ctx, a)
}
