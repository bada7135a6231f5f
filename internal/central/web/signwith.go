package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"loaxa/internal/radio"
)

// signForm is what the form "signwith" needs: how the reader can sign, and where a script
// asks what their passkey is to sign.
type signForm struct {
	radio.SignWays
	Ask   string // address of the JSON route
	Again bool   // it comes back with what was wrong: the cursor goes there
	// Locked: there is something to do before; a script unlocks it.
	Locked  bool
	AskCode askCode
}

// Typed says that the reader can sign with a password, and has what that takes.
func (f signForm) Typed() bool { return f.Password && (!f.Code || f.AskCode.Set) }

// signForm is for a form of the reader that ways sign.
func (s *Server) signForm(r *http.Request, ways radio.SignWays, ask string) (f signForm, err error) {
	f = signForm{SignWays: ways, Ask: ask}
	if ways.Code {
		f.AskCode, err = s.askCode(r, retry{})
	}
	return f, err
}

// signWith reads how the person of a form signs: what a passkey has answered, or the words
// they typed.
func signWith(r *http.Request) (with radio.SignWith, err error) {
	if answer := r.PostFormValue("passkey"); answer != "" {
		with.Passkey = &radio.PasskeyAnswer{}
		err = json.Unmarshal([]byte(answer), with.Passkey)
	} else {
		with.Password, with.Code = r.PostFormValue("key_password"), strings.TrimSpace(r.PostFormValue("code"))
	}
	var e radio.Invalid
	if err != nil {
		e.Add("passkey", "không đọc được câu trả lời của passkey; hãy ký lại", "the passkey's answer cannot be read; sign again")
		return radio.SignWith{}, e.Err()
	}
	boundSign(&e, &with)
	return with, e.Err()
}

// readSign is signWith for a form that may be sent without; nil when nothing was given.
func readSign(r *http.Request) (*radio.SignWith, error) {
	with, err := signWith(r)
	if err != nil || with == (radio.SignWith{}) {
		return nil, err
	}
	return &with, nil
}

// boundSign bounds what somebody sent to sign with.
func boundSign(e *radio.Invalid, with *radio.SignWith) {
	if with != nil && (len(with.KID) > 64 || len(with.Password) > 1024 || len(with.Code) > 64 || with.Passkey != nil && with.Passkey.Check() != nil) {
		e.Add("sign", "không đọc được chữ ký", "what is to sign cannot be read")
	}
}

// checkSign is boundSign for a body of nothing else.
func checkSign(with radio.SignWith) error {
	var e radio.Invalid
	boundSign(&e, &with)
	return e.Err()
}

// asksAnswer is what a browser hands to the person's passkeys.
type asksAnswer struct {
	Asks []radio.PasskeyAsk `json:"asks"`
}
