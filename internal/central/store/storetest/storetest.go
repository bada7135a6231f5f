// Package storetest is the one description of the store's behaviour: every suite
// runs on SQLite and on PostgreSQL. It is imported by tests only.
package storetest

import (
	"slices"
	"testing"

	"loaxa/internal/central/store"
)

// Suite is one group of behaviours; it gets a fresh, empty store.
type Suite struct {
	Name string
	Run  func(t *testing.T, s *store.Store)
}

// All lists every suite.
func All() []Suite {
	return slices.Concat(planSuites(), deskSuites(), approvalSuites(), campaignSuites(), issuedSuites(), logSuites(), peopleSuites(), draftSuites(), rulesSuites(), faultSuites(),
		alertSuites(), commandSuites(), setupSuites(), decisionSuites(), submissionSuites(), areaSuites(), passkeySuites(), secondSuites(), identitySuites(), brokerSuites(), auditSuites(), evidenceSuites(), explainSuites())
}

// Run runs all suites, each on a store that open makes.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for _, suite := range All() {
		t.Run(suite.Name, func(t *testing.T) { suite.Run(t, open(t)) })
	}
}
