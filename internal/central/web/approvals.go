package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// Approving is signing: what the approver's passkey is asked, and what of the approved
// waits for a signature again.

// apiApprovalAsk gives what the passkeys of the reader are to answer to approve a version.
func (s *Server) apiApprovalAsk(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	asks, err := s.Desk.Ask(r.Context(), b.ID, b.Version, who(r))
	if err != nil {
		return deskError(radio.StepApprove, err)
	}
	return writeJSON(w, http.StatusOK, asksAnswer{list(asks)})
}

// approvalAnswer is the signature under which a version is approved, as programs see it.
type approvalAnswer struct {
	KID    string       `json:"kid,omitempty"`
	Person radio.UserID `json:"person,omitempty"`
	Area   radio.AreaID `json:"area,omitempty"`
	At     radio.Millis `json:"at,omitempty"`
	// Holds: devices take it. When not, Why says what is the matter, and the version needs
	// approval again.
	Holds bool   `json:"holds"`
	Why   string `json:"why,omitempty"`
}

func (s *Server) approvalOf(r *http.Request, b radio.Bulletin) *approvalAnswer {
	if b.State != radio.Approved {
		return nil
	}
	state := s.Desk.Signable(b, who(r).ID)
	a := &approvalAnswer{Holds: !state.Again, Why: state.Why}
	if b.Signed != nil {
		a.KID, a.Person, a.Area, a.At = b.Signed.KID, b.Signed.Person, b.Signed.Area, b.Signed.At
	}
	return a
}

// fillSignable says whether the version needs a signature again; one that a newer version
// has replaced needs none.
func (s *Server) fillSignable(r *http.Request, v *bulletinView, _ []radio.AreaID) error {
	v.Sign = s.Desk.Signable(v.B, who(r).ID)
	if v.Sign.Key {
		ways, err := s.Desk.Ways(r.Context(), v.B, who(r).ID)
		if err != nil {
			return err
		}
		if v.SignForm, err = s.signForm(r, ways, "/api/v1"+v.Address+"/sign-ask"); err != nil {
			return err
		}
	}
	for _, x := range v.Versions {
		if x.Version > v.B.Version && (x.State == radio.Approved || x.State == radio.Withdrawn) {
			v.Sign.Again = false
		}
	}
	if v.B.Signed != nil {
		v.SignedKey = clip(v.B.Signed.KID, 10)
	}
	return nil
}

// needAgain lists what is approved and does not sound, because nobody's signature holds
// for it; as far as the reader may see it, in the order of lists.
func (s *Server) needAgain(r *http.Request) ([]radio.Bulletin, error) {
	all, err := s.Plan.CurrentBulletins(r.Context())
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(b radio.Bulletin) bool { return !s.Desk.Signable(b, who(r).ID).Again })
	if all, err = s.visible(r, all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b radio.Bulletin) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

// listAgain is listBulletins of what needs approval again: the keyring decides that, so
// that no query finds it.
func (s *Server) listAgain(r *http.Request, f radio.BulletinFilter, after radio.BulletinCursor, limit int) (page []radio.Bulletin, next string, err error) {
	all, err := s.needAgain(r)
	if err != nil {
		return nil, "", err
	}
	words := strings.Fields(radio.Fold(f.Text))
	for _, b := range all {
		text := b.SearchText()
		switch {
		case f.State != "" && f.State != b.State, f.Field != 0 && f.Field != b.Field, f.Campaign != "" && f.Campaign != b.Campaign,
			f.Area != "" && f.Area != b.Area, f.Author != "" && f.Author != b.CreatedBy,
			slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }),
			after != (radio.BulletinCursor{}) && (b.CreatedAt > after.CreatedAt || b.CreatedAt == after.CreatedAt && b.ID >= after.ID):
			continue
		}
		if len(page) == limit {
			return page, writeBulletinCursor(page[limit-1].Cursor()), nil
		}
		page = append(page, b)
	}
	return page, "", nil
}

// seenOf reads which submission a form decides about.
func seenOf(r *http.Request) (radio.Millis, error) {
	seen, err := strconv.ParseInt(r.PostFormValue("seen"), 10, 64)
	if r.PostFormValue("seen") != "" && err != nil {
		var e radio.Invalid
		e.Add("seen", "phải là một số", "must be a number")
		return 0, e.Err()
	}
	return radio.Millis(seen), nil
}
