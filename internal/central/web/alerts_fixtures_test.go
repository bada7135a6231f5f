package web

import "loaxa/internal/radio"

// alertThing is a draft (n = 0) or an alert that is out (n = 1).
func alertThing(n int) func(*house, where) []string {
	return func(h *house, w where) []string {
		for i, a := range h.alerts.all {
			if a.Wish.Area == h.area(w) && i%2 == n {
				return []string{"alert", string(a.ID)}
			}
		}
		return nil
	}
}

// areaThing is a commune: of the province nobody is called.
func areaThing(h *house, w where) []string {
	if w == common {
		return nil
	}
	return []string{"area", string(h.area(w))}
}

const (
	alertJSON = `{"area":"{area}","headline":"Lũ","text":"Lên cao","sounds":["siren"],"repeats":1,"interval_s":0,"life_minutes":60}`
	alertBody = "--x\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nreal\r\n--x\r\nContent-Disposition: form-data; name=\"area\"\r\n\r\n{area}\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"headline\"\r\n\r\nLũ\r\n--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nLên cao\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"sound_siren\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"repeats\"\r\n\r\n1\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"interval_s\"\r\n\r\n0\r\n--x\r\nContent-Disposition: form-data; name=\"life_minutes\"\r\n\r\n60\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1\r\n--x--\r\n"
	alertForm    = "multipart/form-data; boundary=x"
	signBodyForm = "version=1&key_password=m%E1%BA%ADt+kh%E1%BA%A9u+c%E1%BB%A7a+kh%C3%B3a"
	signJSON     = `{"version":1,"sign":{"password":"mật khẩu của khóa"}}`
)

func alertFixtures() []fixture {
	const read, write, sign = radio.ReadAlerts, radio.WriteAlerts, radio.SignAlerts
	draft, out := alertThing(0), alertThing(1)
	return []fixture{
		{pattern: "GET /alerts", may: read},
		{pattern: "GET /alerts/new", may: write},
		{pattern: "POST /alerts", may: write, body: alertBody, kind: alertForm},
		{pattern: "GET /alerts/{alert}", may: read, thing: out},
		{pattern: "GET /alerts/{alert}/edit", may: write, thing: draft},
		{pattern: "POST /alerts/{alert}", may: write, thing: draft, body: alertBody, kind: alertForm},
		{pattern: "POST /alerts/{alert}/drop", may: write, thing: draft, body: "version=1"},
		{pattern: "POST /alerts/{alert}/sign", may: sign, thing: draft, body: signBodyForm},
		{pattern: "POST /alerts/{alert}/cancel", may: sign, thing: out, body: signBodyForm},
		{pattern: "GET /alerts/{alert}/voice", may: read, thing: out},
		{pattern: "GET /alerts/{alert}/calls", may: read, thing: out},
		{pattern: "GET /alerts/{alert}/scorecard", may: read, thing: out},
		{pattern: "GET /alerts/{alert}/scorecard.csv", may: read, thing: out},
		{pattern: "GET /contacts", may: read},
		{pattern: "POST /contacts/{area}", may: radio.WriteContacts, thing: areaThing, body: "name=Ông+Hai&phone=0912345678"},
		{pattern: "GET /api/v1/alerts", may: read},
		{pattern: "POST /api/v1/alerts", may: write, body: alertJSON},
		{pattern: "POST /api/v1/alerts/voice", may: write, body: "sound", kind: "application/octet-stream"},
		{pattern: "GET /api/v1/alerts/{alert}", may: read, thing: out},
		{pattern: "PUT /api/v1/alerts/{alert}", may: write, thing: draft, body: `{"version":1,"wish":` + alertJSON + `}`},
		{pattern: "DELETE /api/v1/alerts/{alert}", may: write, thing: draft, status: 422}, // without its version
		{pattern: "POST /api/v1/alerts/{alert}/signatures", may: sign, thing: draft, body: signJSON},
		{pattern: "POST /api/v1/alerts/{alert}/cancel", may: sign, thing: out, body: `{"sign":{"password":"mật khẩu của khóa"}}`},
		{pattern: "POST /api/v1/alerts/{alert}/sign-ask", may: sign, thing: draft, body: `{"version":1}`},
		{pattern: "POST /api/v1/alerts/{alert}/cancel-ask", may: sign, thing: out},
		{pattern: "GET /api/v1/alerts/{alert}/board", may: read, thing: out},
		{pattern: "GET /api/v1/alerts/{alert}/calls", may: read, thing: out},
		{pattern: "GET /api/v1/contacts", may: read},
		{pattern: "PUT /api/v1/contacts/{area}", may: radio.WriteContacts, thing: areaThing, body: `{"name":"Ông Hai","phone":"0912345678"}`},
	}
}
