package wire

import (
	"errors"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestEnrolTicket(t *testing.T) {
	code := EnrolCode{Secret: "01234ABCDE", Pin: "0123456789abcdef"}
	for _, server := range []string{"https://loa.hatinh.example:8443", "https://192.0.2.7:443", "https://[2001:db8::7]:8443"} {
		ticket := EnrolTicket{Server: server, Code: code}
		for _, text := range []string{ticket.String(), strings.ToLower(ticket.String()), "  " + ticket.String() + "\r\n"} {
			got, err := ParseEnrolTicket(text)
			if err != nil || got != ticket {
				t.Errorf("%q: %+v %v", text, got, err)
			}
		}
		if !IsEnrolTicket(ticket.String()) {
			t.Errorf("%s is none", ticket)
		}
	}
	tail := "/" + code.String()
	for _, text := range []string{"", "loaxa-enrol:", "https://a:1" + tail, "loaxa-enrol:a" + tail, "loaxa-enrol::8443" + tail, "loaxa-enrol:u@a:1" + tail,
		"loaxa-enrol:a:1", "loaxa-enrol:a:1/", "loaxa-enrol:a:1/x" + tail, "loaxa-enrol:a:x" + tail, "loaxa-enrol:a b:1" + tail, "loaxa-enrol:" + strings.Repeat("a", 400) + ":1" + tail} {
		if got, err := ParseEnrolTicket(text); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q was taken as %+v (%v)", text, got, err)
		}
	}
}

func FuzzEnrolTicket(f *testing.F) {
	f.Add("LOAXA-ENROL:LOA.HATINH.EXAMPLE:8443/01234-ABCDE-0123-4567-89AB-CDEF")
	f.Add("loaxa-enrol:[::1%25a]:1/01234-ABCDE-0123-4567-89AB-CDEF")
	f.Fuzz(func(t *testing.T, text string) {
		ticket, err := ParseEnrolTicket(text)
		if err != nil {
			return
		}
		again, err := ParseEnrolTicket(ticket.String())
		if err != nil || again != ticket {
			t.Errorf("%q reads %+v, written and read again %+v (%v)", text, ticket, again, err)
		}
	})
}
