// Package trusttest signs for tests what people sign at the centre: the approvals in the
// programmes that tests of the agent's rooms put in by hand.
package trusttest

import (
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Approver is a person who may approve, with their key.
type Approver struct {
	ID    radio.UserID
	Key   trust.Key
	Scope radio.AreaID
}

// NewApprover makes a person for an area.
func NewApprover(t testing.TB, scope radio.AreaID) Approver {
	t.Helper()
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return Approver{radio.NewID[radio.UserID](), k, scope}
}

// Person is the approver as a keyring lists them.
func (a Approver) Person() trust.PersonKey {
	return trust.PersonKey{ID: a.ID, JWK: a.Key.Public(), Scope: a.Scope, May: []string{trust.MayApprove}}
}

// Approve puts the approver's signature for their area to every audio of the programme.
func (a Approver) Approve(t testing.TB, p *radio.Programme) {
	t.Helper()
	for i := range p.Audio {
		a.ApproveOne(t, p, i)
	}
}

// ApproveOne is Approve for one audio.
func (a Approver) ApproveOne(t testing.TB, p *radio.Programme, audio int) {
	t.Helper()
	s, err := trust.SignApproval(trust.ClaimOf(p.Audio[audio], a.ID, p.IssuedAt), a.Scope, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	p.Approve(audio, s)
}
