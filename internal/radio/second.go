package radio

// SecondFactor is what is kept of a person's second factor (RFC 6238).
type SecondFactor struct {
	Person UserID
	// Sealed is the secret, encrypted; "" until its first code was shown.
	Sealed string
	Since  Millis
	// CountsAt is from when it counts for what takes a code (approving, the whole province,
	// emergencies, signing): a person's first one does so only after a while. At sign-in every
	// one counts at once.
	CountsAt Millis
	// LastStep is the newest step of time of which a code has counted: no code counts twice.
	LastStep int64
	// Pending is a secret that waits for its first code.
	Pending   string
	PendingAt Millis
	// Recovery is how many recovery codes are left.
	Recovery int
}

// SecondState is what screens tell of it.
type SecondState struct {
	Set   bool   `json:"set"`
	Since Millis `json:"since,omitempty"`
	// CountsAt is from when it counts for what takes a code, while that is to come: before, it
	// is asked for at sign-in only. Another administrator can make it count at once.
	CountsAt Millis `json:"counts_at,omitempty"`
	Recovery int    `json:"recovery_codes"`
	// Pending: a secret waits for its first code.
	Pending bool `json:"pending,omitempty"`
}

// SecondMail is the word that the owner of an account is owed about its first second factor.
type SecondMail struct {
	Person       UserID
	Login, Email string
	At           Millis // when it was set up
	CountsAt     Millis
}

// Proof is what persons show to prove that it is they who sit before an open session:
// their password, and where they have a second factor, a code of it.
type Proof struct {
	Password string `json:"password,omitempty"` // "" for who has none
	Code     string `json:"code,omitempty"`
}

// NewSecond is a secret for an authenticator, told once.
type NewSecond struct {
	Secret string `json:"secret"` // base32, for typing
	URL    string `json:"url"`    // otpauth://…, for the camera
}

// SecondReset is one administrator's wish to take a person's second factor away.
type SecondReset struct {
	Person    UserID `json:"person"`
	AskedBy   UserID `json:"asked_by"`
	AskedAt   Millis `json:"asked_at"`
	ExpiresAt Millis `json:"expires_at"`
}
