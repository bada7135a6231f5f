package radio

import "strings"

// TokenID names an API token; the token itself is kept by nobody but its owner.
type TokenID string

// TokenUse is how far an API token reaches within the rights of its person; "" stands
// for a person who signed in.
type TokenUse string

const (
	TokenReads  TokenUse = "read"
	TokenWrites TokenUse = "write"
)

// allows: no program changes people or the account that it speaks for, whatever the
// person may, so that a token that leaked cannot make itself a way to stay; and none
// signs an alert.
func (t TokenUse) allows(a Action) bool {
	switch t {
	case "":
		return true
	case TokenWrites:
		return a != Self && a != WritePeople && a != SignAlerts
	}
	return a != Self && strings.HasSuffix(string(a), ".read")
}

// APIToken lets a program speak for a person at /api/v1.
type APIToken struct {
	ID        TokenID  `json:"id"`
	Person    UserID   `json:"-"`
	Name      string   `json:"name"`
	Use       TokenUse `json:"use"`
	CreatedAt Millis   `json:"created_at"`
	ExpiresAt Millis   `json:"expires_at"`
	// UsedAt is coarse: it is written at most once a minute. 0 before the first time.
	UsedAt    Millis `json:"used_at,omitempty"`
	RevokedAt Millis `json:"revoked_at,omitempty"`
}

// Invitation is a one-time code with which a person sets the password of their account:
// the first one, or a new one after an administrator's reset. Only its hash is kept.
type Invitation struct {
	SecretHash string
	Person     UserID
	CreatedBy  string
	CreatedAt  Millis
	ExpiresAt  Millis
}

// Profile is what an account says of its person besides the login.
type Profile struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// WebSession is one sign-in that has not ended.
type WebSession struct {
	CreatedAt Millis `json:"created_at"`
	ExpiresAt Millis `json:"expires_at"`
	// Current marks the one that asks.
	Current bool `json:"current"`
}

// AuditFilter narrows the audit; its zero value is all of it.
type AuditFilter struct {
	Subject string `json:"subject,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Action  string `json:"action,omitempty"` // "bulletin.add", or "bulletin." for all that begins so
	From    Millis `json:"from,omitempty"`
	To      Millis `json:"to,omitempty"` // excluded; 0 is no bound
	// Text is looked for in what an entry says, without regard to case and marks, and Named,
	// the people whose names hold it, among those who did it and to whom it was done.
	Text  string   `json:"text,omitempty"`
	Named []UserID `json:"named,omitempty"`
	// Areas, unless nil, keeps to changes of things that stand there.
	Areas []AreaID `json:"areas,omitempty"`
	Via   Via      `json:"via,omitempty"`
	// Address is where the source's address begins.
	Address string `json:"address,omitempty"`
	// About, unless nil, keeps to what these people did and what was done to them.
	About []UserID `json:"about,omitempty"`
}

// Covers says whether p may do a to an account with these grants: all of them lie in
// areas where p may. An account without any is for those who may everywhere.
func (p Person) Covers(a Action, grants []Grant, tree AreaTree) bool {
	if p.May(a) {
		return true
	}
	for _, g := range grants {
		if g.Area == Everywhere || !p.May(a, tree.Chain(g.Area)...) {
			return false
		}
	}
	return len(grants) > 0
}

// Pass is a code told once, with which a person sets the password.
type Pass struct {
	Code      string `json:"code"`
	ExpiresAt Millis `json:"expires_at"`
}

// Whole says that the filter leaves nothing out.
func (f AuditFilter) Whole() bool {
	return f.Subject == "" && f.Actor == "" && f.Action == "" && f.From == 0 && f.To == 0 && f.Text == "" && f.Areas == nil && f.Via == "" &&
		f.Address == "" && f.About == nil
}
