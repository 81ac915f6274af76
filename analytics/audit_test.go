package analytics

import (
	"testing"
)

// audited are the findings of every check of the books.
func audited(t *testing.T, b *Books, cut []Standing, scope Scope) (all []Finding) {
	t.Helper()
	scope.Limit = max(scope.Limit, 20)
	scope.Clicks = "referral.clicks"
	a := b.Audit(cut, scope)
	for _, table := range SealedTables() {
		f, err := a.Rows(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Found...)
	}
	for _, name := range Invariants() {
		f, err := a.Invariant(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Found...)
	}
	return all
}

func TestAudit_of_empty_books_finds_nothing(t *testing.T) {
	b := opened(t)
	cut := []Standing{{Partition: batch(1, 0, 1).Partition}}
	if found := audited(t, b, cut, Scope{}); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}
