package central

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// ringOf is a keyring of one person, who approves for an area.
type ringOf struct {
	ring trust.Keyring
	key  trust.Key
}

func newRingOf(t testing.TB, person radio.UserID, area radio.AreaID) *ringOf {
	t.Helper()
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return &ringOf{key: k, ring: trust.Keyring{Version: 1, Province: area,
		Persons: []trust.PersonKey{{ID: person, JWK: k.Public(), Scope: area, May: []string{trust.MayApprove}}}}}
}

func (r *ringOf) Keyring() ([]byte, trust.Keyring) { return nil, r.ring }

// sign has the person approve a bulletin for the province.
func (r *ringOf) sign(t testing.TB, b *radio.Bulletin) {
	t.Helper()
	person := r.ring.Persons[0].ID
	s, err := trust.SignApproval(trust.ClaimOf(b.Audio(), person, 1), b.Area, r.key)
	if err != nil {
		t.Fatal(err)
	}
	b.Signed = &radio.ApprovalRow{KID: r.key.KID(), Person: person, Area: b.Area, SignedApproval: s}
}

// TestCommandSigns: who runs a command signs with the password of the approver's key alone,
// and with no other.
func TestCommandSigns(t *testing.T) {
	const password, other = "một câu của riêng tôi", "một câu khác hẳn nhé"
	c, ctx := opened(t), t.Context()
	plan := storetest.SamplePlan()
	if err := c.store.ApplyPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	b := plan.Bulletins[0]
	b.Area = plan.Areas[0].ID
	lan, err := c.AddPerson(ctx, "lan", "Lan", password, []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.importApprovals(ctx, password, false); !errors.Is(err, radio.ErrNotFound) || !strings.Contains(err.Error(), "loaxa key") {
		t.Fatalf("before there is a keyring: %v", err)
	}
	none, err := c.importApprovals(ctx, "", false)
	if err != nil || none.Signs() || none.Stands(b) == nil {
		t.Fatalf("without a password, before there is a keyring: %v", err)
	}
	root := mustKey(t)
	if err := c.MakeKeys(ctx, root, trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}); err != nil {
		t.Fatal(err)
	}
	sign := func(password string) (*radio.ApprovalRow, error) {
		t.Helper()
		a, err := c.importApprovals(ctx, password, false)
		if err != nil {
			t.Fatal(err)
		}
		return a.Sign(ctx, lan, b)
	}
	if _, err := sign(password); !errors.Is(err, radio.ErrForbidden) || !strings.Contains(err.Error(), "you hold no key") {
		t.Errorf("without a key: %v", err)
	}
	add := func(area, password string, may ...string) {
		t.Helper()
		if _, err := c.AddPersonKey(ctx, root, "lan", area, password, may, "test"); err != nil {
			t.Fatal(err)
		}
	}
	add("cam-xuyen", password, trust.MayApprove) // a commune's does not reach the province's bulletin
	if _, err := sign(password); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("with a commune's key: %v", err)
	}
	add("ha-tinh", other, trust.MayApprove)
	var invalid *radio.Invalid
	if _, err := sign(password); !errors.As(err, &invalid) {
		t.Errorf("with the password of another key: %v", err)
	}
	row, err := sign(other)
	if err != nil || row.Person != lan.ID || row.Area != b.Area || row.KID == "" {
		t.Fatalf("signed %+v, %v", row, err)
	}
	b.Signed = row
	// What the sample plan holds was approved and never signed.
	var said strings.Builder
	c.log = slog.New(slog.NewTextHandler(&said, nil))
	if err := c.tellUnsigned(ctx, none.Approvals); err != nil || !strings.Contains(said.String(), "bulletins=1") {
		t.Errorf("told %q, %v", said.String(), err)
	}
	a, err := c.importApprovals(ctx, "", false)
	if err != nil || a.Stands(b) != nil {
		t.Errorf("it does not stand: %v", err)
	}
	if _, err := a.Sign(ctx, lan, b); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("signed without a password: %v", err)
	}
	if dry, err := c.importApprovals(ctx, "", true); err != nil || !dry.Signs() {
		t.Errorf("a dry run does not tell what a signature would change: %v", err)
	}
	if _, err := c.RevokePersonKeys(ctx, root, "lan", "", "test"); err != nil {
		t.Fatal(err)
	}
	if a, err := c.importApprovals(ctx, other, false); err != nil || a.Stands(b) == nil {
		t.Errorf("a revoked key's signature stands: %v", err)
	} else if _, err := a.Sign(ctx, lan, b); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("signed with a revoked key: %v", err)
	}
}

// TestImportBeforeKeys: areas come before keys, and keys before anything is signed.
func TestImportBeforeKeys(t *testing.T) {
	c, ctx := opened(t), t.Context()
	for login, role := range map[string]radio.Role{"lan": radio.RoleEditor, "hoa": radio.RoleApprover} {
		if _, err := c.AddPerson(ctx, login, login, "một câu của riêng tôi", []radio.Grant{{Role: role, Area: radio.Everywhere}}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	areas := fstest.MapFS{"a.yaml": {Data: []byte("areas:\n  - {code: tinh, kind: province, name: Tỉnh, zone: Asia/Ho_Chi_Minh}\n")}}
	if _, err := c.Import(ctx, "a", areas, "lan", "hoa", "một câu nào đó", false, io.Discard); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("signed before there are keys: %v", err)
	}
	if changed, err := c.Import(ctx, "a", areas, "lan", "hoa", "", false, io.Discard); err != nil || !changed {
		t.Errorf("areas alone: %v", err)
	}
}
