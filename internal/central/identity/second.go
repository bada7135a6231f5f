package identity

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// freshSession: who has no password proves to be there by a sign-in not older than this.
const freshSession = 10 * time.Minute

// Second tells whether a person has a second factor.
func (p *People) Second(ctx context.Context, by radio.Person) (radio.SecondState, error) {
	f, err := p.secondOf(ctx, by.ID)
	state := p.stateOf(f)
	state.Pending = p.waits(f)
	return state, err
}

// waits says whether a secret still waits for its first code.
func (p *People) waits(f radio.SecondFactor) bool {
	return f.Pending != "" && radio.At(p.now()).Sub(f.PendingAt) < pendingLife
}

// BeginSecond makes a secret, told once, that counts when Confirm has seen its first code.
func (p *People) BeginSecond(ctx context.Context, by radio.Person, shown radio.Proof) (radio.NewSecond, error) {
	none := radio.NewSecond{}
	if !by.May(radio.Self) {
		return none, fmt.Errorf("%w: a token has no second factor", radio.ErrForbidden)
	}
	a, err := p.accounts.Person(ctx, by.ID)
	if err != nil {
		return none, err
	}
	if err := p.prove(ctx, by, a, shown); err != nil {
		return none, err
	}
	fresh, err := newTOTP(a.Login)
	if err != nil {
		return none, err
	}
	sealed, err := p.seal.hide(fresh.Secret, a.ID)
	if err != nil {
		return none, err
	}
	return fresh, p.accounts.ProposeSecond(ctx, a.ID, sealed, radio.At(p.now()))
}

// Prove lets through the person to whom the session belongs. For what outlives a session
// a stolen one must not be enough: it asks for the password, and where there is a second
// factor, for a code of it.
func (p *People) Prove(ctx context.Context, by radio.Person, shown radio.Proof) error {
	if !by.May(radio.Self) {
		return fmt.Errorf("%w: a token has no password", radio.ErrForbidden)
	}
	a, err := p.accounts.Person(ctx, by.ID)
	if err != nil {
		return err
	}
	return p.prove(ctx, by, a, shown)
}

func (p *People) prove(ctx context.Context, by radio.Person, a radio.Account, shown radio.Proof) error {
	if err := p.stillThere(ctx, by, a, shown.Password); err != nil {
		return err
	}
	f, err := p.secondOf(ctx, by.ID)
	if err != nil || f.Sealed == "" {
		return err
	}
	return p.ownCode(ctx, by, shown.Code)
}

// stillThere asks for the own password, with the patience of a change of password. Who
// signs in elsewhere and has none must have done so just now.
func (p *People) stillThere(ctx context.Context, by radio.Person, a radio.Account, password string) error {
	if a.PasswordHash == "" {
		open, err := p.accounts.Sessions(ctx, by.ID, by.Session, radio.At(p.now()))
		if err != nil {
			return err
		}
		for _, s := range open {
			if s.Current && radio.At(p.now()).Sub(s.CreatedAt) < freshSession {
				return nil
			}
		}
		return radio.Refuse(radio.ErrForbidden, "Hãy đăng xuất, đăng nhập lại rồi làm ngay việc này.", "sign out, sign in again and do this at once")
	}
	from := inSession(by.Login)
	if wait := p.guard.waiting(from, p.now()); wait > 0 {
		return locked{wait}
	}
	ok, err := p.check(ctx, a.PasswordHash, password, "person "+string(by.ID))
	if err != nil {
		return err
	}
	if !ok {
		p.guard.failed(from, p.now())
		var e radio.Invalid
		e.Add("password", "mật khẩu không đúng", "the password is wrong")
		return e.Err()
	}
	p.guard.forgive(from)
	return nil
}

// ConfirmSecond takes the first code of a secret that waits: from then on it is asked for.
// Where the person had no second factor, it counts for what takes a code after a while
// (firstfactor.go). The recovery codes are told once.
func (p *People) ConfirmSecond(ctx context.Context, by radio.Person, code string) ([]string, error) {
	if !by.May(radio.Self) {
		return nil, fmt.Errorf("%w: a token has no second factor", radio.ErrForbidden)
	}
	f, err := p.secondOf(ctx, by.ID)
	if err != nil {
		return nil, err
	}
	if !p.waits(f) {
		return nil, radio.Refuse(radio.ErrConflict, "Không có mã QR nào đang chờ xác nhận, hoặc đã quá 30 phút. Hãy làm lại từ đầu.", "no secret waits for its first code, or it waited too long: begin anew")
	}
	digits, _ := readCode(code)
	if digits == "" {
		return nil, noCode()
	}
	var codes []string
	err = p.guarded(ctx, codeInSession(by), func(now time.Time) error {
		secret, err := p.seal.show(f.Pending, by.ID)
		if err != nil {
			return err
		}
		step, err := stepOf(secret, digits, now)
		if err != nil {
			return err
		}
		fresh, hashes, err := newRecovery(by.ID)
		if err != nil {
			return err
		}
		codes = fresh
		return p.accounts.ConfirmSecond(ctx, by.ID, f.Pending, step, hashes, radio.At(p.firstCounts(by.ID, now)), radio.At(now))
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// RenewRecovery gives new recovery codes in place of those left, for a code.
func (p *People) RenewRecovery(ctx context.Context, by radio.Person, code string) ([]string, error) {
	if err := p.ownCode(ctx, by, code); err != nil {
		return nil, err
	}
	codes, hashes, err := newRecovery(by.ID)
	if err != nil {
		return nil, err
	}
	if err := p.accounts.ReplaceRecovery(ctx, by.ID, hashes, radio.At(p.now())); err != nil {
		return nil, err
	}
	return codes, nil
}
