package audio_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"loaxa/audio"
	"loaxa/internal/central/library"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

var update = flag.Bool("update", false, "make the emergency set anew from the samples")

// agentSiren is what a device without any set sounds.
const agentSiren = "../internal/agent/siren.mp3"

type role struct {
	Role       radio.EmergencyRole `json:"role"`
	Renditions []radio.Rendition   `json:"renditions"`
}

// samples are the files of the roles.
var samples = map[radio.EmergencyRole]string{radio.RoleSiren: "siren", radio.RoleLeadIn: "lead-in", radio.RoleDrill: "drill", radio.RoleAllOK: "all-ok"}

// TestEmergencySet: every role is there in both renditions, in house format as a device
// will check and decode it, and nothing else is shipped.
func TestEmergencySet(t *testing.T) {
	if *update {
		makeEmergencySet(t)
	}
	fsys, err := audio.Emergency()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		fsys = os.DirFS("emergency") // what is embedded is the set before
	}
	b, err := fs.ReadFile(fsys, "set.json")
	if err != nil {
		t.Fatal(err)
	}
	var set []role
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	known, files := map[radio.EmergencyRole]bool{}, 1
	for _, r := range set {
		known[r.Role] = true
		if len(r.Renditions) != 2 || r.Renditions[0].Kbps != radio.MainKbps || r.Renditions[1].Kbps != radio.LightKbps {
			t.Errorf("%s: renditions %+v", r.Role, r.Renditions)
		}
		for _, want := range r.Renditions {
			files++
			checkRendition(t, fsys, want)
		}
	}
	for _, r := range radio.EmergencyRoles() {
		if !known[r] {
			t.Errorf("role %s is missing", r)
		}
	}
	if all, err := fs.Glob(fsys, "*"); err != nil || len(all) != files {
		t.Errorf("%d files, want %d: %v", len(all), files, err)
	}
}

// TestSirenOfTheAgent: the siren built into the agent is the light one of the set.
func TestSirenOfTheAgent(t *testing.T) {
	fsys, err := audio.Emergency()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(agentSiren)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fs.ReadFile(fsys, string(radio.VoiceHash(got))+".mp3")
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("it is none of the set: %v", err)
	}
	b, err := fs.ReadFile(fsys, "set.json")
	if err != nil {
		t.Fatal(err)
	}
	var set []role
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	for _, r := range set {
		if r.Role == radio.RoleSiren && r.Renditions[1].SHA256 != radio.VoiceHash(got) {
			t.Errorf("it is not the siren %s", r.Renditions[1].SHA256)
		}
	}
}

func checkRendition(t *testing.T, fsys fs.FS, want radio.Rendition) {
	t.Helper()
	b, err := fs.ReadFile(fsys, string(want.SHA256)+".mp3")
	if err != nil {
		t.Error(err)
		return
	}
	sum := sha256.Sum256(b)
	if hex.EncodeToString(sum[:]) != string(want.SHA256) || int64(len(b)) != want.Bytes {
		t.Errorf("%s: %d bytes of another content", want.SHA256, len(b))
	}
	if err := want.Check(); err != nil {
		t.Error(err)
	}
	f, err := fsys.Open(string(want.SHA256) + ".mp3")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := sound.NewDecoder(f, sound.SpanOf(want))
	if err != nil {
		t.Fatal(err)
	}
	var samples int64
	pcm := make([]int16, 4096)
	for err == nil {
		var n int
		n, err = d.Read(pcm)
		samples += int64(n)
	}
	if !errors.Is(err, io.EOF) || samples != want.Samples {
		t.Errorf("%s: %d samples of %d: %v", want.SHA256, samples, want.Samples, err)
	}
}

func makeEmergencySet(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", child, "loaxa/internal/central/library/testdata/child").CombinedOutput(); err != nil {
		t.Fatalf("build the intake child: %v\n%s", err, out)
	}
	in, err := library.NewIntake(library.Options{Command: []string{child}, WorkDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	kept := library.NewFiles(t.TempDir())
	if err := os.RemoveAll("emergency"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("emergency", 0o755); err != nil {
		t.Fatal(err)
	}
	var set []role
	for _, r := range radio.EmergencyRoles() {
		f, err := audio.Files().Open(samples[r] + ".mp3")
		if err != nil {
			t.Fatal(err)
		}
		p, err := in.Prepare(t.Context(), f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(kept.Put(t.Context(), p), p.Close()); err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Renditions {
			from, _, err := kept.Open(x.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(from)
			if err = errors.Join(err, from.Close(), os.WriteFile(filepath.Join("emergency", string(x.SHA256)+".mp3"), b, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		set = append(set, role{r, p.Renditions})
		if r == radio.RoleSiren {
			b, err := os.ReadFile(filepath.Join("emergency", string(p.Renditions[1].SHA256)+".mp3"))
			if err = errors.Join(err, os.WriteFile(agentSiren, b, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := json.MarshalIndent(set, "", " ")
	if err == nil {
		err = os.WriteFile("emergency/set.json", append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
