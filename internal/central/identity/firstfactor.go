package identity

import (
	"context"
	"fmt"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// A person's first second factor, also the first after a reset, is asked for at sign-in at
// once, and counts for what takes a code (approving, publishing to the whole province,
// emergencies, signing) only after FirstSecondWait, or as soon as another administrator
// confirms it. Else who has stolen the password of an account without one would set up their
// own and go on. Meanwhile its person notices: a mail tells them, and they cannot sign in.
//
// Who makes the first account of a new centre has nobody to confirm theirs: for an hour, in
// the same process, it counts at once.

// FirstSecondWait is how long a first second factor waits.
const FirstSecondWait = 24 * time.Hour

// founder is who has made the first account.
type founder struct {
	mu    sync.Mutex
	id    radio.UserID
	until time.Time
}

func (f *founder) is(id radio.UserID, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.id, f.until = id, until
}

func (f *founder) at(id radio.UserID, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.id != "" && f.id == id && now.Before(f.until)
}

// firstCounts is from when a first second factor counts that is set up now.
func (p *People) firstCounts(id radio.UserID, now time.Time) time.Time {
	if p.founder.at(id, now) {
		return now
	}
	return now.Add(FirstSecondWait)
}

// stateOf is what screens tell of a second factor.
func (p *People) stateOf(f radio.SecondFactor) radio.SecondState {
	s := radio.SecondState{Set: f.Sealed != "", Since: f.Since, Recovery: f.Recovery}
	if s.Set && f.CountsAt > radio.At(p.now()) {
		s.CountsAt = f.CountsAt
	}
	return s
}

// notYet refuses a second factor that does not count yet, and says when it does and who can
// make it count at once.
func notYet(login string, left time.Duration) error {
	left = max(left.Round(time.Minute), time.Minute)
	hours, minutes := int(left/time.Hour), int(left%time.Hour/time.Minute)
	return radio.Refuse(radio.ErrForbidden,
		fmt.Sprintf("Xác thực hai lớp của bạn mới cài nên chưa dùng được cho việc này; còn %d giờ %d phút nữa. Muốn dùng ngay: nhờ một quản trị viên khác xác nhận ở trang của bạn trong mục Tài khoản, hoặc người giữ máy chủ chạy lệnh loaxa user confirm-second --login %s", hours, minutes, login),
		fmt.Sprintf("your second factor is new and counts for this in %d h %d min; at once when another administrator confirms it on your page under accounts, or by `loaxa user confirm-second --login %s` on the centre's machine", hours, minutes, login))
}

// CountSecond is another administrator's word, with a code of their own, that the first
// second factor of a person, set up at since, is that person's: it counts at once.
func (p *People) CountSecond(ctx context.Context, by radio.Person, id radio.UserID, since radio.Millis, code string) error {
	if _, _, err := p.another(ctx, by, id); err != nil {
		return err
	}
	if since <= 0 {
		var e radio.Invalid
		e.Add("since", "thiếu thời điểm cài của xác thực hai lớp", "say when the second factor was set up that is confirmed")
		return e.Err()
	}
	f, err := p.secondOf(ctx, id)
	if err != nil {
		return err
	}
	if f.Sealed != "" && f.CountsAt <= radio.At(p.now()) {
		return radio.Refuse(radio.ErrConflict, "Xác thực hai lớp của người này đã có hiệu lực.", "this second factor counts already") // no code is used up
	}
	if err := p.CheckCode(ctx, by, code); err != nil {
		return err
	}
	return p.accounts.CountSecond(ctx, id, since, actor(by), radio.At(p.now()))
}

// CountSecondByOperator is CountSecond on the word of who works on the centre's machine.
func (p *People) CountSecondByOperator(ctx context.Context, login, actor string) error {
	a, err := p.accounts.PersonByLogin(ctx, login)
	if err != nil {
		return fmt.Errorf("confirm the second factor of %s: %w", login, err)
	}
	return p.accounts.CountSecond(ctx, a.ID, 0, actor, radio.At(p.now()))
}
