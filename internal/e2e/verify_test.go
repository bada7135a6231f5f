package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// verifies runs `loaxa verify` in an environment and gives its exit code and result.
func verifies(t *testing.T, env []string, args ...string) (int, map[string]any) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programs.centre, append([]string{"verify", "--json"}, args...)...)
	cmd.Env = env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("verify: %v\n%s", err, &errOut)
	}
	code := cmd.ProcessState.ExitCode()
	var rep map[string]any
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil && code < 2 {
		t.Fatalf("verify: %v\n%s%s", err, &out, &errOut)
	}
	return code, rep
}

// TestAuditor: what a device has said is proven on the centre, and from a bundle on a
// machine that has nothing but the thumbprint of the root; a change in the database is
// named at both.
func TestAuditor(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 5, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot")
	a.ready(due)
	wantAll(t, h.outcomes(1, time.Until(due)+60*time.Second), 1, radio.Aired)
	a.stop(t)

	code, rep := verifies(t, h.env())
	if code != 0 || rep["records"].(float64) < 4 || rep["rows"].(float64) < 1 || rep["newest"].(float64) < 1 {
		t.Fatalf("exit code %d, %v", code, rep)
	}
	bundle := filepath.Join(h.dir, "evidence.gz")
	h.command("", "verify", "--export", bundle)
	nowhere := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LOAXA_DATA=" + t.TempDir()}
	root := rep["root"].(string)
	if code, again := verifies(t, nowhere, "--bundle", bundle, "--root", root); code != 0 || again["records"] != rep["records"] {
		t.Errorf("the bundle: exit code %d, %v", code, again)
	}
	if code, _ := verifies(t, nowhere, "--bundle", bundle, "--root", root[:20]+"AAAAAAAAAAAAAAAAAAAAAAA"); code != 2 {
		t.Errorf("under another root: exit code %d", code)
	}
	if code, _ := verifies(t, nowhere, "--bundle", bundle); code != 2 {
		t.Errorf("without a root: exit code %d", code)
	}
	// What it must be of is for the auditor to say.
	if code, _ := verifies(t, nowhere, "--bundle", bundle, "--root", root, "--whole", "--device", "a", "--from", "2026-01-01"); code != 0 {
		t.Errorf("of everything: exit code %d", code)
	}
	if code, _ := verifies(t, nowhere, "--bundle", bundle, "--root", root, "--device", "b"); code != 1 {
		t.Errorf("of another device: exit code %d", code)
	}
	part := filepath.Join(h.dir, "part.gz")
	h.command("", "verify", "--export", part, "--device", "a", "--from", "2026-01-02")
	for _, want := range [][]string{{"--whole"}, {"--from", "2026-01-01"}} {
		if code, _ := verifies(t, nowhere, append([]string{"--bundle", part, "--root", root}, want...)...); code != 1 {
			t.Errorf("a part, wanted %v: exit code %d", want, code)
		}
	}
	if code, _ := verifies(t, nowhere, "--bundle", bundle+"x", "--root", root); code != 2 {
		t.Errorf("no bundle: exit code %d", code)
	}

	h.centre.stop(t)
	db, err := sql.Open("sqlite", filepath.Join(h.data(), "loaxa.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE airing SET outcome = 'missed' WHERE outcome = 'aired'`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	code, rep = verifies(t, h.env(), "--device", "a")
	if code != 1 || rep["bad"].(float64) != 1 {
		t.Fatalf("exit code %d, %v", code, rep)
	}
	if f := rep["findings"].([]any)[0].(map[string]any); f["kind"] != "row" || f["code"] != "a" {
		t.Errorf("found %v", f)
	}
}
