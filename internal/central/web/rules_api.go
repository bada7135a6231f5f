package web

import (
	"net/http"
	"slices"

	"loaxa/internal/radio"
)

type rulesAnswer struct {
	Rules []radio.RulesCard `json:"rules"`
}

// rulesBody is a draft as a program writes it.
type rulesBody struct {
	radio.RulesBody
	Base     int   `json:"base"`
	Revision int64 `json:"revision"`
}

type rulesActBody struct {
	Revision int64 `json:"revision"`
}

type rulesReturnBody struct {
	Revision int64  `json:"revision"`
	Why      string `json:"why"`
}

type rulesApproveBody struct {
	Revision int64  `json:"revision"`
	Code     string `json:"code,omitempty"`
}

// wholeRule has lists for every list that is always told.
func wholeRule(r radio.PolicyRule) radio.PolicyRule {
	r.Windows = list(r.Windows)
	r.Exceptions = slices.Clone(r.Exceptions)
	for i := range r.Exceptions {
		r.Exceptions[i].Windows = list(r.Exceptions[i].Windows)
	}
	return r
}

func wholeCard(c radio.RulesCard) radio.RulesCard {
	if c.InForce != nil {
		r := wholeRule(*c.InForce)
		c.InForce = &r
	}
	c.Chain, c.Coming = list(c.Chain), slices.Clone(c.Coming)
	for i := range c.Coming {
		c.Coming[i] = wholeRule(c.Coming[i])
	}
	c.Coming = list(c.Coming)
	if c.Draft != nil {
		x := wholeRulesDraft(*c.Draft)
		c.Draft = &x
	}
	return c
}

func wholeRulesDraft(x radio.RulesDraft) radio.RulesDraft {
	x.Rule, x.Authors = wholeRule(x.Rule), list(x.Authors)
	return x
}

func (s *Server) apiRules(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	cards, err := s.Rules.List(r.Context(), who(r))
	if err != nil {
		return err
	}
	for i := range cards {
		cards[i] = wholeCard(cards[i])
	}
	return writeJSON(w, http.StatusOK, rulesAnswer{list(cards)})
}

func (s *Server) apiRulesOf(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	v, err := s.Rules.View(r.Context(), who(r), rulesPlace(r))
	if err != nil {
		return err
	}
	v.RulesCard, v.Versions = wholeCard(v.RulesCard), list(slices.Clone(v.Versions))
	for i := range v.Versions {
		v.Versions[i] = wholeRule(v.Versions[i])
	}
	if v.Above != nil {
		above := wholeRule(*v.Above)
		v.Above = &above
	}
	return writeJSON(w, http.StatusOK, v)
}

func (s *Server) apiRulesSave(w http.ResponseWriter, r *http.Request) error {
	var in rulesBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.Rules.Save(r.Context(), who(r), rulesPlace(r), in.Base, in.Revision, in.RulesBody)
	if err != nil {
		return rulesSentence(err)
	}
	return writeJSON(w, http.StatusOK, wholeRulesDraft(x))
}

func (s *Server) apiRulesDrop(w http.ResponseWriter, r *http.Request) error {
	revision, err := queryRevision(r)
	if err != nil {
		return err
	}
	if err := s.Rules.Drop(r.Context(), who(r), rulesPlace(r), revision); err != nil {
		return rulesSentence(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiRulesEffects(w http.ResponseWriter, r *http.Request) error {
	if _, err := strictQuery(r); err != nil {
		return err
	}
	e, err := s.Rules.Effects(r.Context(), who(r), rulesPlace(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, e)
}

func (s *Server) apiRulesSubmit(w http.ResponseWriter, r *http.Request) error {
	var in rulesActBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.Rules.Submit(r.Context(), who(r), rulesPlace(r), in.Revision)
	if err != nil {
		return rulesSentence(err)
	}
	return writeJSON(w, http.StatusOK, wholeRulesDraft(x))
}

func (s *Server) apiRulesReturn(w http.ResponseWriter, r *http.Request) error {
	var in rulesReturnBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	x, err := s.Rules.Return(r.Context(), who(r), rulesPlace(r), in.Revision, radio.TidyLine(in.Why))
	if err != nil {
		return rulesSentence(err)
	}
	return writeJSON(w, http.StatusOK, wholeRulesDraft(x))
}

func (s *Server) apiRulesApprove(w http.ResponseWriter, r *http.Request) error {
	var in rulesApproveBody
	if err := readJSON(r, &in); err != nil {
		return err
	}
	v, err := s.Rules.Approve(r.Context(), who(r), rulesPlace(r), in.Revision, in.Code)
	if err != nil {
		return rulesSentence(err)
	}
	return writeJSON(w, http.StatusOK, wholeRule(v))
}
