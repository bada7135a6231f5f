package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

// Offers is the desk at which communes answer what comes to them from above (offer).
type Offers interface {
	Inbox(ctx context.Context, commune radio.AreaID) (radio.Inbox, error)
	// Decide takes words of a commune, all or none: radio.ErrForbidden from who has no role
	// in the commune itself.
	Decide(ctx context.Context, by radio.Person, commune radio.AreaID, words []radio.Decision) error
	SetRule(ctx context.Context, by radio.Person, r radio.OfferRule) error
	// Answers tells how a schedule stands with the communes to which it is sent.
	Answers(ctx context.Context, s radio.Schedule) (radio.OfferAnswers, error)
}

// offerRoutes are a commune's inbox of what comes from above.
func (s *Server) offerRoutes() []route {
	page, api := s.page, s.api
	return []route{
		{pattern: "GET /offers", as: page, do: s.offerList, may: radio.ReadSchedules},
		{pattern: "GET /offers/{area}", as: page, do: s.offerPage, may: radio.ReadSchedules, of: s.ofCommune},
		{pattern: "POST /offers/{area}", as: page, do: s.offerDecide, may: radio.DecideOffers, of: s.ofCommune},
		{pattern: "POST /offers/{area}/rule", as: page, do: s.offerRule, may: radio.DecideOffers, of: s.ofCommune},

		{pattern: "GET /api/v1/offers/{area}", as: api, do: s.apiOffers, may: radio.ReadSchedules, of: s.ofCommune,
			doc: doc{Summary: "What came to a commune from above, and how the commune stands with it", Out: radio.Inbox{}}},
		{pattern: "POST /api/v1/offers/{area}/decisions", as: api, do: s.apiOfferDecide, may: radio.DecideOffers, of: s.ofCommune,
			doc: doc{Summary: "Say what counts: accept, move, decline, order or undo, for every date, one date or one airing; all or none", In: decisionsBody{}, Out: radio.Inbox{}}},
		{pattern: "PUT /api/v1/offers/{area}/rule", as: api, do: s.apiOfferRule, may: radio.DecideOffers, of: s.ofCommune,
			doc: doc{Summary: "Say what counts while the commune does not answer, and by when it means to", In: offerRuleBody{}, Out: radio.Inbox{}}},
		{pattern: "GET /api/v1/schedules/{id}/answers", as: api, do: s.apiAnswers, may: radio.ReadSchedules, of: s.ofSchedule,
			doc: doc{Summary: "Which communes decline, hold or have not answered the schedule: its draft, else what is on the air", Out: radio.OfferAnswers{}}},
	}
}

// decisionBody is one word; by, at and the commune are known.
type decisionBody struct {
	Schedule radio.ScheduleID   `json:"schedule"`
	Slot     radio.SlotID       `json:"slot,omitempty"`
	Date     radio.Date         `json:"date,omitempty"`
	Time     string             `json:"time,omitempty"`
	Do       radio.DecisionKind `json:"do"`
	To       *radio.TimeOfDay   `json:"to,omitempty"` // midnight is a time, too
	ToDate   radio.Date         `json:"to_date,omitempty"`
	Other    radio.ScheduleID   `json:"other,omitempty"`
	Reason   string             `json:"reason,omitempty"`
	// Seen is n of the newest word that was read before, 0 for none: 409 when a newer one is
	// about the same. Left out, it is not asked.
	Seen *int64 `json:"seen,omitempty"`
}

func (b decisionBody) word() (radio.Decision, error) {
	d := radio.Decision{Schedule: b.Schedule, Slot: b.Slot, Date: b.Date, Time: b.Time, Do: b.Do, ToDate: b.ToDate, Other: b.Other, Reason: b.Reason, Seen: b.Seen}
	if b.To != nil {
		d.To = *b.To
	} else if d.Do == radio.DecideMove {
		return d, noNewTime()
	}
	return d, nil
}

func noNewTime() error {
	var e radio.Invalid
	e.Add("to", "chọn giờ mới, dạng 17:30", "want the new time as 17:30")
	return e.Err()
}

type decisionsBody struct {
	Decisions []decisionBody `json:"decisions"`
}

type offerRuleBody struct {
	Default radio.OfferDefault `json:"default"`
	Hours   int                `json:"deadline_hours"`
}

// offersData is the list of communes.
type offersData struct{ Communes []radio.Area }

// offerData is the page of one commune.
type offerData struct {
	Commune radio.Area
	Inbox   radio.Inbox
	// May: the reader answers for the commune.
	May   bool
	Again retry
}

// Seen is the newest word that the page tells of.
func (d offerData) Seen() int64 {
	if len(d.Inbox.Words) == 0 {
		return 0
	}
	return d.Inbox.Words[0].N
}

// offerList lists the reader's communes; the only one is shown at once.
func (s *Server) offerList(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	communes, err := s.readCommunes(r)
	if err != nil {
		return err
	}
	if len(communes) == 1 {
		http.Redirect(w, r, "/offers/"+string(communes[0].ID), http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, http.StatusOK, "offers.html", "Cấp trên gửi", offersData{communes})
}

func (s *Server) offerData(r *http.Request) (offerData, error) {
	var d offerData
	tree, err := s.tree(r)
	if err != nil {
		return d, err
	}
	d.Commune, _ = tree.Area(radio.AreaID(r.PathValue("area"))) // ofCommune has found it
	d.May = who(r).MayDecide(d.Commune.ID)
	d.Inbox, err = s.Offers.Inbox(r.Context(), d.Commune.ID)
	return d, err
}

func (s *Server) offerPage(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	d, err := s.offerData(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "offer.html", "Cấp trên gửi", d)
}

// offerAnswer goes back to the page, or shows it again with what was typed.
func (s *Server) offerAnswer(w http.ResponseWriter, r *http.Request, form, anchor string, err error) error {
	if again, ok := s.again(w, r, form, "", err); ok {
		d, err := s.offerData(r)
		if err != nil {
			return err
		}
		d.Again = again
		return s.show(w, r, again.Status(), "offer.html", "Cấp trên gửi", d)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/offers/"+r.PathValue("area")+"#"+anchor, http.StatusSeeOther)
	return nil
}

func (s *Server) offerDecide(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	word, err := readDecision(r)
	if err == nil {
		err = s.Offers.Decide(r.Context(), who(r), radio.AreaID(r.PathValue("area")), []radio.Decision{word})
	}
	// The form of a slot bears the slot's name, that of a clash both schedules'.
	form := ""
	if word.Other != "" {
		form = "o" + clashName(word.Schedule, word.Other)
	} else if word.Slot != "" {
		form = "o" + string(word.Slot)
	}
	return s.offerAnswer(w, r, form, form, err)
}

// clashName is the same whichever of the two is named first.
func clashName(a, b radio.ScheduleID) string { return string(min(a, b)) + string(max(a, b)) }

// Form names the form of a clash.
func (d offerData) Form(c radio.OfferClash) string { return "o" + clashName(c.A, c.B) }

// First says whether no earlier card is of the same slot: parts of a merged commune may
// have one each.
func (d offerData) First(i int) bool {
	return !slices.ContainsFunc(d.Inbox.Offers[:i], func(o radio.Offer) bool { return o.Slot == d.Inbox.Offers[i].Slot })
}

// shownTimes bounds the airings of a slot that the page lists.
const shownTimes = 31

// Coming is what the page lists of a slot, More how much is left out.
func (d offerData) Coming(o radio.Offer) []radio.OfferTime {
	return o.Coming[:min(len(o.Coming), shownTimes)]
}

func (d offerData) More(o radio.Offer) int { return max(0, len(o.Coming)-shownTimes) }

// Times are the times of day of a slot that comes several times a day, to choose one.
func (d offerData) Times(o radio.Offer) []string {
	var out []string
	for _, t := range o.Coming {
		if at := t.Time.String(); !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	if len(out) < 2 {
		return nil
	}
	return out
}

// Off counts the airings that will not sound though the commune lets them.
func (d offerData) Off(o radio.Offer) int {
	n := 0
	for _, t := range o.Coming {
		if t.Off {
			n++
		}
	}
	return n
}

// readDecision reads the form of one slot or one clash. What belongs to a move is left out
// of other words: one form serves all of them.
func readDecision(r *http.Request) (radio.Decision, error) {
	f := r.PostForm
	d := radio.Decision{Schedule: radio.ScheduleID(f.Get("schedule")), Slot: radio.SlotID(f.Get("slot")), Date: radio.Date(f.Get("date")), Time: f.Get("time"),
		Do: radio.DecisionKind(f.Get("do")), Other: radio.ScheduleID(f.Get("other")), Reason: radio.TidyLine(f.Get("reason"))}
	if f.Has("seen") {
		n, err := strconv.ParseInt(f.Get("seen"), 10, 64)
		if err != nil {
			var e radio.Invalid
			e.Add("seen", "hãy mở lại trang rồi trả lời", "want the number of the newest word that was seen")
			return d, e.Err()
		}
		d.Seen = &n
	}
	if d.Do != radio.DecideMove {
		return d, nil
	}
	d.ToDate = radio.Date(f.Get("to_date"))
	var err error
	if d.To, err = radio.ParseTimeOfDay(f.Get("to")); err != nil {
		return d, noNewTime()
	}
	return d, nil
}

func (s *Server) offerRule(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	hours, err := strconv.Atoi(radio.TidyLine(r.PostFormValue("deadline_hours")))
	if err != nil {
		hours = -1 // refused below, with its bounds
	}
	err = s.Offers.SetRule(r.Context(), who(r), radio.OfferRule{Area: radio.AreaID(r.PathValue("area")), Default: radio.OfferDefault(r.PostFormValue("default")), Hours: hours})
	return s.offerAnswer(w, r, "rule", "rule", err)
}

func (s *Server) apiOffers(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	b, err := s.Offers.Inbox(r.Context(), radio.AreaID(r.PathValue("area")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

func (s *Server) apiOfferDecide(w http.ResponseWriter, r *http.Request) error {
	var in decisionsBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	words := make([]radio.Decision, len(in.Decisions))
	for i, b := range in.Decisions {
		var err error
		if words[i], err = b.word(); err != nil {
			return err
		}
	}
	if err := s.Offers.Decide(r.Context(), who(r), radio.AreaID(r.PathValue("area")), words); err != nil {
		return err
	}
	return s.apiOffers(w, r)
}

func (s *Server) apiOfferRule(w http.ResponseWriter, r *http.Request) error {
	var in offerRuleBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.Offers.SetRule(r.Context(), who(r), radio.OfferRule{Area: radio.AreaID(r.PathValue("area")), Default: in.Default, Hours: in.Hours}); err != nil {
		return err
	}
	return s.apiOffers(w, r)
}

// answers tells how a schedule, its draft if it has one, stands with the communes whose
// schedules the reader may see.
func (s *Server) answers(r *http.Request, v radio.ScheduleView) (radio.OfferAnswers, error) {
	doc := v.Schedule
	if v.Draft != nil {
		doc = v.Draft.Doc
		doc.ID, doc.Area = v.Schedule.ID, cmp.Or(doc.Area, v.Schedule.Area)
		doc.ApprovedAt = 0 // from now on
	} else if v.State == radio.ScheduleWithdrawn {
		return radio.OfferAnswers{Answers: []radio.OfferAnswer{}}, nil
	}
	out, err := s.Offers.Answers(r.Context(), doc)
	if err != nil {
		return out, err
	}
	mine, err := s.communesOf(r, radio.ReadSchedules)
	if err == nil && mine != nil {
		out.Answers = slices.DeleteFunc(out.Answers, func(a radio.OfferAnswer) bool { return !slices.Contains(mine, a.Commune) })
		out.Count()
	}
	return out, err
}

func (s *Server) apiAnswers(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	v, err := s.Schedules.View(r.Context(), who(r), scheduleID(r))
	if err != nil {
		return err
	}
	out, err := s.answers(r, v)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

// answerSums is what the page of a schedule shows of the communes' answers.
type answerSums struct {
	radio.OfferAnswers
	Shown []radio.OfferAnswer // that decline, hold or have not answered, at most answersShown
	More  int
}

const answersShown = 20

func sumAnswers(all radio.OfferAnswers) answerSums {
	sum := answerSums{OfferAnswers: all}
	rank := func(a radio.OfferAnswer) int {
		switch {
		case a.State == radio.OfferDeclined:
			return 0
		case a.Held():
			return 1
		}
		return 2
	}
	for _, a := range all.Answers {
		if a.State != radio.OfferAccepted && a.State != radio.OfferMoved {
			sum.Shown = append(sum.Shown, a)
		}
	}
	slices.SortStableFunc(sum.Shown, func(a, b radio.OfferAnswer) int { return cmp.Compare(rank(a), rank(b)) })
	sum.More = max(len(sum.Shown)-answersShown, 0)
	sum.Shown = sum.Shown[:len(sum.Shown)-sum.More]
	return sum
}

// offerText names where a slot stands with the commune.
func offerText(o radio.OfferState) string {
	return word(map[radio.OfferState]string{
		radio.OfferWaiting: "chờ trả lời", radio.OfferByDefault: "theo mặc định", radio.OfferAccepted: "đã nhận", radio.OfferMoved: "đã đổi giờ",
		radio.OfferDeclined: "không nhận", radio.OfferStands: "ưu tiên: phát theo lịch",
	}, o)
}

// decisionWord names what was said.
func decisionWord(d radio.DecisionKind) string {
	return word(map[radio.DecisionKind]string{
		radio.DecideAccept: "Nhận", radio.DecideMove: "Đổi giờ", radio.DecideDecline: "Không nhận", radio.DecideOrder: "Phát trước", radio.DecideUndo: "Rút lại",
	}, d)
}
