package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// approvalColumns are read beside every bulletin version; a version nobody has signed for
// has none.
const approvalColumns = `COALESCE(a.kid, ''), COALESCE(a.person, ''), COALESCE(a.area, ''), COALESCE(a.protected, ''), COALESCE(a.at, 0),
	COALESCE(a.signature, ''), COALESCE(a.authenticator_data, ''), COALESCE(a.client_data, '')`

type approvalScan struct {
	radio.ApprovalRow
	assertion radio.Assertion
}

func (s *approvalScan) fields() []any {
	return []any{&s.KID, &s.Person, &s.Area, &s.Protected, &s.At, &s.Signature, &s.assertion.AuthenticatorData, &s.assertion.ClientData}
}

func (s *approvalScan) row() *radio.ApprovalRow {
	if s.KID == "" {
		return nil
	}
	if s.assertion != (radio.Assertion{}) {
		s.WebAuthn = &s.assertion
	}
	return &s.ApprovalRow
}

// putApproval keeps the signature a version was approved with, in the place of one before;
// without one nothing is written, and the version stays one that needs approval again.
func putApproval(ctx context.Context, tx *sql.Tx, b radio.Bulletin) error {
	if b.Signed == nil {
		return nil
	}
	s := *b.Signed
	var shown radio.Assertion
	if s.WebAuthn != nil {
		shown = *s.WebAuthn
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO approval (bulletin, version, kid, person, area, protected, at, signature, authenticator_data, client_data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (bulletin, version) DO UPDATE SET kid = excluded.kid, person = excluded.person, area = excluded.area, protected = excluded.protected,
			at = excluded.at, signature = excluded.signature, authenticator_data = excluded.authenticator_data, client_data = excluded.client_data`,
		b.ID, b.Version, s.KID, s.Person, s.Area, s.Protected, s.At, s.Signature, shown.AuthenticatorData, shown.ClientData)
	if err != nil {
		return fmt.Errorf("keep the approval of bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	return nil
}

// signedBy names, for the audit, the key a version was approved with.
func signedBy(b radio.Bulletin) string {
	if b.Signed == nil {
		return ""
	}
	return b.Signed.KID
}
