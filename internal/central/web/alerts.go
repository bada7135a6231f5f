package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"loaxa/internal/radio"
)

// AlertDrafts carries alerts until they are signed (alert).
type AlertDrafts interface {
	Find(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error)
	List(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error)
	Compose(ctx context.Context, by radio.Person, w radio.AlertWish) (radio.AlertRecord, error)
	Change(ctx context.Context, by radio.Person, id radio.AlertID, version int, w radio.AlertWish) (radio.AlertRecord, error)
	Drop(ctx context.Context, by radio.Person, id radio.AlertID, version int) error
	// Voice prepares spoken words for a wish to name.
	Voice(ctx context.Context, source io.Reader) (radio.Rendition, error)
}

// AlertSigning sends and cancels alerts when enough persons have signed (alert).
type AlertSigning interface {
	Sign(ctx context.Context, by radio.Person, id radio.AlertID, version int, with radio.SignWith) (radio.AlertRecord, error)
	Cancel(ctx context.Context, by radio.Person, id radio.AlertID, why string, with radio.SignWith) (radio.AlertRecord, error)
	// AskSign and AskCancel prepare what a browser hands to the passkeys of by.
	AskSign(ctx context.Context, by radio.Person, id radio.AlertID, version int) ([]radio.PasskeyAsk, error)
	AskCancel(ctx context.Context, by radio.Person, id radio.AlertID) ([]radio.PasskeyAsk, error)
	// Need says how many must sign in an area: 1 when by may speak alone there.
	Need(ctx context.Context, by radio.UserID, area radio.AreaID) (int, error)
	// Ways says how by can sign in an area.
	Ways(ctx context.Context, by radio.UserID, area radio.AreaID) (radio.SignWays, error)
	// InKeyring says whether any key of a person stands in the keyring.
	InKeyring(person radio.UserID) bool
}

// AlertBoards tells how far alerts have reached (alert).
type AlertBoards interface {
	Board(ctx context.Context, a radio.AlertRecord) (radio.AlertBoard, error)
	Set() []radio.EmergencyAudio
}

// Contacts keeps whom to call in an area (store).
type Contacts interface {
	Contacts(ctx context.Context) ([]radio.AreaContact, error)
	PutContact(ctx context.Context, c radio.AreaContact, by string, at radio.Millis) error
}

const (
	alertsAPage = 30
	// maxVoiceUpload is more than 30 s of sound take in any usual format.
	maxVoiceUpload = 32 << 20
)

// alertRoutes are emergencies: compose, sign, watch how far they reach, call, cancel.
func (s *Server) alertRoutes() []route {
	const read, write, sign = radio.ReadAlerts, radio.WriteAlerts, radio.SignAlerts
	page, api, one := s.page, s.api, s.ofAlert
	return []route{
		{pattern: "GET /alerts", as: page, do: s.alertList, may: read},
		{pattern: "GET /alerts/new", as: page, do: s.alertNew, may: write},
		{pattern: "POST /alerts", as: page, do: s.alertCompose, may: write, body: maxVoiceUpload},
		{pattern: "GET /alerts/{alert}", as: page, do: s.alertShow, may: read, of: one},
		{pattern: "GET /alerts/{alert}/edit", as: page, do: s.alertEdit, may: write, of: one},
		{pattern: "POST /alerts/{alert}", as: page, do: s.alertChange, may: write, of: one, body: maxVoiceUpload},
		{pattern: "POST /alerts/{alert}/drop", as: page, do: s.alertDrop, may: write, of: one},
		{pattern: "POST /alerts/{alert}/sign", as: page, do: s.alertSign, may: sign, of: one},
		{pattern: "POST /alerts/{alert}/cancel", as: page, do: s.alertCancel, may: sign, of: one},
		{pattern: "GET /alerts/{alert}/voice", as: page, do: s.alertVoice, may: read, of: one},
		{pattern: "GET /alerts/{alert}/calls", as: page, do: s.alertCalls, may: read, of: one},
		{pattern: "GET /alerts/{alert}/scorecard", as: page, do: s.alertScore, may: read, of: one},
		{pattern: "GET /alerts/{alert}/scorecard.csv", as: page, do: s.alertScoreCSV, may: read, of: one},
		{pattern: "GET /contacts", as: page, do: s.contactList, may: read},
		{pattern: "POST /contacts/{area}", as: page, do: s.contactSave, may: radio.WriteContacts, of: s.ofArea},
		{pattern: "GET /api/v1/alerts", as: api, do: s.apiAlerts, may: read,
			doc: doc{Summary: "Alerts the account may see, the newest first", Out: alertsAnswer{}, Query: []string{"after"}}},
		{pattern: "POST /api/v1/alerts", as: api, do: s.apiAlertCompose, may: write,
			doc: doc{Summary: "Compose an alert; nothing is sent before it is signed", In: radio.AlertWish{}, Out: radio.AlertRecord{}, Status: http.StatusCreated}},
		{pattern: "POST /api/v1/alerts/voice", as: api, do: s.apiAlertVoice, may: write, body: maxVoiceUpload,
			doc: doc{Summary: "Prepare spoken words of at most 30 s; the answer goes into a wish", Takes: "application/octet-stream", Out: radio.Rendition{}, Status: http.StatusCreated}},
		{pattern: "GET /api/v1/alerts/{alert}", as: api, do: s.apiAlert, may: read, of: one, doc: doc{Summary: "One alert", Out: radio.AlertRecord{}}},
		{pattern: "PUT /api/v1/alerts/{alert}", as: api, do: s.apiAlertChange, may: write, of: one,
			doc: doc{Summary: "Change a draft; its signatures are dropped", In: alertChangeBody{}, Out: radio.AlertRecord{}}},
		{pattern: "DELETE /api/v1/alerts/{alert}", as: api, do: s.apiAlertDrop, may: write, of: one,
			doc: doc{Summary: "Drop a draft; version names the one that was read", Query: []string{"version"}, Status: http.StatusNoContent}},
		{pattern: "POST /api/v1/alerts/{alert}/signatures", as: api, do: s.apiAlertSign, may: sign, of: one,
			doc: doc{Summary: "Sign a draft with the own key; when enough have signed it is sent. Not by an API token", In: signBody{}, Out: radio.AlertRecord{}}},
		{pattern: "POST /api/v1/alerts/{alert}/sign-ask", as: api, do: s.apiAlertSignAsk, may: sign, of: one,
			doc: doc{Summary: "What the own passkeys are to sign, to send a draft", In: signAskBody{}, Out: asksAnswer{}}},
		{pattern: "POST /api/v1/alerts/{alert}/cancel-ask", as: api, do: s.apiAlertCancelAsk, may: sign, of: one,
			doc: doc{Summary: "What the own passkeys are to sign, to cancel an alert", Out: asksAnswer{}}},
		{pattern: "POST /api/v1/alerts/{alert}/cancel", as: api, do: s.apiAlertCancel, may: sign, of: one,
			doc: doc{Summary: "Sign the tombstone of an alert that is out. Not by an API token", In: cancelBody{}, Out: radio.AlertRecord{}}},
		{pattern: "GET /api/v1/alerts/{alert}/board", as: api, do: s.apiAlertBoard, may: read, of: one,
			doc: doc{Summary: "Reach and scorecard, in the communes the account may see", Out: radio.AlertBoard{}}},
		{pattern: "GET /api/v1/alerts/{alert}/calls", as: api, do: s.apiAlertCalls, may: read, of: one,
			doc: doc{Summary: "Whom to call: hamlets with loudspeakers that are silent or failed", Out: callsAnswer{}}},
		{pattern: "GET /api/v1/contacts", as: api, do: s.apiContacts, may: read, doc: doc{Summary: "Whom to call, by area", Out: contactsAnswer{}}},
		{pattern: "PUT /api/v1/contacts/{area}", as: api, do: s.apiContactSave, may: radio.WriteContacts, of: s.ofArea,
			doc: doc{Summary: "Set whom to call in an area; both empty forgets", In: contactBody{}, Out: radio.AreaContact{}}},
	}
}

// ofAlert is the area of the alert in the address.
func (s *Server) ofAlert(r *http.Request) ([]radio.AreaID, error) {
	a, err := s.alert(r)
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return chainOr(tree, a.Wish.Area), nil
}

// ofArea is the place of the commune or hamlet in the address.
func (s *Server) ofArea(r *http.Request) ([]radio.AreaID, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	chain := tree.Chain(radio.AreaID(r.PathValue("area")))
	if len(chain) < 2 { // of the province nobody is called
		return nil, notFound("area")
	}
	return chain, nil
}

func (s *Server) alert(r *http.Request) (radio.AlertRecord, error) {
	id := radio.AlertID(r.PathValue("alert"))
	if !radio.ValidID(id) {
		return radio.AlertRecord{}, notFound("alert")
	}
	return s.Alerts.Find(r.Context(), id)
}

// alertVoice is the spoken words of an alert: who signs it has heard what they sign.
func (s *Server) alertVoice(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	if a.Wish.Voice == nil {
		return notFound("voice")
	}
	return s.sendAudio(w, r, a.Wish.Voice.SHA256)
}

// visibleAlerts lists a page of the alerts that the reader may see; next is the id behind
// which the following page begins, "" at the end.
func (s *Server) visibleAlerts(r *http.Request, after radio.AlertID) (shown []radio.AlertRecord, next radio.AlertID, err error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, "", err
	}
	const batch = 100
	for {
		all, err := s.Alerts.List(r.Context(), after, batch)
		if err != nil {
			return nil, "", err
		}
		for _, a := range all {
			if !who(r).MayRead(radio.ReadAlerts, chainOr(tree, a.Wish.Area)...) {
				continue
			}
			if len(shown) == alertsAPage {
				return shown, shown[alertsAPage-1].ID, nil
			}
			shown = append(shown, a)
		}
		if len(all) < batch {
			return shown, "", nil
		}
		after = all[batch-1].ID
	}
}

// alertRow is an alert in a list.
type alertRow struct {
	radio.AlertRecord
	Area  string
	State string // in words
	Mark  string // of its tag
	Loud  bool   // it is out now
}

func (s *Server) alertRow(r *http.Request, tree radio.AreaTree, a radio.AlertRecord) alertRow {
	row := alertRow{AlertRecord: a, Area: placeName(tree, a.Wish.Area), Mark: string(a.State), Loud: a.Active(radio.At(s.Now()))}
	row.State = s.say(r, alertStateText(a.State))
	if a.State == radio.AlertIssued && !row.Loud {
		row.State, row.Mark = s.say(r, "Đã hết hiệu lực"), "over"
	}
	return row
}

func placeName(tree radio.AreaTree, id radio.AreaID) string {
	a, ok := tree.Area(id)
	if !ok {
		return string(id)
	}
	if parent, ok := tree.LiveCommune(a.ID); ok && a.Kind == radio.Hamlet {
		return a.Name + ", " + parent.Name
	}
	return areaLabel(tree, a)
}

type alertsData struct {
	Alerts   []alertRow
	Next     string
	MayWrite bool
}

func (s *Server) alertList(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "after")
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	all, next, err := s.visibleAlerts(r, radio.AlertID(q.Get("after")))
	if err != nil {
		return err
	}
	d := alertsData{MayWrite: who(r).MaySomewhere(radio.WriteAlerts)}
	for _, a := range all {
		d.Alerts = append(d.Alerts, s.alertRow(r, tree, a))
	}
	if next != "" {
		d.Next = "/alerts?after=" + string(next)
	}
	return s.show(w, r, http.StatusOK, "alerts.html", "Phát khẩn cấp", d)
}

func alertStateText(state radio.AlertState) string {
	return word(map[radio.AlertState]string{radio.AlertDraft: "Chờ ký", radio.AlertDropped: "Đã bỏ", radio.AlertIssued: "Đang phát đi",
		radio.AlertCancelled: "Đã hủy phát"}, state)
}

func soundText(role radio.EmergencyRole) string {
	return word(map[radio.EmergencyRole]string{radio.RoleSiren: "Còi báo động", radio.RoleLeadIn: "Câu dẫn “Thông báo khẩn cấp”",
		radio.RoleDrill: "Thông báo “Đây là diễn tập”", radio.RoleAllOK: "Báo yên"}, role)
}

func alertWordText(w radio.AlertWord) string {
	return word(map[radio.AlertWord]string{radio.AlertReceived: "Đã nhận", radio.AlertRunning: "Đang phát", radio.AlertDone: "Đã phát xong",
		radio.AlertStopped: "Đã dừng", radio.AlertFailed: "Có lỗi", radio.AlertSilent: "Chưa có tin"}, w)
}

// receiptReasonText is the word for a reason in a receipt; the others are those of airings.
func receiptReasonText(reason radio.Reason) string {
	if text, ok := map[radio.Reason]string{radio.ReasonLocalStart: "bật tại cụm loa", radio.ReasonArea: "không thuộc địa bàn này",
		radio.ReasonSigners: "chưa đủ chữ ký hoặc khóa lạ", radio.ReasonDrill: "câu diễn tập không có trong danh sách", radio.ReasonKnown: "đã nhận trước đó",
		radio.ReasonRange: "ngoài phạm vi cho phép", radio.ReasonDisplaced: "nhường cảnh báo của địa bàn rộng hơn"}[reason]; ok {
		return text
	}
	return reasonText(reason)
}

// took writes how long something took in the reader's language.
func (s *Server) took(r *http.Request, ms int64) string {
	if ms < 0 {
		return "–"
	}
	sp := s.pages.speech[languageOf(r)]
	if ms < 100 {
		return sp.say("dưới %s", sp.length(0.1))
	}
	return sp.length((time.Duration(ms) * time.Millisecond).Seconds())
}
