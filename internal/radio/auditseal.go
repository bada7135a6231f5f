package radio

// AuditSeal is a head of the audit that the centre has signed. Seals are a chain of their
// own: one that is taken away is missed by the next.
type AuditSeal struct {
	// Number counts the seals from 1; Before is the digest of the one before, "" for the
	// first. A seal from before there were numbers says neither.
	Number int64
	Before string
	Head   AuditHead
	// Envelope is what was signed.
	Envelope []byte
}

// Digest names a seal; that of none is "".
func (s AuditSeal) Digest() string {
	if s.Number == 0 {
		return ""
	}
	return hexSum(s.Envelope)
}

// AuditSeals walks the seals as they are kept, from the first on. Its zero value has seen
// none.
type AuditSeals struct {
	last     AuditSeal
	numbered bool
}

// Add takes the next row. said is what its envelope says, nil when nobody can prove that.
func (c *AuditSeals) Add(row AuditSeal, said *AuditSeal) error {
	seq, before := row.Head.Seq, c.last
	c.last = row
	switch {
	case row.Number != before.Number+1:
		return broken(seq, "has seal %d, and seal %d before it is missing", row.Number, before.Number+1)
	case said == nil:
		return nil
	case said.Head != row.Head:
		return broken(seq, "has a seal that says something else than its row")
	case said.Number == 0 && !c.numbered:
		return nil
	case said.Number != row.Number:
		return broken(seq, "has a seal that is number %d, not %d: one was taken away, put in or moved", said.Number, row.Number)
	case said.Before != before.Digest():
		return broken(seq, "has seal %d, which follows another one than stands before it", row.Number)
	}
	c.numbered = true
	return nil
}

// AuditFileWord is what the centre signs of a file of the audit.
type AuditFileWord struct {
	// Whole says that no filter left entries out; Entries is how many there are.
	Whole   bool      `json:"whole"`
	Entries int64     `json:"entries"`
	Head    AuditHead `json:"head"`
	// SHA256 is over every line before the last, the heading with its filter among them.
	SHA256 string `json:"sha256"`
}
