package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Taking a person's second factor away takes two administrators, each with a code of their
// own: one asks, another confirms. Or the root key stands for both (a command on the
// centre's machine). One administrator alone would otherwise be everybody: with a reset of
// the password, too, they could sign in as any approver.
//
// Two accounts of one dishonest administrator are not kept out; what they did before, the
// audit shows. At least a second account cannot be made in haste: who confirms had their
// second factor before it was asked.

// SecondResetLife is how long a wish waits for the other administrator.
const SecondResetLife = 24 * time.Hour

// SecondResets keeps wishes to take second factors away.
type SecondResets interface {
	AskSecondReset(ctx context.Context, r radio.SecondReset) error
	SecondReset(ctx context.Context, id radio.UserID, now radio.Millis) (radio.SecondReset, error)
	// ResetSecond takes it away; asked is nil when the root key stands for both.
	ResetSecond(ctx context.Context, id radio.UserID, asked *radio.SecondReset, actor string, at radio.Millis) error
}

// SecondOf tells an administrator of another's second factor, and who has asked to take it
// away.
func (p *People) SecondOf(ctx context.Context, by radio.Person, id radio.UserID) (radio.SecondState, radio.SecondReset, error) {
	var asked radio.SecondReset
	if _, err := p.Find(ctx, by, id); err != nil {
		return radio.SecondState{}, asked, err
	}
	f, err := p.secondOf(ctx, id)
	if err != nil {
		return radio.SecondState{}, asked, err
	}
	if asked, err = p.accounts.SecondReset(ctx, id, radio.At(p.now())); errors.Is(err, radio.ErrNotFound) {
		asked, err = radio.SecondReset{}, nil
	}
	return p.stateOf(f), asked, err
}

// AskSecondReset is the first administrator's wish, with a code of their own.
func (p *People) AskSecondReset(ctx context.Context, by radio.Person, id radio.UserID, code string) error {
	if _, _, err := p.another(ctx, by, id); err != nil {
		return err
	}
	if err := p.CheckCode(ctx, by, code); err != nil {
		return err
	}
	now := p.now()
	return p.accounts.AskSecondReset(ctx, radio.SecondReset{Person: id, AskedBy: by.ID, AskedAt: radio.At(now), ExpiresAt: radio.At(now.Add(SecondResetLife))})
}

// ConfirmSecondReset is the other administrator's word: the second factor is gone, and the
// person's sessions have ended.
func (p *People) ConfirmSecondReset(ctx context.Context, by radio.Person, id radio.UserID, code string) error {
	_, tree, err := p.another(ctx, by, id)
	if err != nil {
		return err
	}
	asked, err := p.accounts.SecondReset(ctx, id, radio.At(p.now()))
	if errors.Is(err, radio.ErrNotFound) {
		return radio.Refuse(radio.ErrConflict, "Chưa có quản trị viên nào đề nghị, hoặc đề nghị đã quá 24 giờ.", "no administrator has asked for it, or that was more than 24 hours ago")
	}
	if err != nil {
		return err
	}
	if asked.AskedBy == by.ID {
		return radio.Refuse(radio.ErrForbidden, "Cần một quản trị viên khác xác nhận.", "another administrator must confirm")
	}
	if err := p.stillMay(ctx, asked.AskedBy, id, tree); err != nil {
		return err
	}
	own, err := p.secondOf(ctx, by.ID)
	if err != nil {
		return err
	}
	if own.Sealed != "" && own.Since >= asked.AskedAt {
		return radio.Refuse(radio.ErrForbidden, "Bạn mới cài xác thực hai lớp sau khi có đề nghị này; hãy nhờ một quản trị viên khác xác nhận.", "you set up your second factor after this was asked: another administrator must confirm")
	}
	if err := p.CheckCode(ctx, by, code); err != nil {
		return err
	}
	return p.accounts.ResetSecond(ctx, id, &asked, actor(by), radio.At(p.now()))
}

// stillMay refuses the wish of one who is no administrator of the person any more.
func (p *People) stillMay(ctx context.Context, asker, id radio.UserID, tree radio.AreaTree) error {
	a, err := p.accounts.Person(ctx, asker)
	if err != nil {
		return err
	}
	whose, err := p.accounts.Person(ctx, id)
	if err != nil {
		return err
	}
	if a.DisabledAt != 0 || !person(a).Covers(radio.WritePeople, whose.Grants, tree) {
		return radio.Refuse(radio.ErrConflict, "Người đề nghị không còn là quản trị viên của người này; hãy đề nghị lại.", "who asked no longer administers this person: ask anew")
	}
	return nil
}

// IsRoot refuses every key but the province's newest root.
func IsRoot(dir string, key trust.Key, province radio.AreaID) error {
	chain, err := readRoots(dir, province)
	if err != nil {
		return err
	}
	return chain.signs(key)
}

// ResetSecondByRoot takes a person's second factor away; the caller has proved to hold the
// root key.
func (p *People) ResetSecondByRoot(ctx context.Context, login, actor string) error {
	a, err := p.accounts.PersonByLogin(ctx, login)
	if err != nil {
		return fmt.Errorf("reset the second factor of %s: %w", login, err)
	}
	return p.accounts.ResetSecond(ctx, a.ID, nil, actor, radio.At(p.now()))
}
