package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// maxWhy is how long the reason of a decision may be, in characters.
const maxWhy = 500

// bulletinView is everything the page of one version shows.
type bulletinView struct {
	B          radio.Bulletin
	Address    string // of this version, the way to its actions
	AreaName   string
	Campaign   string
	Names      map[radio.UserID]string
	Notes      []string
	Duplicates []radio.Bulletin
	Wave       string
	SHA256     radio.SHA256
	Can        bulletinSteps
	// MustHear: the reader is one who could approve, and has to listen before.
	MustHear bool
	Hearing  radio.Hearing
	// Sign says whether it needs a signature, SignedKey under which key it is approved.
	Sign      radio.Signable
	SignForm  signForm
	SignedKey string
	Versions  []radio.Bulletin
	History   []historyRow
	Reach     *radio.BulletinReach
	Airs      []radio.Schedule
	Now       radio.Millis
	// Submitted is how the version was handed up to the province; MayHandUp: the reader may.
	Submitted []radio.Submission
	MayHandUp bool
}

// bulletinSteps is which actions the page offers.
type bulletinSteps struct {
	Edit, Delete, Submit, TakeBack, Approve, Reject, Withdraw, Revise bool
}

type historyRow struct {
	radio.BulletinEvent
	What  string
	Words string // what an edit changed
}

func bulletinAddress(b radio.Bulletin) string {
	return "/bulletins/" + string(b.ID) + "/" + strconv.Itoa(b.Version)
}

func (s *Server) bulletinPage(w http.ResponseWriter, r *http.Request) error {
	b, chain, err := s.bulletin(r)
	if err != nil {
		return err
	}
	v := bulletinView{B: b, Address: bulletinAddress(b), Names: map[radio.UserID]string{}, Now: radio.At(s.Now())}
	if main, ok := b.Rendition(radio.MainKbps); ok {
		v.SHA256 = main.SHA256
		peaks, err := s.Shelf.Waveform(r.Context(), main.SHA256)
		if err != nil && !errors.Is(err, radio.ErrNotFound) {
			return err
		}
		v.Wave = wave(peaks)
	}
	for _, code := range b.Warnings {
		v.Notes = append(v.Notes, s.say(r, warningText(code)))
	}
	for _, fill := range []func(*http.Request, *bulletinView, []radio.AreaID) error{
		s.fillNames, s.fillVersions, s.fillSignable, s.fillSteps, s.fillHistory, s.fillReach, s.fillAirs, s.fillSubmissions,
	} {
		if err := fill(r, &v, chain); err != nil {
			return err
		}
	}
	v.SignForm.Locked = !v.Hearing.Done
	return s.show(w, r, http.StatusOK, "bulletin.html", b.Title, v)
}

func (s *Server) fillNames(r *http.Request, v *bulletinView, _ []radio.AreaID) error {
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	v.AreaName = areaName(tree, v.B.Area)
	if v.B.Campaign != "" {
		all, err := s.Plan.Campaigns(r.Context())
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.ID == v.B.Campaign {
				v.Campaign = c.Title
			}
		}
	}
	v.Duplicates, err = s.duplicates(r, v.B)
	return err
}

// duplicates are other bulletins made of the same upload, as far as the reader may see
// them.
func (s *Server) duplicates(r *http.Request, b radio.Bulletin) ([]radio.Bulletin, error) {
	if b.SourceSHA256 == "" {
		return nil, nil
	}
	same, err := s.Shelf.BulletinsOfSource(r.Context(), b.SourceSHA256)
	if err != nil {
		return nil, err
	}
	return s.visible(r, slices.DeleteFunc(same, func(x radio.Bulletin) bool { return x.ID == b.ID }))
}

// visible keeps what the reader may see.
func (s *Server) visible(r *http.Request, all []radio.Bulletin) ([]radio.Bulletin, error) {
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(b radio.Bulletin) bool { return !who(r).MaySee(b, tree.Chain(b.Area)...) }), nil
}

func (s *Server) fillVersions(r *http.Request, v *bulletinView, _ []radio.AreaID) (err error) {
	v.Versions, err = s.bulletinVersions(r, v.B.ID)
	return err
}

// bulletinVersions lists the versions the reader may see, the newest first.
func (s *Server) bulletinVersions(r *http.Request, id radio.BulletinID) ([]radio.Bulletin, error) {
	all, err := s.Shelf.BulletinVersions(r.Context(), id)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	return s.visible(r, all)
}

func (s *Server) fillSteps(r *http.Request, v *bulletinView, chain []radio.AreaID) error {
	p := who(r)
	writes, decides := p.May(radio.WriteBulletins, chain...), p.May(radio.DecideBulletins, chain...)
	can := func(right bool, step radio.BulletinStep) bool { return right && v.B.Can(step, p.ID) }
	v.Can = bulletinSteps{
		Edit: can(writes, radio.StepEdit), Delete: can(writes, radio.StepDelete), Submit: can(writes, radio.StepSubmit), TakeBack: can(writes, radio.StepTakeBack),
		Approve: can(decides, radio.StepApprove) || v.Sign.Again && can(decides, radio.StepReapprove), Reject: can(decides, radio.StepReject), Withdraw: can(decides, radio.StepWithdraw),
		Revise: can(p.MayRevise(v.B, chain...), radio.StepRevise),
	}
	// While a version is at work there is no other beside it.
	for _, x := range v.Versions {
		if x.State == radio.Draft || x.State == radio.Pending {
			v.Can.Revise = false
		}
	}
	v.MustHear = v.Can.Approve
	if !v.MustHear {
		return nil
	}
	var err error
	v.Hearing, err = s.Desk.Heard(r.Context(), v.B, p.ID)
	return err
}

func (s *Server) fillHistory(r *http.Request, v *bulletinView, chain []radio.AreaID) error {
	events, err := s.bulletinHistory(r, v.B, chain)
	if err != nil {
		return err
	}
	for _, e := range events {
		v.Names[e.By] = cmp.Or(e.Name, "–")
		row := historyRow{BulletinEvent: e, What: s.say(r, stepText(e.Step))}
		if e.Step == radio.StepEdit {
			var names []string
			for _, name := range e.Fields {
				names = append(names, s.say(r, fieldText(name)))
			}
			row.Words = strings.Join(names, ", ")
		}
		v.History = append(v.History, row)
	}
	return nil
}

// bulletinHistory is what was done to a bulletin. Those who only read what is finished
// see the decisions about what went on the air; a content provider sees more of the
// versions of their own making only.
func (s *Server) bulletinHistory(r *http.Request, b radio.Bulletin, chain []radio.AreaID) ([]radio.BulletinEvent, error) {
	all, err := s.Shelf.BulletinHistory(r.Context(), b.ID)
	if err != nil {
		return nil, err
	}
	// Whether the reader sees all that is at work here, whoever made it.
	if who(r).MaySee(radio.Bulletin{State: radio.Draft}, chain...) {
		return all, nil
	}
	versions, err := s.Shelf.BulletinVersions(r.Context(), b.ID)
	if err != nil {
		return nil, err
	}
	// Since when a version is the reader's own: a deleted draft leaves its number to the next.
	own := map[int]radio.Millis{}
	for _, v := range versions {
		if v.State = radio.Draft; who(r).MaySee(v, chain...) {
			own[v.Version] = v.CreatedAt
		}
	}
	return slices.DeleteFunc(all, func(e radio.BulletinEvent) bool {
		since, theirs := own[e.Version]
		return (!theirs || e.At < since) && e.Step != radio.StepApprove && e.Step != radio.StepReapprove && e.Step != radio.StepWithdraw
	}), nil
}

func (s *Server) fillReach(r *http.Request, v *bulletinView, _ []radio.AreaID) error {
	if v.B.State != radio.Approved && v.B.State != radio.Withdrawn || !who(r).MaySomewhere(radio.ReadDevices) {
		return nil
	}
	reach, err := s.reach(r, v.B)
	v.Reach = &reach
	return err
}

// reach is which devices follow, in the communes whose devices the reader may see.
func (s *Server) reach(r *http.Request, b radio.Bulletin) (radio.BulletinReach, error) {
	communes, err := s.communesOf(r, radio.ReadDevices)
	if err != nil {
		return radio.BulletinReach{}, err
	}
	return s.Desk.Reach(r.Context(), b, communes)
}

// fillAirs finds the schedules that play the bulletin, where the reader may see them.
func (s *Server) fillAirs(r *http.Request, v *bulletinView, _ []radio.AreaID) error {
	p := who(r)
	if !p.MaySomewhere(radio.ReadSchedules) {
		return nil
	}
	all, err := s.Plan.CurrentSchedules(r.Context())
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return err
	}
	chains := map[radio.Target][]radio.AreaID{}
	for _, place := range places {
		chains[radio.Target{Device: place.Device.ID}] = chainIDs(place.Chain)
	}
	for _, sc := range all {
		plays := slices.ContainsFunc(sc.Slots, func(sl radio.Slot) bool {
			return slices.ContainsFunc(sl.Items, func(e radio.Entry) bool { return e.Plays(v.B.ID) })
		})
		seen := slices.ContainsFunc(sc.Targets, func(t radio.Target) bool {
			chain := chains[t]
			if t.Area != "" {
				chain = tree.Chain(t.Area)
			}
			return p.MayRead(radio.ReadSchedules, chain...)
		})
		if plays && seen {
			v.Airs = append(v.Airs, sc)
		}
	}
	return nil
}

func (s *Server) bulletinAudio(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	rendition, ok := b.Rendition(radio.MainKbps)
	if !ok {
		return notFound("audio")
	}
	return s.sendAudio(w, r, rendition.SHA256)
}

// sendAudio gives audio to listen to, in parts as the player asks for them.
func (s *Server) sendAudio(w http.ResponseWriter, r *http.Request, sha radio.SHA256) error {
	file, _, err := s.Audio.Open(sha)
	if err != nil {
		return err
	}
	defer func() {
		if err := file.Close(); err != nil {
			s.Logger.Warn("close audio", "sha256", sha, "error", err)
		}
	}()
	w.Header().Set("Content-Type", "audio/mpeg")
	w.Header().Set("ETag", `"`+string(sha)+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}

// The steps. Each reads its form, hands it to the desk and goes back to the version.

func (s *Server) step(w http.ResponseWriter, r *http.Request, do func(b radio.Bulletin) (radio.Bulletin, error)) error {
	if err := readForm(r); err != nil {
		return err
	}
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if b, err = do(b); err != nil {
		return err
	}
	http.Redirect(w, r, bulletinAddress(b), http.StatusSeeOther)
	return nil
}

func (s *Server) bulletinSubmit(w http.ResponseWriter, r *http.Request) error {
	return s.step(w, r, func(b radio.Bulletin) (radio.Bulletin, error) {
		return s.submit(r, b, r.PostFormValue("confirm_cut_off") == "1")
	})
}

func (s *Server) submit(r *http.Request, b radio.Bulletin, cutOffMeant bool) (radio.Bulletin, error) {
	b, err := s.Desk.Submit(r.Context(), b.ID, b.Version, cutOffMeant, who(r).ID)
	return b, deskError(radio.StepSubmit, err)
}

func (s *Server) bulletinTakeBack(w http.ResponseWriter, r *http.Request) error {
	return s.step(w, r, func(b radio.Bulletin) (radio.Bulletin, error) { return s.takeBack(r, b) })
}

func (s *Server) takeBack(r *http.Request, b radio.Bulletin) (radio.Bulletin, error) {
	b, err := s.Desk.TakeBack(r.Context(), b.ID, b.Version, who(r).ID)
	return b, deskError(radio.StepTakeBack, err)
}

func (s *Server) bulletinRevise(w http.ResponseWriter, r *http.Request) error {
	return s.step(w, r, func(b radio.Bulletin) (radio.Bulletin, error) { return s.revise(r, b) })
}

func (s *Server) revise(r *http.Request, b radio.Bulletin) (radio.Bulletin, error) {
	chain, err := s.deskChain(r, b)
	if err != nil {
		return b, err
	}
	if !who(r).MayRevise(b, chain...) {
		return b, deskError(radio.StepEdit, radio.ErrForbidden)
	}
	b, err = s.Desk.Revise(r.Context(), b.ID, b.Version, who(r).ID)
	return b, deskError(radio.StepRevise, err)
}

func (s *Server) bulletinDecide(w http.ResponseWriter, r *http.Request) error {
	return s.step(w, r, func(b radio.Bulletin) (radio.Bulletin, error) {
		seen, err := seenOf(r)
		if err != nil {
			return b, err
		}
		with, err := readSign(r)
		if err != nil {
			return b, err
		}
		return s.decide(r, b, radio.Verdict{To: radio.BulletinState(r.PostFormValue("to")), Why: r.PostFormValue("why"), Seen: seen, Sign: with})
	})
}

// decide hands a decision to the desk and finds the words for its refusals.
func (s *Server) decide(r *http.Request, b radio.Bulletin, v radio.Verdict) (radio.Bulletin, error) {
	var e radio.Invalid
	v.Why = radio.TidyLine(v.Why)
	radio.CheckLine(&e, "why", v.Why, 0, maxWhy)
	boundSign(&e, v.Sign)
	step, ok := radio.DecisionStep(v.To)
	if !ok {
		e.Add("to", "quyết định chỉ là approved (duyệt), rejected (từ chối) hoặc withdrawn (thu hồi)", "a decision is one of approved, rejected, withdrawn")
	}
	if err := e.Err(); err != nil {
		return b, err
	}
	b, err := s.Desk.Decide(r.Context(), b.ID, b.Version, v, who(r))
	return b, deskError(step, err)
}

// bulletinDelete drops a draft and goes to what is left: another version, or the list.
func (s *Server) bulletinDelete(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.bulletin(r)
	if err != nil {
		return err
	}
	if err := s.Desk.Delete(r.Context(), b.ID, b.Version, who(r).ID); err != nil {
		return deskError(radio.StepDelete, err)
	}
	to := "/bulletins?" + url.Values{"mine": {"1"}}.Encode()
	if b.Version > 1 {
		b.Version--
		to = bulletinAddress(b)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
