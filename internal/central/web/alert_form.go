package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// kinds of an alert in the form.
const (
	kindReal, kindDrill, kindStanding = "real", "drill", "standing"
)

type alertFormData struct {
	radio.AlertRecord
	New      bool
	Areas    []areaChoice
	Communes []areaChoice // whose hamlets can be listed
	Commune  radio.AreaID
	Kind     string
	Sounds   []soundChoice
	// The numbers as they were written.
	Repeats, Interval, Life string
	HasVoice                bool
	Problems                []formProblem
}

// areaChoice is an area to choose, with its depth below the province.
type areaChoice struct {
	ID     radio.AreaID
	Name   string
	Depth  int
	Chosen bool
}

type soundChoice struct {
	Role    radio.EmergencyRole
	Name    string
	Seconds float64
	Chosen  bool
}

// alertForm shows the form of a draft.
func (s *Server) alertForm(w http.ResponseWriter, r *http.Request, d alertFormData, broken error) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	if d.Commune == "" {
		if chain := tree.Chain(d.Wish.Area); len(chain) > 1 {
			d.Commune = chain[1]
		}
	}
	d.Areas, d.Communes = alertAreas(who(r), tree, d.Wish.Area, &d.Commune)
	for _, e := range s.AlertBoards.Set() {
		if e.Role != radio.RoleDrill { // a drill begins and ends with it by itself
			d.Sounds = append(d.Sounds, soundChoice{e.Role, s.say(r, soundText(e.Role)), e.Rendition.Duration().Seconds(), slices.Contains(d.Wish.Sounds, e.Role)})
		}
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
	}
	title := "Sửa thông báo khẩn cấp"
	if d.New {
		title = "Soạn thông báo khẩn cấp"
	}
	return s.show(w, r, status, "alertform.html", title, d)
}

// alertAreas lists where a person may alert: the province, communes, and the hamlets of
// the one commune that is chosen, or is the only one.
func alertAreas(p radio.Person, tree radio.AreaTree, chosen radio.AreaID, commune *radio.AreaID) (areas, communes []areaChoice) {
	may := func(id radio.AreaID) bool { return p.May(radio.WriteAlerts, tree.Chain(id)...) }
	all := areasByName(tree.All())
	for _, a := range all {
		if a.Kind == radio.Commune && slices.ContainsFunc(all, func(x radio.Area) bool { return slices.Contains(tree.Chain(x.ID), a.ID) && may(x.ID) }) {
			communes = append(communes, areaChoice{ID: a.ID, Name: areaLabel(tree, a), Chosen: a.ID == *commune})
		}
	}
	if len(communes) == 1 {
		*commune = communes[0].ID
	}
	add := func(kind radio.AreaKind, depth int, fits func(radio.Area) bool) {
		for _, a := range all {
			if a.Kind == kind && fits(a) && may(a.ID) {
				areas = append(areas, areaChoice{a.ID, areaLabel(tree, a), depth, a.ID == chosen})
			}
		}
	}
	add(radio.Province, 0, func(radio.Area) bool { return true })
	for _, c := range communes {
		add(radio.Commune, 1, func(a radio.Area) bool { return a.ID == c.ID })
		if c.ID == *commune {
			add(radio.Hamlet, 2, func(a radio.Area) bool { return slices.Contains(tree.Chain(a.ID), c.ID) })
		}
	}
	return areas, communes
}

func (s *Server) alertNew(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r, "commune", "kind")
	if err != nil {
		return err
	}
	d := alertFormData{New: true, Commune: radio.AreaID(q.Get("commune")), Kind: cmp.Or(q.Get("kind"), kindReal), Repeats: "3", Interval: "30", Life: "60"}
	d.Wish.Area = d.Commune
	d.Wish.Sounds = []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn}
	return s.alertForm(w, r, d, nil)
}

func (s *Server) alertEdit(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	return s.alertForm(w, r, formOf(a), nil)
}

// formOf writes a draft as the form does.
func formOf(a radio.AlertRecord) alertFormData {
	d := alertFormData{AlertRecord: a, Kind: kindReal, Repeats: strconv.Itoa(a.Wish.Repeats), Interval: strconv.Itoa(a.Wish.IntervalS),
		Life: strconv.Itoa(a.Wish.LifeMinutes), HasVoice: a.Wish.Voice != nil}
	switch {
	case a.Wish.Drill:
		d.Kind = kindDrill
	case a.Wish.Standing:
		d.Kind = kindStanding
	}
	return d
}

func (s *Server) alertCompose(w http.ResponseWriter, r *http.Request) error {
	d, sent, err := s.readAlert(r, radio.AlertRecord{})
	d.New = true
	if err == nil {
		d.AlertRecord, err = s.composeAlert(r, d, sent)
	}
	return s.alertSaved(w, r, d, err)
}

// composeAlert judges the words before it takes the voice in, which is slow.
func (s *Server) composeAlert(r *http.Request, d alertFormData, sent sentForm) (radio.AlertRecord, error) {
	wish := d.Wish
	if _, err := wish.Normal(s.AlertBoards.Set()); err != nil {
		return d.AlertRecord, err
	}
	if err := s.allow(r, radio.WriteAlerts, wish.Area); err != nil {
		return d.AlertRecord, err
	}
	if sent.audio != nil {
		voice, err := s.Alerts.Voice(r.Context(), sent.audio)
		if err != nil {
			return d.AlertRecord, voiceFailed(sent, err)
		}
		wish.Voice = &voice
	}
	var a radio.AlertRecord
	var err error
	if d.New {
		a, err = s.Alerts.Compose(r.Context(), who(r), wish)
	} else {
		a, err = s.Alerts.Change(r.Context(), who(r), d.ID, d.Version, wish)
	}
	if err != nil {
		return d.AlertRecord, err
	}
	return a, nil
}

func voiceFailed(sent sentForm, err error) error {
	if sent.body != nil && sent.body.err != nil {
		return bodyError(sent.body.err)
	}
	return err
}

func (s *Server) alertChange(w http.ResponseWriter, r *http.Request) error {
	a, err := s.alert(r)
	if err != nil {
		return err
	}
	d, sent, err := s.readAlert(r, a)
	if err == nil {
		d.AlertRecord, err = s.composeAlert(r, d, sent)
	}
	return s.alertSaved(w, r, d, err)
}

func (s *Server) alertSaved(w http.ResponseWriter, r *http.Request, d alertFormData, err error) error {
	if isInvalid(err) {
		return s.alertForm(w, r, d, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/alerts/"+string(d.ID), http.StatusSeeOther)
	return nil
}

// alertWords are the parts that the form may have before its voice.
func alertWords() []string {
	words := []string{"kind", "area", "headline", "text", "document", "repeats", "interval_s", "life_minutes", "without_voice", "version"}
	for _, role := range radio.EmergencyRoles() {
		words = append(words, "sound_"+string(role))
	}
	return words
}

// readAlert reads the form over the draft there is; a voice stays unless it is taken away
// or another one comes.
func (s *Server) readAlert(r *http.Request, old radio.AlertRecord) (alertFormData, sentForm, error) {
	d := alertFormData{AlertRecord: old}
	sent, err := readUploadOf(r, alertWords(), "headline", "text")
	if err != nil {
		return d, sent, err
	}
	f := sent.words
	w := radio.AlertWish{Area: radio.AreaID(f["area"]), Headline: f["headline"], Text: f["text"], Document: f["document"],
		Drill: f["kind"] == kindDrill, Standing: f["kind"] == kindStanding}
	for _, role := range radio.EmergencyRoles() {
		if f["sound_"+string(role)] != "" {
			w.Sounds = append(w.Sounds, role)
		}
	}
	if f["without_voice"] == "" {
		w.Voice = old.Wish.Voice
	}
	d.Wish, d.Kind, d.Repeats, d.Interval, d.Life, d.HasVoice = w, f["kind"], f["repeats"], f["interval_s"], f["life_minutes"], old.Wish.Voice != nil
	var e radio.Invalid
	if !slices.Contains([]string{kindReal, kindDrill, kindStanding}, d.Kind) {
		// Never the real one for want of a word.
		e.Add("alert_kind", "hãy chọn loại", "choose the kind")
	}
	number := func(field string) int {
		n, err := strconv.Atoi(strings.TrimSpace(f[field]))
		if err != nil {
			e.Add(field, "phải là số nguyên", "want a whole number")
		}
		return n
	}
	d.Wish.Repeats, d.Wish.IntervalS, d.Wish.LifeMinutes = number("repeats"), number("interval_s"), number("life_minutes")
	if old.ID != "" {
		d.Version = number("version")
	}
	return d, sent, e.Err()
}

// versionIn reads which version of the draft a person has read.
func versionIn(r *http.Request) (int, error) {
	if err := readForm(r); err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(r.FormValue("version"))
	var e radio.Invalid
	if err != nil {
		e.Add("version", "không đúng", "not a version")
	}
	return n, e.Err()
}

func (s *Server) alertDrop(w http.ResponseWriter, r *http.Request) error {
	version, err := versionIn(r)
	if err != nil {
		return err
	}
	if err := s.Alerts.Drop(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), version); err != nil {
		return err
	}
	http.Redirect(w, r, "/alerts", http.StatusSeeOther)
	return nil
}

func (s *Server) alertSign(w http.ResponseWriter, r *http.Request) error {
	version, err := versionIn(r)
	if err != nil {
		return err
	}
	with, err := signWith(r)
	if err == nil {
		_, err = s.Signing.Sign(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), version, with)
	}
	return s.alertSigned(w, r, err)
}

func (s *Server) alertCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	with, err := signWith(r)
	if err == nil {
		_, err = s.Signing.Cancel(r.Context(), who(r), radio.AlertID(r.PathValue("alert")), strings.TrimSpace(r.PostFormValue("why")), with)
	}
	return s.alertSigned(w, r, err)
}

// alertSigned goes back to the alert; a wrong password is told there.
func (s *Server) alertSigned(w http.ResponseWriter, r *http.Request, err error) error {
	if isInvalid(err) {
		return s.showAlert(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/alerts/"+r.PathValue("alert"), http.StatusSeeOther)
	return nil
}
