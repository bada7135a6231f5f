package web

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

const (
	rightCode  = "123456"
	goodTicket = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

var (
	newTOTP       = radio.NewSecond{Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", URL: "otpauth://totp/Loa%20X%C3%A3:lan?issuer=Loa%20X%C3%A3&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
	freshRecovery = []string{"0123-4567-89AB-CDEF", "1123-4567-89AB-CDEF"}
)

func wrongCode() error {
	var e radio.Invalid
	e.Add("code", "mã không đúng", "the code is wrong")
	return e.Err()
}

// withCode is what takes a code.
func (f *fakeStaff) withCode(what, code string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return f.err
	case code != rightCode:
		return wrongCode()
	}
	f.changes = append(f.changes, what)
	return nil
}

func (f *fakeStaff) Second(context.Context, radio.Person) (radio.SecondState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.second, f.readErr
}

func (f *fakeStaff) BeginSecond(_ context.Context, by radio.Person, shown radio.Proof) (radio.NewSecond, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return radio.NewSecond{}, f.err
	case f.second.Set && shown.Code != rightCode:
		return radio.NewSecond{}, wrongCode()
	}
	f.second.Pending = true
	f.changes = append(f.changes, "begin of "+by.Login+" with "+shown.Password)
	return newTOTP, nil
}

func (f *fakeStaff) ConfirmSecond(_ context.Context, by radio.Person, code string) ([]string, error) {
	if err := f.withCode("second factor of "+by.Login, code); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.second = radio.SecondState{Set: true, Since: radio.At(now), Recovery: len(freshRecovery)}
	return freshRecovery, nil
}

func (f *fakeStaff) RenewRecovery(_ context.Context, by radio.Person, code string) ([]string, error) {
	return freshRecovery, f.withCode("recovery codes of "+by.Login, code)
}

func (f *fakeStaff) CheckCode(_ context.Context, by radio.Person, code string) error {
	f.mu.Lock()
	set := f.second.Set
	f.mu.Unlock()
	switch {
	case by.Token != "":
		return radio.Refuse(radio.ErrForbidden, "Mã API không làm được.", "an API token has no second factor")
	case !set:
		return radio.Refuse(radio.ErrForbidden, "Cần xác thực hai lớp.", "this takes a second factor")
	}
	return f.withCode("code of "+by.Login, code)
}

func (f *fakeStaff) SecondOf(_ context.Context, by radio.Person, person radio.UserID) (radio.SecondState, radio.SecondReset, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.find(by, person)
	if person == id[radio.UserID]('u', 50) {
		err = nil // just invited
	}
	return f.theirs, f.wish, err
}

func (f *fakeStaff) AskSecondReset(_ context.Context, by radio.Person, person radio.UserID, code string) error {
	return f.resetSecond(by, person, "ask for the second factor", code)
}

func (f *fakeStaff) ConfirmSecondReset(_ context.Context, by radio.Person, person radio.UserID, code string) error {
	return f.resetSecond(by, person, "take the second factor", code)
}

func (f *fakeStaff) CountSecond(_ context.Context, by radio.Person, person radio.UserID, since radio.Millis, code string) error {
	return f.resetSecond(by, person, fmt.Sprint("confirm the second factor of ", since), code)
}

func (f *fakeStaff) resetSecond(by radio.Person, person radio.UserID, what, code string) error {
	if code != rightCode {
		return wrongCode()
	}
	_, err := f.change(by, person, what, func(*radio.Account) {})
	return err
}

func secondFixtures() []fixture {
	self, write := radio.Self, radio.WritePeople
	form, body := "code="+rightCode, fmt.Sprintf(`{"code":%q}`, rightCode)
	return []fixture{
		{pattern: "GET /account/second", may: self},
		{pattern: "POST /account/second", may: self, body: "password=a"},
		{pattern: "POST /account/second/confirm", may: self, body: form},
		{pattern: "POST /account/second/recovery", may: self, body: form},
		{pattern: "POST /people/{id}/second/ask", may: write, thing: personThing, body: form, except: hidden()},
		{pattern: "POST /people/{id}/second/confirm", may: write, thing: personThing, body: form, except: hidden()},
		{pattern: "POST /people/{id}/second/count", may: write, thing: personThing, body: form + "&since=5", except: hidden()},
		{pattern: "GET /api/v1/account/second", may: self},
		{pattern: "POST /api/v1/account/second", may: self, body: `{"password":"a","code":"` + rightCode + `"}`},
		{pattern: "POST /api/v1/account/second/confirm", may: self, body: body},
		{pattern: "POST /api/v1/account/second/recovery", may: self, body: body},
		{pattern: "GET /api/v1/people/{id}/second", may: radio.ReadPeople, thing: personThing, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/second/ask", may: write, thing: personThing, body: body, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/second/confirm", may: write, thing: personThing, body: body, except: hidden()},
		{pattern: "POST /api/v1/people/{id}/second/count", may: write, thing: personThing, body: fmt.Sprintf(`{"since":5,"code":%q}`, rightCode), except: hidden()},
	}
}
