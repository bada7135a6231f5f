package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"loaxa/internal/radio"
)

// Owed keeps the mails that people are owed about their own accounts (store).
type Owed interface {
	SecondMails(ctx context.Context) ([]radio.SecondMail, error)
	EndSecondMail(ctx context.Context, m radio.SecondMail) error
}

// Letters tells the owner of an account by mail that a first second factor was set up on it.
// Without a mail server, or an address, nobody is told. It tries for a day.
type Letters struct {
	owed Owed
	opts Options
	now  func() time.Time
	log  *slog.Logger
}

// NewLetters only stores.
func NewLetters(owed Owed, opts Options, now func() time.Time, log *slog.Logger) *Letters {
	return &Letters{owed: owed, opts: opts, now: now, log: log}
}

// lettersEvery is how often they are looked for, and tried again.
const lettersEvery = time.Minute

// Run sends letters until ctx ends.
func (l *Letters) Run(ctx context.Context) error {
	tick := time.NewTicker(lettersEvery)
	defer tick.Stop()
	for {
		if err := l.Send(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("write to people about their accounts", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Send tries once what is owed.
func (l *Letters) Send(ctx context.Context) error {
	if l.opts.SMTP.Host == "" {
		return nil // one configured within the day still tells
	}
	owed, err := l.owed.SecondMails(ctx)
	if err != nil {
		return err
	}
	for _, m := range owed {
		old := radio.At(l.now()).Sub(m.At) >= giveUp
		if m.Email != "" && !old {
			if err := l.opts.SMTP.send(ctx, l.second(m)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				l.log.Warn("mail about a second factor not sent, trying again", "login", m.Login, "error", clean(err.Error()))
				continue
			}
		}
		if old && m.Email != "" {
			l.log.Warn("mail about a second factor given up", "login", m.Login)
		}
		// What went out is kept even when ctx ends now.
		if err := l.owed.EndSecondMail(context.WithoutCancel(ctx), m); err != nil {
			return err
		}
	}
	return nil
}

// second is the letter about a first second factor.
func (l *Letters) second(m radio.SecondMail) note {
	at := instants(l.opts.Zone)
	vi := fmt.Sprintf("Tài khoản “%s” trên Loa Xã vừa được cài xác thực hai lớp lúc %s.\n", m.Login, at(m.At))
	en := fmt.Sprintf("A second factor was set up on the account “%s” of Loa Xã at %s.\n", m.Login, at(m.At))
	if m.CountsAt > m.At {
		vi += fmt.Sprintf("Từ nay đăng nhập phải có mã. Mã dùng được để duyệt, ký, phát hành cho cả tỉnh và phát khẩn cấp từ %s, hoặc sớm hơn khi một quản trị viên khác xác nhận.\n", at(m.CountsAt))
		en += fmt.Sprintf("From now on signing in takes a code. It counts for approving, signing, publishing to the whole province and emergencies from %s on, or as soon as another administrator confirms it.\n", at(m.CountsAt))
	}
	vi += "\nNếu không phải bạn cài: có người biết mật khẩu của bạn. Hãy báo ngay quản trị viên để khóa tài khoản và gỡ xác thực hai lớp đó.\n"
	en += "\nIf it was not you, somebody knows your password: tell an administrator at once, who shuts the account and has that second factor taken away.\n"
	return note{to: m.Email, id: fmt.Sprintf("second-%s-%d", m.Person, m.At), subject: "Loa Xã: tài khoản của bạn vừa được cài xác thực hai lớp",
		body: vi + "\n-- English --\n\n" + en, at: l.now()}
}
