package radio

// Account is a person of the centre as kept, with the password's hash (argon2id, PHC
// string format). There are no default accounts.
type Account struct {
	ID           UserID
	Login        string
	Name         string
	PasswordHash string // "" until the invited person has chosen a password
	CreatedAt    Millis
	DisabledAt   Millis // 0 while the account works
	Grants       []Grant
	Email        string // optional, as is the telephone number
	Phone        string
}

// Person is who is logged in, as pages and rows name them, with what they may do.
type Person struct {
	ID     UserID  `json:"id"`
	Login  string  `json:"login"`
	Name   string  `json:"name"`
	Grants []Grant `json:"grants,omitempty"`
	// Token is set when a program speaks for the person by an API token.
	Token TokenUse `json:"-"`
	// TokenID is which one, "" without.
	TokenID TokenID `json:"-"`
	// Session names the session they speak in, the same for all its requests and no
	// secret; "" when there is none.
	Session string `json:"-"`
}

// EnrolmentCode is a one-time code of one device; only its hash is kept.
type EnrolmentCode struct {
	SecretHash string
	Device     DeviceID
	CreatedBy  string
	CreatedAt  Millis
	ExpiresAt  Millis
}

// Certificate is what a device got, with the key it signs its words with.
type Certificate struct {
	Serial    string // hexadecimal
	Device    DeviceID
	KID       string
	JWK       string
	PEM       string
	IssuedAt  Millis
	NotAfter  Millis
	RevokedAt Millis // 0 while it holds
	// UsedAt is when the device first showed it; one that came by renewal replaces the one
	// before only then.
	UsedAt Millis
}

// AuditEntry is one line of who did what.
type AuditEntry struct {
	Seq     int64  `json:"seq"` // counts up with every entry
	At      Millis `json:"at"`
	Actor   string `json:"actor"`
	Action  string `json:"action"`
	Subject string `json:"subject"`
	// From is from where it was done.
	From Source `json:"from"`
	// Facts tell more; entries from before them have Detail, words as they were written.
	Facts  *AuditFacts `json:"facts,omitempty"`
	Detail string      `json:"detail,omitempty"`
	// Names of the people that Actor and Subject are, where they are people.
	ActorName   string `json:"actor_name,omitempty"`
	SubjectName string `json:"subject_name,omitempty"`
	// Hash chains the entry to the one before it (AuditRecord.Chain).
	Hash string `json:"hash,omitempty"`
}

// SignIn is one try to sign in.
type SignIn struct {
	Login, Password string
	// Address is where it comes from: one for each client, however it is written.
	Address string
	// Device is what SignedIn gave this device before, "" when nothing is kept.
	Device string
	// Code is of the second factor; "" to be asked for it (SignedIn.Ticket).
	Code string
}

// SignedIn is a person who has just proved who they are, or half of it.
type SignedIn struct {
	Person  Person
	Session string // for the cookie; "" when no session was opened
	// Ticket stands for the password while a code of the second factor is asked for: then
	// nothing else is told, and no session was opened.
	Ticket string
	Device string // for the cookie by which the device is known the next time
}

// OIDCReturn is how a browser comes back from a provider of sign-ins.
type OIDCReturn struct {
	State, Code string
	Failed      string // what the provider says went wrong, "" for nothing
	Keep        string // what the browser has kept of the beginning
	Address     string // where it comes from
}
