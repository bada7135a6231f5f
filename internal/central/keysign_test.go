package central

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestRestoredKeys: the audit tells what a restore has done to revocations, the root signs
// nothing that nobody has looked at, and a revocation that a newer key folder knows stands
// in the restored database too.
func TestRestoredKeys(t *testing.T) {
	c, root, _ := withLan(t)
	ctx, ends := t.Context(), trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}
	row, err := c.AddPersonKey(ctx, root, "lan", "cam-xuyen", keyWord, []string{"alert"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "b.tar.gz")
	if _, err := Backup(ctx, c.cfg, archive, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RevokePersonKeys(ctx, root, "lan", "", "test"); err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]bool{"nothing newer is left": false, "the key folder is": true} {
		t.Run(name, func(t *testing.T) {
			cfg, keys := DefaultConfig(), ""
			cfg.Data = t.TempDir()
			if kept {
				keys = c.cfg.dir("keys")
			}
			r, err := Restore(ctx, cfg, archive, keys, time.Now())
			if err != nil || r.Keys.Newer != kept || r.Aside != "" {
				t.Fatalf("%+v %v", r, err)
			}
			back, err := Open(ctx, cfg, []string{"true"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			entries, err := back.store.Audit(ctx, "centre", 5)
			if err != nil || len(entries) != 1 || entries[0].Action != "centre.restore" ||
				strings.Contains(entries[0].Facts.Why, "are lost") == kept || strings.Contains(entries[0].Facts.Why, "is kept") != kept {
				t.Fatalf("%+v %v", entries, err)
			}
			rows, err := back.store.PersonKeys(ctx, "")
			if err != nil || len(rows) != 1 || (rows[0].RevokedAt != 0) != kept {
				t.Errorf("%+v %v", rows, err)
			}
			plan, err := back.PlanSign(ctx)
			if err != nil || plan.Asks() == kept || (len(plan.Persons) == 1) == kept {
				t.Fatalf("%+v %v", plan, err)
			}
			err = back.MakeKeys(ctx, root, ends)
			if kept {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrLook) {
				t.Fatalf("signed what nobody has seen: %v", err)
			}
			if p := plan.Persons[0]; p.Login != "lan" || p.Area != "cam-xuyen" || p.JWK.KID != row.KID || p.CreatedAt != row.CreatedAt {
				t.Errorf("%+v", p)
			}
			if err := back.MakeKeysAgain(ctx, root, ends, SignPlan{MadeAt: plan.MadeAt}); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("another list was seen: %v", err)
			}
			if err := back.MakeKeysAgain(ctx, root, ends, plan); err != nil {
				t.Fatal(err)
			}
			entries, err = back.store.Audit(ctx, auditOfKeys, 10)
			if err != nil || !slices.ContainsFunc(entries, func(e radio.AuditEntry) bool {
				return e.Action == "key.sign" && e.Facts.MadeAt == r.CreatedAt && strings.Contains(e.Facts.Why, "revocations since are lost")
			}) {
				t.Errorf("%+v %v", entries, err)
			}
			if err := back.MakeKeys(ctx, root, ends); err != nil {
				t.Errorf("asked twice: %v", err)
			}
		})
	}
}
