package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"loaxa/internal/central/submission"
	"loaxa/internal/radio"
)

// fakeSubmissions keeps submissions beneath the real desk, over the bulletins of the plan.
type fakeSubmissions struct {
	*fakePlan

	mu    sync.Mutex
	all   []radio.Submission
	taken []radio.Bulletin
	steps []radio.SubmissionStep // that the desk wrote
}

func (h *house) withSubmissions(d *Deps) {
	h.handed = &fakeSubmissions{fakePlan: h.plan}
	d.Submissions = submission.New(h.handed, h.desk, func() time.Time { return now })
}

func (f *fakeSubmissions) Submissions(_ context.Context, communes []radio.AreaID, of radio.BulletinID) (out []radio.Submission, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range slices.Backward(f.all) {
		if (communes == nil || slices.Contains(communes, x.Commune)) && (of == "" || x.Bulletin == of) {
			out = append(out, x)
		}
	}
	return out, nil
}

func (f *fakeSubmissions) Submission(_ context.Context, id radio.SubmissionID) (radio.Submission, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.all {
		if x.ID == id {
			return x, nil
		}
	}
	return radio.Submission{}, fmt.Errorf("submission: %w", radio.ErrNotFound)
}

func (f *fakeSubmissions) AddSubmission(_ context.Context, x radio.Submission) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.steps = append(f.all, x), append(f.steps, x.Last())
	return nil
}

func (f *fakeSubmissions) AddSubmissionStep(_ context.Context, x radio.Submission, taken *radio.Bulletin) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.all, func(y radio.Submission) bool { return y.ID == x.ID })
	f.all[i], f.steps = x, append(f.steps, x.Last())
	if taken != nil {
		f.taken = append(f.taken, *taken)
	}
	return nil
}

func (f *fakeSubmissions) BulletinByCode(context.Context, string) (radio.Bulletin, error) {
	return radio.Bulletin{}, fmt.Errorf("bulletin: %w", radio.ErrNotFound)
}

func (f *fakeSubmissions) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{lan.ID: lan.Name}, nil
}

// submissionThing is a bulletin of a commune that waits with the province.
func submissionThing(h *house, w where) []string {
	if w == common {
		return nil
	}
	b := bulletinIn(radio.Approved, sau)(h, w)
	x := radio.Submission{ID: radio.NewID[radio.SubmissionID](), Bulletin: radio.BulletinID(b[1]), Version: h.plan.bulletins[len(h.plan.bulletins)-1].Version, Turn: 1, Commune: h.area(w),
		Code: "f", Title: "Gương người tốt", State: radio.SubmissionWaiting, Steps: []radio.SubmissionStep{{N: 1, Do: radio.SubmissionSend, By: sau, At: radio.At(now)}}}
	h.handed.all = append(h.handed.all, x)
	return []string{"submission", string(x.ID)}
}

// communeBulletin is an approved one of a commune.
func communeBulletin(h *house, w where) []string {
	if w == common {
		return nil
	}
	return bulletinIn(radio.Approved, sau)(h, w)
}

func submissionFixtures() []fixture {
	read, write := radio.ReadBulletins, radio.WriteBulletins
	// Who has the right in the area and is no editor of the commune, or of the province.
	notUp := map[string]int{"provider own": 403, "editor* own": 403, "editor* foreign": 403, "provider* own": 403, "provider* foreign": 403}
	notDown := map[string]int{"provider own": 403, "editor own": 403, "provider* own": 403, "provider* foreign": 403}
	one, up := "/api/v1/submissions/{submission}", "/bulletins/{id}/{version}/hand-up"
	return []fixture{
		{pattern: "GET /submissions", may: read},
		{pattern: "GET /submissions/{submission}", may: read, thing: submissionThing},
		{pattern: "POST /submissions/{submission}", may: write, thing: submissionThing, body: "do=return&why=thử", except: notDown},
		{pattern: "POST " + up, may: write, thing: communeBulletin, body: "why=thử", except: notUp},
		{pattern: "GET /api/v1/submissions", may: read},
		{pattern: "GET " + one, may: read, thing: submissionThing},
		{pattern: "POST " + one, may: write, thing: submissionThing, body: `{"do":"withdraw"}`, except: notUp},
		{pattern: "POST " + one + "/listened", may: write, person: true, thing: submissionThing, body: listenedJSON},
		{pattern: "POST /api/v1" + up, may: write, thing: communeBulletin, body: `{"why":"thử"}`, except: notUp},
	}
}
