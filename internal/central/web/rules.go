package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Rules is the desk of the operating rules (rules). A place is the id of an area or a device.
type Rules interface {
	Area(ctx context.Context, place string) ([]radio.AreaID, error)
	List(ctx context.Context, by radio.Person) ([]radio.RulesCard, error)
	View(ctx context.Context, by radio.Person, place string) (radio.RulesView, error)
	Effects(ctx context.Context, by radio.Person, place string) (radio.RulesEffects, error)
	Save(ctx context.Context, by radio.Person, place string, base int, revision int64, body radio.RulesBody) (radio.RulesDraft, error)
	Submit(ctx context.Context, by radio.Person, place string, revision int64) (radio.RulesDraft, error)
	Return(ctx context.Context, by radio.Person, place string, revision int64, why string) (radio.RulesDraft, error)
	Drop(ctx context.Context, by radio.Person, place string, revision int64) error
	Approve(ctx context.Context, by radio.Person, place string, revision int64, code string) (radio.PolicyRule, error)
}

// rulesRoutes are the operating rules: who writes them, who approves them, what they do.
func (s *Server) rulesRoutes() []route {
	const read, write, publish = radio.ReadSchedules, radio.WriteSchedules, radio.PublishSchedules
	of, page, api := s.ofRules, "/rules/{place}", "/api/v1/rules/{place}"
	return []route{
		{pattern: "GET /rules", as: s.page, do: s.rulesList, may: read},
		{pattern: "GET " + page, as: s.page, do: s.rulesPage, may: read, of: of},
		{pattern: "GET " + page + "/edit", as: s.page, do: s.rulesEdit, may: write, of: of},
		{pattern: "POST " + page + "/edit", as: s.page, do: s.rulesSave, may: write, of: of},
		{pattern: "POST " + page + "/submit", as: s.page, do: s.rulesSubmit, may: write, of: of},
		{pattern: "POST " + page + "/drop", as: s.page, do: s.rulesDrop, may: write, of: of},
		{pattern: "POST " + page + "/return", as: s.page, do: s.rulesReturn, may: publish, of: of},
		{pattern: "POST " + page + "/approve", as: s.page, do: s.rulesApprove, may: publish, of: of},
		{pattern: "GET /api/v1/rules", as: s.api, do: s.apiRules, may: read,
			doc: doc{Summary: "Operating rules of the province, the account's communes and the places in them", Out: rulesAnswer{}}},
		{pattern: "GET " + api, as: s.api, do: s.apiRulesOf, may: read, of: of,
			doc: doc{Summary: "Operating rules of one area or device, with every version", Out: radio.RulesView{}}},
		{pattern: "PUT " + api + "/draft", as: s.api, do: s.apiRulesSave, may: write, of: of,
			doc: doc{Summary: "Write a draft; base and revision are what was read, 0 for none", In: rulesBody{}, Out: radio.RulesDraft{}}},
		{pattern: "DELETE " + api + "/draft", as: s.api, do: s.apiRulesDrop, may: write, of: of,
			doc: doc{Summary: "Throw a draft away", Query: []string{"revision"}, Status: http.StatusNoContent}},
		{pattern: "GET " + api + "/draft/effects", as: s.api, do: s.apiRulesEffects, may: read, of: of,
			doc: doc{Summary: "Airings of 14 days that the draft would silence or make quieter", Out: radio.RulesEffects{}}},
		{pattern: "POST " + api + "/draft/submit", as: s.api, do: s.apiRulesSubmit, may: write, of: of,
			doc: doc{Summary: "Hand a draft in", In: rulesActBody{}, Out: radio.RulesDraft{}}},
		{pattern: "POST " + api + "/draft/return", as: s.api, do: s.apiRulesReturn, may: publish, of: of,
			doc: doc{Summary: "Send a draft back with a reason", In: rulesReturnBody{}, Out: radio.RulesDraft{}}},
		{pattern: "POST " + api + "/draft/approve", as: s.api, do: s.apiRulesApprove, may: publish, of: of,
			doc: doc{Summary: "Approve a draft somebody else wrote; the province's takes a code", In: rulesApproveBody{}, Out: radio.PolicyRule{}}},
	}
}

// rulesPlace is the place in the address.
func rulesPlace(r *http.Request) string { return r.PathValue("place") }

// rulesWaiting counts the drafts that wait for the reader's approval.
func (s *Server) rulesWaiting(r *http.Request) (n int, err error) {
	p := who(r)
	cards, err := s.Rules.List(r.Context(), p)
	for _, c := range cards {
		if x := c.Draft; x != nil && x.State == radio.DraftSubmitted && !slices.Contains(x.Authors, p.ID) && p.May(radio.PublishSchedules, c.Chain...) {
			n++
		}
	}
	return n, err
}

// ofRules is whose the place in the address is.
func (s *Server) ofRules(r *http.Request) ([]radio.AreaID, error) {
	if !radio.ValidID(radio.AreaID(rulesPlace(r))) {
		return nil, notFound("place")
	}
	return s.Rules.Area(r.Context(), rulesPlace(r))
}

type rulesListData struct{ Cards []radio.RulesCard }

func (s *Server) rulesList(w http.ResponseWriter, r *http.Request) error {
	cards, err := s.Rules.List(r.Context(), who(r))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "rules.html", "Quy chế hoạt động", rulesListData{cards})
}

type rulesData struct {
	View radio.RulesView
	Page string // its own address
	// Effects of the draft; Refused: they cannot be told, because devices could not obey it.
	Effects *radio.RulesEffects
	Refused []formProblem
	// What the reader may do now; Own: they wrote the draft.
	MayWrite, MayApprove, Own bool
	// Small: a hamlet or a device, whose rules only tighten those above.
	Small bool
	// NoTet and DraftNoTet are a Tết near of which what counts and what is drafted say nothing.
	NoTet, DraftNoTet *tetWord
	// Places lie below and may have rules of their own.
	Places    []rulesBelow
	TakesCode bool
	Code      askCode
	Again     retry
}

type rulesBelow struct{ ID, Name string }

func (s *Server) rulesPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.rulesData(r)
	if err != nil {
		return err
	}
	return s.showRules(w, r, http.StatusOK, d)
}

func (s *Server) showRules(w http.ResponseWriter, r *http.Request, status int, d rulesData) error {
	return s.show(w, r, status, "rule.html", d.View.Name, d)
}

func (s *Server) rulesData(r *http.Request) (d rulesData, err error) {
	p := who(r)
	if d.View, err = s.Rules.View(r.Context(), p, rulesPlace(r)); err != nil {
		return d, err
	}
	v := d.View
	d.Page, d.Small = "/rules/"+rulesPlace(r), rulesSmall(v)
	d.MayWrite, d.MayApprove = p.May(radio.WriteSchedules, v.Chain...), p.May(radio.PublishSchedules, v.Chain...)
	if d.Places, err = s.rulesBelow(r, v); err != nil {
		return d, err
	}
	d.NoTet = tetOf(v, cmp.Or(v.InForce, v.Above), v.Today, v.Coming)
	if v.Draft == nil {
		return d, nil
	}
	d.DraftNoTet = tetOf(v, &v.Draft.Rule, max(v.Today, v.Draft.Rule.From), nil)
	d.Own = slices.Contains(v.Draft.Authors, p.ID)
	if d.TakesCode = v.Kind == string(radio.Province) && d.MayApprove && !d.Own; d.TakesCode {
		if d.Code, err = s.askCode(r, retry{}); err != nil {
			return d, err
		}
	}
	e, err := s.Rules.Effects(r.Context(), p, rulesPlace(r))
	if errors.Is(err, radio.ErrInvalid) {
		d.Refused = s.rulesProblems(r, err)
		return d, nil
	}
	d.Effects = &e
	return d, err
}

// tetWord is a Tết and its first day.
type tetWord struct {
	Year  int
	First radio.Date
}

func nextTet(today radio.Date) *tetWord {
	if year, first, ok := radio.NextTet(today); ok {
		return &tetWord{year, first}
	}
	return nil
}

// tetOf gives the Tết near of which rules, with those that follow them, say nothing.
func tetOf(v radio.RulesView, r *radio.PolicyRule, day radio.Date, coming []radio.PolicyRule) *tetWord {
	if r == nil || rulesSmall(v) {
		return nil
	}
	of := func(r radio.PolicyRule) radio.Policy {
		p := r.For("")
		p.Mourning = slices.Concat(p.Mourning, v.Mourning)
		return p
	}
	p := of(*r)
	for _, c := range coming {
		p.Coming = append(p.Coming, of(c).Stage(c.From))
	}
	if year, first, nothing := p.NoWordOfTet(day); nothing {
		return &tetWord{year, first}
	}
	return nil
}

func rulesSmall(v radio.RulesView) bool {
	return v.Kind != string(radio.Province) && v.Kind != string(radio.Commune)
}

// rulesBelow lists the hamlets of a commune, or the devices of a hamlet.
func (s *Server) rulesBelow(r *http.Request, v radio.RulesView) (out []rulesBelow, err error) {
	places, err := s.Plan.Places(r.Context())
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(r)
	if err != nil {
		return nil, err
	}
	switch v.Kind {
	case string(radio.Commune):
		for _, a := range tree.All() {
			// Also those of a commune it took: they lie in it by way of that.
			if a.Kind == radio.Hamlet && !a.Ended() && slices.Contains(tree.Chain(a.ID), v.Target.Area) {
				out = append(out, rulesBelow{string(a.ID), a.Name})
			}
		}
	case string(radio.Hamlet):
		for _, p := range places {
			if slices.Contains(chainIDs(p.Chain), v.Target.Area) {
				out = append(out, rulesBelow{string(p.Device.ID), p.Device.Name})
			}
		}
	}
	alphabet.Sort(out, func(b rulesBelow) string { return b.Name })
	return out, nil
}

func (s *Server) rulesEdit(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Rules.View(r.Context(), who(r), rulesPlace(r))
	if err != nil {
		return err
	}
	f := rulesForm{}
	body := radio.RulesBody{}
	switch {
	case v.Draft != nil:
		body, f.Revision = v.Draft.Rule.Body(), v.Draft.Revision
	case len(v.Versions) > 0:
		body = v.Versions[0].Body()
		body.Number, body.Issued, body.From, body.Note = "", "", "", ""
	case v.Above != nil && !rulesSmall(v):
		body = v.Above.Body()
		body.Number, body.Issued, body.Issuer, body.From, body.Note, body.Label, body.Mourning = "", "", "", "", "", "", nil
	}
	if len(v.Versions) > 0 {
		f.Base = v.Versions[0].Version
	}
	f.fill(body)
	return s.showRulesForm(w, r, http.StatusOK, v, f, nil)
}

type rulesFormData struct {
	View     radio.RulesView
	Form     rulesForm
	Small    bool
	Problems []formProblem
	Tet      *tetWord // the next one
}

func (s *Server) showRulesForm(w http.ResponseWriter, r *http.Request, status int, v radio.RulesView, f rulesForm, problems []formProblem) error {
	return s.show(w, r, status, "ruleform.html", v.Name, rulesFormData{v, f, rulesSmall(v), problems, nextTet(v.Today)})
}

// rulesSave keeps a draft, and shows what it would do before anybody hands it in.
func (s *Server) rulesSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	f, body, err := readRulesForm(r.PostForm)
	if err == nil {
		_, err = s.Rules.Save(r.Context(), who(r), rulesPlace(r), f.Base, f.Revision, body)
		err = rulesSentence(err)
	}
	if isInvalid(err) || errors.Is(err, radio.ErrConflict) {
		v, verr := s.Rules.View(r.Context(), who(r), rulesPlace(r))
		if verr != nil {
			return verr
		}
		f.spare()
		return s.showRulesForm(w, r, explain(err).Status, v, f, s.rulesProblems(r, err))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/rules/"+rulesPlace(r)+"#draft", http.StatusSeeOther)
	return nil
}

// acted ends a form of the page of one place.
func (s *Server) rulesActed(w http.ResponseWriter, r *http.Request, err error) error {
	err = rulesSentence(err)
	if again, ok := s.again(w, r, "act", "", err); ok {
		d, derr := s.rulesData(r)
		if derr != nil {
			return derr
		}
		d.Again = again
		return s.showRules(w, r, again.Status(), d)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/rules/"+rulesPlace(r), http.StatusSeeOther)
	return nil
}

// formRevision is the draft the person saw.
func formRevision(r *http.Request) (int64, error) {
	if err := readForm(r); err != nil {
		return 0, err
	}
	return draftRevision(r.PostFormValue("revision"))
}

func (s *Server) rulesSubmit(w http.ResponseWriter, r *http.Request) error {
	revision, err := formRevision(r)
	if err == nil {
		_, err = s.Rules.Submit(r.Context(), who(r), rulesPlace(r), revision)
	}
	return s.rulesActed(w, r, err)
}

func (s *Server) rulesDrop(w http.ResponseWriter, r *http.Request) error {
	revision, err := formRevision(r)
	if err == nil {
		err = s.Rules.Drop(r.Context(), who(r), rulesPlace(r), revision)
	}
	return s.rulesActed(w, r, err)
}

func (s *Server) rulesReturn(w http.ResponseWriter, r *http.Request) error {
	revision, err := formRevision(r)
	if err == nil {
		_, err = s.Rules.Return(r.Context(), who(r), rulesPlace(r), revision, radio.TidyLine(r.PostFormValue("why")))
	}
	return s.rulesActed(w, r, err)
}

func (s *Server) rulesApprove(w http.ResponseWriter, r *http.Request) error {
	revision, err := formRevision(r)
	if err == nil {
		_, err = s.Rules.Approve(r.Context(), who(r), rulesPlace(r), revision, r.PostFormValue("code"))
	}
	return s.rulesActed(w, r, err)
}
