package web

import (
	"encoding/csv"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// mostHamlets is how many hamlets one page shows: with more, those that lack something.
const mostHamlets = 150

type alertData struct {
	alertRow
	Sounds   []string // of one cycle, in order
	Cycle    float64  // seconds
	Sounding float64
	Hearers  []hearer // before it is sent
	All      hearer
	More     int // parts of the area that are not shown
	Until    radio.Millis
	Signed   []radio.AlertSignature // fresh ones
	Cancels  []radio.AlertSignature
	Need     int // how many must sign
	MayWrite bool
	MaySign  bool
	// Sign and Cancel are the forms to do so.
	Sign, Cancel signForm
	// Waits: the reader has signed what another person must sign too.
	Waits    bool
	Board    *boardData
	Problems []formProblem
}

// Signs says whether the page has a form to sign with, which tells what is wrong itself.
func (d alertData) Signs() bool {
	return d.HasKey() && (d.AlertRecord.State == radio.AlertDraft || d.Loud)
}

// HasKey says whether the reader may sign and holds a key for it.
func (d alertData) HasKey() bool { return d.MaySign && d.Sign.Any() }

// boardData is the reach in words.
type boardData struct {
	radio.AlertBoard
	Counts   []wordCount
	Hamlets  []radio.AlertHamlet
	Left     int // hamlets not shown
	Commune  radio.AreaID
	Received string
	Running  string
}

type wordCount struct {
	Word radio.AlertWord
	Name string
	N    int
}

func (s *Server) alertShow(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r, "commune"); err != nil {
		return err
	}
	return s.showAlert(w, r, nil)
}

func (s *Server) showAlert(w http.ResponseWriter, r *http.Request, broken error) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	d, err := s.alertData(r, a)
	if err != nil {
		return err
	}
	status := http.StatusOK
	var invalid *radio.Invalid
	if errors.As(broken, &invalid) {
		status = http.StatusUnprocessableEntity
		for _, p := range invalid.Problems {
			text := p.VI
			if languageOf(r) == english {
				text = p.EN
			}
			d.Problems = append(d.Problems, formProblem{p.Field, text})
		}
		d.Sign.Again, d.Cancel.Again = true, true
	}
	return s.show(w, r, status, "alert.html", a.Wish.Headline, d)
}

func (s *Server) alertData(r *http.Request, a radio.AlertRecord) (alertData, error) {
	tree, err := s.tree(r)
	if err != nil {
		return alertData{}, err
	}
	set := s.AlertBoards.Set()
	d := alertData{alertRow: s.alertRow(r, tree, a), Cycle: a.Wish.Cycle(set).Seconds(), Sounding: a.Wish.Sounding(set).Seconds()}
	for _, role := range a.Wish.Sounds {
		d.Sounds = append(d.Sounds, s.say(r, soundText(role)))
	}
	if a.Wish.Voice != nil {
		d.Sounds = append(d.Sounds, s.say(r, "Giọng đọc"))
	}
	now := radio.At(s.Now())
	d.Signed, d.Cancels = fresh(a.Paper, now), fresh(a.Tomb, now)
	if len(d.Signed) > 0 && a.State == radio.AlertDraft {
		d.Until = d.Signed[0].At.Add(radio.AlertSigning)
	}
	chain := chainOr(tree, a.Wish.Area)
	p := who(r)
	d.MayWrite, d.MaySign = p.May(radio.WriteAlerts, chain...), p.May(radio.SignAlerts, chain...)
	if d.MaySign {
		ways, err := s.Signing.Ways(r.Context(), p.ID, a.Wish.Area)
		if err != nil {
			return d, err
		}
		api := "/api/v1/alerts/" + string(a.ID)
		if d.Sign, err = s.signForm(r, ways, api+"/sign-ask"); err != nil {
			return d, err
		}
		d.Cancel = d.Sign
		d.Cancel.Ask = api + "/cancel-ask"
	}
	signed := func(x radio.AlertSignature) bool { return x.Person == p.ID }
	d.Waits = a.State == radio.AlertDraft && slices.ContainsFunc(d.Signed, signed) || d.Loud && slices.ContainsFunc(d.Cancels, signed)
	if d.Need, err = s.Signing.Need(r.Context(), p.ID, a.Wish.Area); err != nil {
		return d, err
	}
	if a.Paper.SentAt != 0 {
		d.Board, err = s.alertBoard(r, a)
		return d, err
	}
	if a.State == radio.AlertDraft {
		d.Hearers, d.All, d.More, err = s.hearers(r, a.Wish.Area)
	}
	return d, err
}

// fresh are the signatures that count now.
func fresh(p radio.AlertPaper, now radio.Millis) []radio.AlertSignature {
	if p.Stale(now) {
		return nil
	}
	return p.Signatures
}

// board is the reach in the communes the reader may see.
func (s *Server) board(r *http.Request, a radio.AlertRecord) (radio.AlertBoard, error) {
	communes, err := s.communesOf(r, radio.ReadAlerts)
	if err != nil {
		return radio.AlertBoard{}, err
	}
	b, err := s.AlertBoards.Board(r.Context(), a)
	return b.Within(communes), err
}

func (s *Server) alertBoard(r *http.Request, a radio.AlertRecord) (*boardData, error) {
	b, err := s.board(r, a)
	if err != nil {
		return nil, err
	}
	d := &boardData{AlertBoard: b, Commune: radio.AreaID(r.URL.Query().Get("commune"))}
	for _, h := range b.Hamlets {
		if d.Commune == "" || h.Commune == d.Commune {
			d.Hamlets = append(d.Hamlets, h)
		}
	}
	if all := len(d.Hamlets); all > mostHamlets {
		// Those that lack something first, so that none of them is hidden behind the others.
		slices.SortStableFunc(d.Hamlets, func(x, y radio.AlertHamlet) int { return min(len(y.Mute), 1) - min(len(x.Mute), 1) })
		d.Hamlets, d.Left = d.Hamlets[:mostHamlets], all-mostHamlets
	}
	d.Counts = s.wordCounts(r, b.All.Counts)
	d.Received, d.Running = s.took(r, b.All.Received.P99), s.took(r, b.All.Running.P99)
	return d, nil
}

func (s *Server) wordCounts(r *http.Request, c radio.AlertCounts) []wordCount {
	n := map[radio.AlertWord]int{radio.AlertReceived: c.Received, radio.AlertRunning: c.Running, radio.AlertDone: c.Done, radio.AlertStopped: c.Stopped,
		radio.AlertFailed: c.Failed, radio.AlertSilent: c.Silent}
	var out []wordCount
	for _, w := range radio.AlertWords() {
		out = append(out, wordCount{w, s.say(r, alertWordText(w)), n[w]})
	}
	return out
}

// call is one hamlet of the call list.
type call struct {
	radio.AlertHamlet
	// Contact is of the hamlet, or where it has none of the commune.
	Contact  *radio.AreaContact `json:"contact,omitempty"`
	Fallback bool               `json:"commune_contact,omitempty"`
}

// calls lists the hamlets where loudspeakers are silent or failed, with whom to call.
func (s *Server) calls(r *http.Request, a radio.AlertRecord) ([]call, radio.AlertBoard, error) {
	b, err := s.board(r, a)
	if err != nil {
		return nil, b, err
	}
	all, err := s.Contacts.Contacts(r.Context())
	if err != nil {
		return nil, b, err
	}
	contacts := map[radio.AreaID]radio.AreaContact{}
	for _, c := range all {
		contacts[c.Area] = c
	}
	out := []call{}
	for _, h := range b.Hamlets {
		if len(h.Mute) == 0 {
			continue
		}
		x := call{AlertHamlet: h}
		if c, ok := contacts[h.Hamlet]; ok {
			x.Contact = &c
		} else if c, ok := contacts[h.Commune]; ok {
			x.Contact, x.Fallback = &c, true
		}
		out = append(out, x)
	}
	return out, b, nil
}

type callsData struct {
	alertRow
	Calls   []call
	At      radio.Millis
	Devices int
}

func (s *Server) alertCalls(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	calls, b, err := s.calls(r, a)
	if err != nil {
		return err
	}
	d := callsData{alertRow: s.alertRow(r, tree, a), Calls: calls, At: b.At, Devices: b.All.Counts.Devices}
	return s.show(w, r, http.StatusOK, "alertcalls.html", "Danh sách gọi điện", d)
}

// scoreRow is one device of the scorecard in words.
type scoreRow struct {
	radio.AlertDevice
	State, Why, Received, Running, Done string
}

// scoreCommune is one commune of it.
type scoreCommune struct {
	radio.AlertCommune
	Received, Running, Done string
}

type scoreData struct {
	alertRow
	At       radio.Millis
	All      scoreCommune
	Communes []scoreCommune
	Rows     []scoreRow
	Pager    pager
	// Again: some device has more cycles than were asked for.
	Again bool
}

const scoreAPage = 100

func (s *Server) scoreCommune(r *http.Request, c radio.AlertCommune) scoreCommune {
	text := func(t radio.AlertTimes) string {
		if t.Count == 0 {
			return "–"
		}
		return s.took(r, t.P50) + " / " + s.took(r, t.P99)
	}
	return scoreCommune{c, text(c.Received), text(c.Running), text(c.Done)}
}

func (s *Server) scoreRow(r *http.Request, d radio.AlertDevice) scoreRow {
	row := scoreRow{AlertDevice: d, State: s.say(r, alertWordText(d.Word)), Received: s.took(r, d.ReceivedMS), Running: s.took(r, d.RunningMS), Done: s.took(r, d.DoneMS)}
	if d.Reason != "" {
		row.Why = s.say(r, receiptReasonText(d.Reason))
	}
	return row
}

func (s *Server) alertScore(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	b, err := s.board(r, a)
	if err != nil {
		return err
	}
	d := scoreData{alertRow: s.alertRow(r, tree, a), At: b.At, All: s.scoreCommune(r, b.All)}
	for _, c := range b.Communes {
		d.Communes = append(d.Communes, s.scoreCommune(r, c))
	}
	d.Again = slices.ContainsFunc(b.Devices, func(x radio.AlertDevice) bool { return len(x.Cycles) > a.Wish.Repeats })
	shown, pager := part(r, b.Devices, scoreAPage)
	d.Pager = pager
	for _, x := range shown {
		d.Rows = append(d.Rows, s.scoreRow(r, x))
	}
	title := "Kết quả phát khẩn cấp"
	if a.Wish.Drill {
		title = "Phiếu điểm diễn tập"
	}
	return s.show(w, r, http.StatusOK, "alertscore.html", title, d)
}

// alertScoreCSV is the scorecard as a file: a line for each device, its cycles in the
// last column.
func (s *Server) alertScoreCSV(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	b, err := s.board(r, a)
	if err != nil {
		return err
	}
	var out strings.Builder
	out.WriteString("\ufeff") // tells Excel that the file is UTF-8
	file := csv.NewWriter(&out)
	file.UseCRLF = true
	head := []string{s.say(r, "Xã/phường"), s.say(r, "Thôn/tổ dân phố"), s.say(r, "Mã cụm loa"), s.say(r, "Cụm loa"), s.say(r, "Trạng thái"), s.say(r, "Lý do"),
		s.say(r, "Nhận sau (ms)"), s.say(r, "Phát sau (ms)"), s.say(r, "Xong sau (ms)"), s.say(r, "Các lượt phát")}
	if err := file.Write(head); err != nil {
		return err
	}
	number := func(ms int64) string {
		if ms < 0 {
			return ""
		}
		return strconv.FormatInt(ms, 10)
	}
	for _, x := range b.Devices {
		row := s.scoreRow(r, x)
		line := []string{x.CommuneName, x.HamletName, x.Code, x.Name, row.State, row.Why, number(x.ReceivedMS), number(x.RunningMS), number(x.DoneMS), s.cycles(r, x.Cycles)}
		for i := range line {
			line[i] = plainCell(line[i])
		}
		if err := file.Write(line); err != nil {
			return err
		}
	}
	file.Flush()
	if err := file.Error(); err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", disposition(s.say(r, "Kết quả phát khẩn cấp")+" "+a.Paper.SentAt.Time().In(s.zone).Format("2006-01-02 15.04")+".csv"))
	return send(w, http.StatusOK, csvType, []byte(out.String()))
}

// cycles writes the outcome of each cycle.
func (s *Server) cycles(r *http.Request, all []radio.AlertCycle) string {
	words := FileWords{s.pages.speech[languageOf(r)]}
	var out []string
	for _, c := range all {
		text := strconv.Itoa(c.Cycle) + ": " + words.Outcome(c.Outcome)
		if c.Reason != "" {
			text += " (" + words.Reason(c.Reason) + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// plainCell keeps a spreadsheet from taking words for a formula.
func plainCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
