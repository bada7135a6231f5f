package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Sessions keeps what a person has open.
type Sessions interface {
	Sessions(ctx context.Context, id radio.UserID, current string, now radio.Millis) ([]radio.WebSession, error)
	EndSessions(ctx context.Context, id radio.UserID, keep, actor string, at radio.Millis) error
	ChangePassword(ctx context.Context, id radio.UserID, hash, keep string, at radio.Millis) error
}

// Tokens keeps API tokens by their hashes.
type Tokens interface {
	AddToken(ctx context.Context, t radio.APIToken, tokenHash string, most int) error
	Tokens(ctx context.Context, id radio.UserID) ([]radio.APIToken, error)
	TokenPerson(ctx context.Context, tokenHash string, now radio.Millis) (radio.APIToken, radio.Account, error)
	TouchToken(ctx context.Context, id radio.TokenID, at radio.Millis) error
	RevokeToken(ctx context.Context, person radio.UserID, id radio.TokenID, at radio.Millis) error
}

// TokenPrefix begins every API token, so that people and scanners of code know one.
const TokenPrefix = "loaxa_"

const (
	maxTokenDays = 365
	mostTokens   = 20
	touchEvery   = time.Minute
	// tokenLen: the prefix, 32 random bytes and the 3 of the checksum in base64url.
	tokenLen = len(TokenPrefix) + 43 + 4
)

// checksum is the end of a token: a slip in copying is told from a token that ended
// without asking the store.
func checksum(begin string) string {
	sum := sha256.Sum256([]byte(begin))
	return base64.RawURLEncoding.EncodeToString(sum[:3])
}

// NewToken makes a token with which a program speaks for the person, who has proved to be
// there. It is told once; only its SHA-256 is kept.
func (p *People) NewToken(ctx context.Context, by radio.Person, shown radio.Proof, name string, days int, use radio.TokenUse) (radio.APIToken, string, error) {
	if !by.May(radio.Self) {
		return radio.APIToken{}, "", fmt.Errorf("%w: a token makes no tokens", radio.ErrForbidden)
	}
	name = radio.TidyLine(name)
	var e radio.Invalid
	radio.CheckLine(&e, "name", name, 1, 100)
	if days < 1 || days > maxTokenDays {
		e.Add("days", fmt.Sprintf("thời hạn từ 1 đến %d ngày", maxTokenDays), fmt.Sprintf("a token lives 1 to %d days", maxTokenDays))
	}
	if use != radio.TokenReads && use != radio.TokenWrites {
		e.Add("use", "quyền của mã là chỉ đọc (read) hoặc đọc và ghi (write)", "a token is for read or write")
	}
	if err := e.Err(); err != nil {
		return radio.APIToken{}, "", err
	}
	if err := p.Prove(ctx, by, shown); err != nil {
		return radio.APIToken{}, "", err
	}
	random, err := secret()
	if err != nil {
		return radio.APIToken{}, "", err
	}
	text := TokenPrefix + random
	text += checksum(text)
	now := p.now()
	t := radio.APIToken{ID: radio.NewID[radio.TokenID](), Person: by.ID, Name: name, Use: use, CreatedAt: radio.At(now), ExpiresAt: radio.At(now.AddDate(0, 0, days))}
	return t, text, p.accounts.AddToken(ctx, t, tokenHash(text), mostTokens)
}

// TokenPerson is for whom a token speaks, with the rights the person has now as far as
// the token reaches; ErrNotFound when it works for nobody.
func (p *People) TokenPerson(ctx context.Context, text string) (radio.Person, error) {
	if len(text) != tokenLen || !strings.HasPrefix(text, TokenPrefix) || checksum(text[:tokenLen-4]) != text[tokenLen-4:] {
		return radio.Person{}, fmt.Errorf("token: %w", radio.ErrNotFound)
	}
	now := radio.At(p.now())
	t, a, err := p.accounts.TokenPerson(ctx, tokenHash(text), now)
	if err != nil {
		return radio.Person{}, err
	}
	if now.Sub(t.UsedAt) >= touchEvery {
		if err := p.accounts.TouchToken(ctx, t.ID, now); err != nil {
			return radio.Person{}, err
		}
	}
	out := person(a)
	out.Token, out.TokenID = t.Use, t.ID
	return out, nil
}

// Tokens lists the person's own tokens, newest first.
func (p *People) Tokens(ctx context.Context, by radio.Person) ([]radio.APIToken, error) {
	return p.accounts.Tokens(ctx, by.ID)
}

// RevokeToken ends one of the person's own tokens.
func (p *People) RevokeToken(ctx context.Context, by radio.Person, id radio.TokenID) error {
	return p.accounts.RevokeToken(ctx, by.ID, id, radio.At(p.now()))
}

// Account is the person's own account.
func (p *People) Account(ctx context.Context, by radio.Person) (radio.Account, error) {
	return p.accounts.Person(ctx, by.ID)
}

// Sessions lists where the person is signed in; session is the cookie that asks.
func (p *People) Sessions(ctx context.Context, by radio.Person, session string) ([]radio.WebSession, error) {
	return p.accounts.Sessions(ctx, by.ID, tokenHash(session), radio.At(p.now()))
}

// SignOutEverywhere ends every session and every token of the person.
func (p *People) SignOutEverywhere(ctx context.Context, by radio.Person) error {
	return p.accounts.EndSessions(ctx, by.ID, "", actor(by), radio.At(p.now()))
}
