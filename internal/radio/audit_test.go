package radio

import (
	"reflect"
	"testing"
)

func TestAuditFacts(t *testing.T) {
	want := AuditFacts{Code: "tin", Title: "Tin {mưa}", Version: 2, Fields: []string{"title"}, Was: []Grant{{Role: RoleEditor, Area: Everywhere}}, Counts: map[string]int{"created": 3}}
	text, err := want.Text()
	if err != nil {
		t.Fatal(err)
	}
	var e AuditEntry
	if e.Tell(text); e.Facts == nil || !reflect.DeepEqual(*e.Facts, want) || e.Detail != "" {
		t.Errorf("%+v", e)
	}
	for _, old := range []string{"", "tin version 2: sai số liệu", "lan: [editor] → [viewer@thanh-sen]", "{ngoặc", `{"code":3}`} {
		var e AuditEntry
		if e.Tell(old); e.Facts != nil || e.Detail != old {
			t.Errorf("%q became %+v", old, e)
		}
	}
}
