package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"loaxa/internal/radio"
)

// Submissions is the desk over which communes hand bulletins up to the province
// (submission).
type Submissions interface {
	// List is narrowed to communes, nil for all, and to one bulletin, "" for all.
	List(ctx context.Context, communes []radio.AreaID, of radio.BulletinID) ([]radio.Submission, error)
	Get(ctx context.Context, id radio.SubmissionID) (radio.Submission, error)
	Send(ctx context.Context, by radio.Person, id radio.BulletinID, version int, why string) (radio.Submission, error)
	Withdraw(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error)
	Return(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error)
	Take(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error)
}

// submissionRoutes are what communes hand up, and what the province makes of it.
func (s *Server) submissionRoutes() []route {
	page, api, read, write := s.page, s.api, radio.ReadBulletins, radio.WriteBulletins
	one, up := "/api/v1/submissions/{submission}", "/bulletins/{id}/{version}/hand-up"
	return []route{
		{pattern: "GET /submissions", as: page, do: s.submissionList, may: read},
		{pattern: "GET /submissions/{submission}", as: page, do: s.submissionPage, may: read, of: s.ofSubmission},
		{pattern: "POST /submissions/{submission}", as: page, do: s.submissionDo, may: write, of: s.ofSubmission},
		{pattern: "POST " + up, as: page, do: s.submissionSend, may: write, of: s.ofBulletin},

		{pattern: "GET /api/v1/submissions", as: api, do: s.apiSubmissions, may: read,
			doc: doc{Summary: "Bulletins that communes handed up to the province's library, what waits first; at most 500", Out: submissionsAnswer{}}},
		{pattern: "GET " + one, as: api, do: s.apiSubmission, may: read, of: s.ofSubmission, doc: doc{Summary: "One submission with its steps", Out: radio.Submission{}}},
		{pattern: "POST " + one, as: api, do: s.apiSubmissionDo, may: write, of: s.ofSubmission,
			doc: doc{Summary: "An editor of the province takes it (after listening to the end; the draft is named in became) or returns it with a reason; an editor of the commune withdraws it while it waits", In: submissionBody{}, Out: radio.Submission{}}},
		{pattern: "POST " + one + "/listened", as: api, do: s.apiSubmissionListened, person: true, may: write, of: s.ofSubmission,
			doc: doc{Summary: "Report what the province's editor has played, as for the approval of a bulletin. Not by an API token", In: listenedBody{}, Out: radio.Hearing{}}},
		{pattern: "POST /api/v1" + up, as: api, do: s.apiSubmissionSend, may: write, of: s.ofBulletin,
			doc: doc{Summary: "Hand an approved bulletin of a commune up to the province's library", In: handUpBody{}, Out: radio.Submission{}, Status: http.StatusCreated}},
	}
}

type submissionsAnswer struct {
	Submissions []radio.Submission `json:"submissions"`
}

type submissionBody struct {
	Do  radio.SubmissionAct `json:"do"`
	Why string              `json:"why,omitempty"`
}

type handUpBody struct {
	Why string `json:"why,omitempty"`
}

// submissionsData is the list.
type submissionsData struct {
	Rows []submissionRow
	// Upward: the reader decides for the province.
	Upward bool
}

type submissionRow struct {
	radio.Submission
	Place string
}

// submissionData is the page of one.
type submissionData struct {
	radio.Submission
	Place   string
	Address string // of the version
	B       radio.Bulletin
	SHA256  radio.SHA256
	Wave    string
	Hearing radio.Hearing
	// MayTake and MayWithdraw: what the reader may do while it waits.
	MayTake, MayWithdraw bool
	// Became is the province's own bulletin, where the reader may see it; "" otherwise.
	Became string
	Again  retry
}

// ofSubmission is the place of the submission in the address: its commune.
func (s *Server) ofSubmission(r *http.Request) ([]radio.AreaID, error) {
	x, err := s.Submissions.Get(r.Context(), radio.SubmissionID(r.PathValue("submission")))
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	return tree.Chain(x.Commune), nil
}

func (s *Server) readSubmissions(r *http.Request) ([]radio.Submission, error) {
	if _, err := strictQuery(r); err != nil {
		return nil, err
	}
	communes, err := s.communesOf(r, radio.ReadBulletins)
	if err != nil {
		return nil, err
	}
	return s.Submissions.List(r.Context(), communes, "")
}

// handedUp counts what waits for the reader to take into the province's library.
func (s *Server) handedUp(r *http.Request, tree radio.AreaTree) (int, error) {
	if !slices.ContainsFunc(tree.Root(), who(r).MayTakeUp) {
		return 0, nil
	}
	all, err := s.Submissions.List(r.Context(), nil, "")
	n := 0
	for _, x := range all {
		if x.State == radio.SubmissionWaiting {
			n++
		}
	}
	return n, err
}

func (s *Server) submissionList(w http.ResponseWriter, r *http.Request) error {
	all, err := s.readSubmissions(r)
	if err != nil {
		return err
	}
	tree, err := s.tree(r)
	if err != nil {
		return err
	}
	var d submissionsData
	d.Upward = slices.ContainsFunc(tree.Root(), who(r).MayTakeUp)
	for _, x := range all {
		a, _ := tree.Area(x.Commune)
		d.Rows = append(d.Rows, submissionRow{x, a.Name})
	}
	return s.show(w, r, http.StatusOK, "submissions.html", "Bài địa phương gửi lên", d)
}

func (s *Server) submissionData(r *http.Request) (submissionData, error) {
	var d submissionData
	x, err := s.Submissions.Get(r.Context(), radio.SubmissionID(r.PathValue("submission")))
	if err != nil {
		return d, err
	}
	d.Submission = x
	if d.B, err = s.Plan.Bulletin(r.Context(), x.Bulletin, x.Version); err != nil {
		return d, err
	}
	d.Address = bulletinAddress(d.B)
	tree, err := s.tree(r)
	if err != nil {
		return d, err
	}
	a, _ := tree.Area(x.Commune)
	d.Place = a.Name
	p := who(r)
	if x.State == radio.SubmissionWaiting {
		d.MayTake = slices.ContainsFunc(tree.Root(), p.MayTakeUp)
		d.MayWithdraw = p.MayHandUp(x.Commune)
	}
	if main, ok := d.B.Rendition(radio.MainKbps); ok {
		d.SHA256 = main.SHA256
		peaks, err := s.Shelf.Waveform(r.Context(), main.SHA256)
		if err != nil && !errors.Is(err, radio.ErrNotFound) {
			return d, err
		}
		d.Wave = wave(peaks)
	}
	if d.MayTake {
		if d.Hearing, err = s.Desk.Heard(r.Context(), d.B, p.ID); err != nil {
			return d, err
		}
	}
	if own := x.Last().Became; own != "" {
		b, err := s.Plan.Bulletin(r.Context(), own, 1)
		if err != nil && !errors.Is(err, radio.ErrNotFound) { // its author may have deleted the draft
			return d, err
		}
		if err == nil && p.MaySee(b, tree.Chain(b.Area)...) {
			d.Became = bulletinAddress(b)
		}
	}
	return d, nil
}

func (s *Server) submissionPage(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	d, err := s.submissionData(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "submission.html", "Bài địa phương gửi lên", d)
}

// actOnSubmission does what a person says about a submission.
func (s *Server) actOnSubmission(r *http.Request, do radio.SubmissionAct, why string) (radio.Submission, error) {
	acts := map[radio.SubmissionAct]func(context.Context, radio.Person, radio.SubmissionID, string) (radio.Submission, error){
		radio.SubmissionTake: s.Submissions.Take, radio.SubmissionReturn: s.Submissions.Return, radio.SubmissionWithdraw: s.Submissions.Withdraw,
	}
	act, ok := acts[do]
	if !ok {
		var e radio.Invalid
		e.Add("do", "chọn nhận, trả lại hoặc rút lại", "want take, return or withdraw")
		return radio.Submission{}, e.Err()
	}
	x, err := act(r.Context(), who(r), radio.SubmissionID(r.PathValue("submission")), why)
	var not *radio.NotHeard
	if errors.As(err, &not) {
		err = told{err, "Phải nghe hết bài rồi mới nhận vào thư viện của tỉnh. Hãy mở trang của bài và nghe đến cuối."}
	}
	return x, err
}

func (s *Server) submissionDo(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	do := r.PostFormValue("do")
	x, err := s.actOnSubmission(r, radio.SubmissionAct(do), r.PostFormValue("why"))
	if again, ok := s.again(w, r, "step", "", err); ok {
		d, err := s.submissionData(r)
		if err != nil {
			return err
		}
		d.Again = again
		return s.show(w, r, again.Status(), "submission.html", "Bài địa phương gửi lên", d)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/submissions/"+string(x.ID), http.StatusSeeOther)
	return nil
}

func (s *Server) submissionSend(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	x, err := s.handUp(r, r.PostFormValue("why"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/submissions/"+string(x.ID), http.StatusSeeOther)
	return nil
}

// handUp sends the version in the address, which its reader may see.
func (s *Server) handUp(r *http.Request, why string) (radio.Submission, error) {
	b, _, err := s.bulletin(r)
	if err != nil {
		return radio.Submission{}, err
	}
	return s.Submissions.Send(r.Context(), who(r), b.ID, b.Version, why)
}

// fillSubmissions tells on the page of a commune's version what the province made of it.
func (s *Server) fillSubmissions(r *http.Request, v *bulletinView, chain []radio.AreaID) error {
	if v.B.State != radio.Approved || len(chain) < 2 {
		return nil
	}
	all, err := s.Submissions.List(r.Context(), []radio.AreaID{v.B.Area}, v.B.ID)
	if err != nil {
		return err
	}
	v.Submitted = slices.DeleteFunc(all, func(x radio.Submission) bool { return x.Version != v.B.Version })
	open := func(x radio.Submission) bool {
		return x.State == radio.SubmissionWaiting || x.State == radio.SubmissionTaken
	}
	v.MayHandUp = who(r).MayHandUp(v.B.Area) && !slices.ContainsFunc(v.Submitted, open)
	return nil
}

func (s *Server) apiSubmissions(w http.ResponseWriter, r *http.Request) error {
	all, err := s.readSubmissions(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, submissionsAnswer{list(all)})
}

func (s *Server) apiSubmission(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	x, err := s.Submissions.Get(r.Context(), radio.SubmissionID(r.PathValue("submission")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}

func (s *Server) apiSubmissionDo(w http.ResponseWriter, r *http.Request) error {
	var in submissionBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.actOnSubmission(r, in.Do, in.Why)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}

func (s *Server) apiSubmissionSend(w http.ResponseWriter, r *http.Request) error {
	var in handUpBody
	if r.ContentLength != 0 {
		if err := readJSON(r, &in); err != nil {
			return err
		}
	}
	x, err := s.handUp(r, in.Why)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, x)
}

func (s *Server) apiSubmissionListened(w http.ResponseWriter, r *http.Request) error {
	x, err := s.Submissions.Get(r.Context(), radio.SubmissionID(r.PathValue("submission")))
	if err != nil {
		return err
	}
	var in listenedBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	h, err := s.Desk.Listened(r.Context(), x.Bulletin, x.Version, in.SHA256, in.Spans, who(r).ID)
	if err != nil {
		return deskError(radio.StepEdit, err)
	}
	return writeJSON(w, http.StatusOK, h)
}

// submissionText names how far a submission has come.
func submissionText(v radio.SubmissionState) string {
	return word(map[radio.SubmissionState]string{
		radio.SubmissionWaiting: "chờ tỉnh xem", radio.SubmissionTaken: "tỉnh đã nhận", radio.SubmissionReturned: "tỉnh trả lại", radio.SubmissionWithdrawn: "địa phương đã rút",
	}, v)
}

// submissionActText names what was done.
func submissionActText(v radio.SubmissionAct) string {
	return word(map[radio.SubmissionAct]string{
		radio.SubmissionSend: "Gửi lên tỉnh", radio.SubmissionTake: "Nhận vào thư viện của tỉnh", radio.SubmissionReturn: "Trả lại", radio.SubmissionWithdraw: "Rút bài",
	}, v)
}
