// Package arch holds the house's import rules as tests, each with its reason, and
// that every package says what it is for.
package arch

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports", "loaxa/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

var hall = []string{"radio", "wire", "mqtt", "sound", "timetable", "clock", "trust", "config", "qr", "alphabet"}

// fleetRooms are the device's rooms that talk and prove. A fleet is made of them, so that
// it is no second reading of the contract; what needs a disk or sounds stays out, because
// thousands of them run in one process.
var fleetRooms = []string{"enrol", "inbox", "link", "emergency"}

// wing gives "central", "agent", "hall", "cmd", "e2e" or "data" and the room.
func wing(importPath string) (string, string) {
	parts := strings.Split(strings.TrimPrefix(importPath, "loaxa/"), "/")
	switch {
	case parts[0] == "cmd":
		return "cmd", parts[1]
	case parts[0] != "internal":
		return "data", parts[0]
	case slices.Contains(hall, parts[1]):
		return "hall", parts[1]
	case parts[1] == "central" || parts[1] == "agent":
		if len(parts) == 2 {
			return parts[1], ""
		}
		return parts[1], parts[2]
	}
	return parts[1], ""
}

// TestArrows: cmd → wing root → rooms → hall → radio. Never upwards, never between
// wings; only e2e sees both.
func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from, room := wing(p.ImportPath)
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, "loaxa/") {
				continue
			}
			to, toRoom := wing(imp)
			if why := forbidden(from, room, to, toRoom, p.ImportPath, imp); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
		}
	}
}

func forbidden(from, room, to, toRoom, path, imp string) string {
	switch {
	case from == "e2e":
		return "" // tests only: sees both wings
	case to == "e2e":
		return "e2e is for tests only"
	case from == "data" && to != "hall":
		return "shipped data knows the vocabulary, not the program"
	case to == "cmd":
		return "nothing is above the commands"
	case from == "cmd":
		return ""
	case to == "fleet":
		return "only its command runs a fleet"
	case from == "fleet" && to == "agent" && slices.Contains(fleetRooms, toRoom):
		return "" // devices without sound: the device's own rooms, but those for disk and sound
	case from == "data":
		return ""
	case from == "hall" && to != "hall":
		return "the hall knows no wing"
	case from == "hall" && !slices.Contains([]string{"radio", "clock", "trust"}, toRoom):
		return "hall packages import only radio, clock and trust, so that each can be read alone"
	case from == "hall" && room == "radio":
		return "radio is the bottom of the house"
	case to == "hall":
		return ""
	case to == "data":
		return ""
	case from != to:
		return "the wings meet only on the wire"
	case room == "":
		return "" // the wing's root composes its rooms
	case toRoom == "":
		return "a room never looks up to its wing's root"
	case strings.HasPrefix(path, "loaxa/internal/central/store/") && toRoom == "store":
		return "" // the conformance suite stands beside the store
	case from == "agent" && room == "player" && toRoom == "output":
		return "" // the child process is a small composition of its own: decoder, stream, output
	case room != toRoom:
		return "rooms meet through radio's types and interfaces of the calling room"
	}
	return ""
}

// doors: each outside library has one room that knows it, so that it can be
// replaced there and nowhere else.
var doors = []struct {
	library string
	rooms   []string
	why     string
}{
	{"modernc.org/sqlite", []string{"central/store"}, "all SQL in one room; the agent must stay small: no SQL"},
	{"github.com/jackc/pgx", []string{"central/store"}, "all SQL in one room"},
	{"database/sql", []string{"central/store"}, "all SQL in one room"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"mqtt"}, "paho's traps are met once"},
	{"github.com/mochi-mqtt/server", []string{"central/broker"}, "the embedded broker is pinned and can be replaced behind one door"},
	{"github.com/ebitengine/oto", []string{"agent/output"}, "one sound context a process; needs cgo"},
	{"github.com/hajimehoshi/go-mp3", []string{"sound"}, "an archived decoder with known defects: only checked frames reach it"},
	{"github.com/robfig/cron", []string{"timetable"}, "cron parses and steps, it never owns a timer"},
	{"go.etcd.io/bbolt", []string{"agent/cache", "agent/journal"}, "two files, each with its own rescue"},
	{"github.com/go-jose/go-jose", []string{"trust"}, "signatures are checked in one place"},
	{"html/template", []string{"central/web", "agent/status"}, "pages are made in two places"},
	{"github.com/goccy/go-yaml", []string{"config", "central/schedule"}, "files of people are read strictly, with lines"},
	{"github.com/oklog/ulid", []string{"radio"}, "ids have one form"},
	{"github.com/wneessen/go-mail", []string{"central/notify"}, "mail leaves through one room, with its outbox"},
	{"github.com/xuri/excelize", []string{"central/export", "central/schedule"}, "workbooks are written where the log is exported and read where schedules are imported"},
	{"github.com/pquerna/otp", []string{"central/identity"}, "codes of a second factor are made and checked where passwords are"},
	{"github.com/coreos/go-oidc", []string{"central/identity"}, "another's word about who somebody is gets proved where passwords are"},
	{"golang.org/x/oauth2", []string{"central/identity"}, "only for OpenID Connect's code flow"},
	{"golang.org/x/crypto/argon2", []string{"central/identity", "agent/pin"}, "passwords are checked in one place of each wing"},
	{"github.com/go-webauthn", []string{"central/identity"}, "passkeys are registered at the centre alone; what they sign is proven by trust, on devices too"},
	{"github.com/boombuler/barcode", []string{"qr"}, "squares are drawn in one place, for pages and for terminals"},
	{"github.com/getkin/kin-openapi", []string{"central/web"}, "the API is described where its routes stand"},
	{"github.com/prometheus", []string{"central"}, "numbers are gathered by the composition, the rooms only count"},
	{"golang.org/x/crypto/acme", []string{"central"}, "the console's certificate is the composition's business"},
	{"github.com/coreos/go-systemd", []string{"agent", "central"}, "service notice is the composition's business"},
}

func TestDoors(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for _, d := range doors {
				if imp != d.library && !strings.HasPrefix(imp, d.library+"/") {
					continue
				}
				ok := slices.ContainsFunc(d.rooms, func(r string) bool { return p.ImportPath == "loaxa/internal/"+r })
				if !ok && !strings.HasPrefix(p.ImportPath, "loaxa/internal/e2e") {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, d.why)
				}
			}
		}
	}
}

// TestAgentStaysSmall: what the device must never link, however indirectly.
func TestAgentStaysSmall(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "loaxa/cmd/loaxa-agent").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, heavy := range []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/mochi-mqtt", "loaxa/internal/central"} {
			if dep == heavy || strings.HasPrefix(dep, heavy+"/") {
				t.Errorf("the agent links %s", dep)
			}
		}
	}
}

// TestEveryPackageSaysItsJob: one package comment a package, in one file.
func TestEveryPackageSaysItsJob(t *testing.T) {
	for _, p := range packages(t) {
		var with []string
		for _, f := range append(slices.Clone(p.GoFiles), p.CgoFiles...) {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != "" {
				with = append(with, f)
			}
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && len(with) != 1 {
			t.Errorf("%s: package comment in %v, want exactly one file", p.ImportPath, with)
		}
	}
}

// TestNoBags: names that say nothing collect everything.
func TestNoBags(t *testing.T) {
	for _, p := range packages(t) {
		switch base := path.Base(p.ImportPath); base {
		case "models", "types", "util", "utils", "common", "helpers", "misc":
			t.Errorf("%s: a package named %s has no job", p.ImportPath, base)
		}
	}
}
