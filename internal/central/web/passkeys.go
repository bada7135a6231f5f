package web

import (
	"context"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// Passkeys registers a person's passkeys and lists the keys they sign with (identity).
type Passkeys interface {
	// Offered says whether the console has a name for which passkeys can be made.
	Offered() bool
	Begin(ctx context.Context, by radio.Person, shown radio.Proof) (radio.PasskeyOffer, error)
	Register(ctx context.Context, by radio.Person, made radio.PasskeyMade) (radio.Passkey, error)
	Drop(ctx context.Context, by radio.Person, kid string) error
	Held(ctx context.Context, person radio.UserID) ([]radio.HeldKey, error)
}

// passkeyRoutes: all of it needs a session, as the account does.
func (s *Server) passkeyRoutes() []route {
	page, api, self := s.page, s.api, radio.Self
	return []route{
		{pattern: "POST /account/passkeys/{passkey}/drop", as: page, do: s.passkeyDrop, may: self},
		{pattern: "GET /api/v1/account/keys", as: api, do: s.apiKeys, may: self, doc: doc{Summary: "The own signing keys, and passkeys that wait to become one", Out: keysAnswer{}}},
		{pattern: "POST /api/v1/account/passkeys/begin", as: api, do: s.apiPasskeyBegin, may: self,
			doc: doc{Summary: "What a browser needs to make a passkey, within five minutes. It asks for the password, and where there is a second factor, for a code of it", In: radio.Proof{}, Out: radio.PasskeyOffer{}}},
		{pattern: "POST /api/v1/account/passkeys", as: api, do: s.apiPasskeyNew, may: self,
			doc: doc{Summary: "Register a passkey; it signs when the province's root has certified it", In: radio.PasskeyMade{}, Out: radio.Passkey{}, Status: http.StatusCreated}},
		{pattern: "DELETE /api/v1/account/passkeys/{passkey}", as: api, do: s.apiPasskeyDrop, may: self,
			doc: doc{Summary: "Forget a passkey that waits", Status: http.StatusNoContent}},
	}
}

type keysAnswer struct {
	Keys []radio.HeldKey `json:"keys"`
}

// keyRow is a key in words.
type keyRow struct {
	radio.HeldKey
	Word string // its state
	Area string
	For  string
}

// Waits says that the root has not certified it yet.
func (k keyRow) Waits() bool { return k.State == radio.KeyWaits }

// Gone says that it signs no more.
func (k keyRow) Gone() bool { return k.State == radio.KeyEnded || k.State == radio.KeyRevoked }

func keyStateText(state radio.KeyState) string {
	return word(map[radio.KeyState]string{radio.KeyWaits: "chờ cấp khóa", radio.KeyWorks: "đang dùng", radio.KeyEnded: "đã kết thúc", radio.KeyRevoked: "khóa đã thu hồi"}, state)
}

func keyUseText(may string) string {
	return word(map[string]string{"alert": "phát khẩn cấp", "approve": "duyệt bản tin"}, may)
}

// keyRows tells the reader's own keys.
func (s *Server) keyRows(r *http.Request, tree radio.AreaTree) ([]keyRow, error) {
	held, err := s.Passkeys.Held(r.Context(), who(r).ID)
	if err != nil {
		return nil, err
	}
	out := make([]keyRow, len(held))
	for i, k := range held {
		out[i] = keyRow{HeldKey: k, Word: s.say(r, keyStateText(k.State))}
		if k.Scope != "" {
			out[i].Area = placeName(tree, k.Scope)
		}
		var uses []string
		for _, m := range k.May {
			uses = append(uses, s.say(r, keyUseText(m)))
		}
		out[i].For = strings.Join(uses, ", ")
	}
	return out, nil
}

func (s *Server) passkeyDrop(w http.ResponseWriter, r *http.Request) error {
	return s.onAccount(w, r, "passkey", func() error { return s.Passkeys.Drop(r.Context(), who(r), r.PathValue("passkey")) })
}

func (s *Server) apiKeys(w http.ResponseWriter, r *http.Request) error {
	held, err := s.Passkeys.Held(r.Context(), who(r).ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, keysAnswer{list(held)})
}

func (s *Server) apiPasskeyBegin(w http.ResponseWriter, r *http.Request) error {
	var in radio.Proof
	if err := readJSON(r, &in); err != nil {
		return err
	}
	offer, err := s.Passkeys.Begin(r.Context(), who(r), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, offer)
}

func (s *Server) apiPasskeyNew(w http.ResponseWriter, r *http.Request) error {
	var in radio.PasskeyMade
	if err := readJSON(r, &in); err != nil {
		return err
	}
	made, err := s.Passkeys.Register(r.Context(), who(r), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, made)
}

func (s *Server) apiPasskeyDrop(w http.ResponseWriter, r *http.Request) error {
	if err := s.Passkeys.Drop(r.Context(), who(r), r.PathValue("passkey")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
