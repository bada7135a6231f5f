package firmware

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/agent"
	"loaxa/internal/central/mosquitto"
)

const board = "orange-pi"

// run gives what a program says on both its outputs, in a fixed language.
func run(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), append(env, "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestChrony(t *testing.T) {
	chronyd := tool(t, "chronyd")
	file := filepath.Join(board, "chrony.conf")
	out, err := run(t, nil, chronyd, "-p", "-f", file)
	if err != nil {
		t.Fatalf("chronyd refuses %s: %v\n%s", file, err, out)
	}
	// chronyd prints what it takes; every line must be there.
	if want := settings(read(t, file), "#"); strings.TrimSpace(out) != strings.Join(want, "\n") {
		t.Errorf("chronyd reads\n%s\nwant\n%s", out, strings.Join(want, "\n"))
	}
	broken := filepath.Join(t.TempDir(), "chrony.conf")
	write(t, broken, read(t, file)+"makesteps 1 3\n")
	if out, err := run(t, nil, chronyd, "-p", "-f", broken); err == nil {
		t.Errorf("chronyd takes a wrong line, so it proves nothing:\n%s", out)
	}
}

// settings are the lines that are neither empty nor comments.
func settings(text, comment string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, comment) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestAgentConfig loads the agent's file with the agent's own loader, and holds it
// against the unit: the agent may write nowhere but in the two folders named there.
func TestAgentConfig(t *testing.T) {
	cfg, err := agent.LoadConfig(filepath.Join(board, "agent.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	unit := settings(read(t, filepath.Join(board, "loaxa-agent.service")), "#")
	state, run := filepath.Base(cfg.Data), filepath.Base(filepath.Dir(cfg.Socket()))
	if cfg.Data != "/var/lib/"+state || !slices.Contains(unit, "StateDirectory="+state) {
		t.Errorf("data %s is not the unit's StateDirectory", cfg.Data)
	}
	if filepath.Dir(cfg.Socket()) != "/run/"+run || !slices.Contains(unit, "RuntimeDirectory="+run) {
		t.Errorf("socket %s is not in the unit's RuntimeDirectory", cfg.Socket())
	}
	if cfg.Clock.Assumed || cfg.Output.Driver != "alsa" {
		t.Errorf("a real board sounds and asks for the time: %+v", cfg)
	}
}

// alsa gives the environment in which ALSA reads our file after the system's own, as
// it does with /etc/asound.conf.
func alsa(t *testing.T, text string) []string {
	t.Helper()
	dir := t.TempDir()
	ours, all := filepath.Join(dir, "asound.conf"), filepath.Join(dir, "alsa.conf")
	write(t, ours, text)
	write(t, all, "</usr/share/alsa/alsa.conf>\n<"+ours+">\n")
	return []string{"ALSA_CONFIG_PATH=" + all, "HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
}

func TestSoundCard(t *testing.T) {
	aplay := tool(t, "aplay")
	text := read(t, filepath.Join(board, "asound.conf"))

	t.Run("ours and no other is listed", func(t *testing.T) {
		out, err := run(t, alsa(t, text), aplay, "-L")
		if err != nil {
			t.Fatalf("aplay -L: %v\n%s", err, out)
		}
		var names []string
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, " ") {
				names = append(names, strings.TrimSpace(line))
			}
		}
		slices.Sort(names)
		// What stands here besides is where sound could go when the card is missing.
		if want := []string{"default", "loaxa"}; !slices.Equal(names, want) {
			t.Errorf("aplay -L lists %q, want %q:\n%s", names, want, out)
		}
	})
	t.Run("without the card nothing opens", func(t *testing.T) {
		if !strings.Contains(text, "card Device") {
			t.Fatal("asound.conf names no card Device")
		}
		// A name no card of this machine has.
		env := alsa(t, strings.ReplaceAll(text, "card Device", "card LoaxaAbsent"))
		for _, pcm := range []string{"loaxa", "default", "plug:default"} {
			if out, err := run(t, env, aplay, "-q", "-D", pcm, "-d", "1", "/dev/zero"); err == nil {
				t.Errorf("%s sounds into nowhere:\n%s", pcm, out)
			} else if !strings.Contains(out, "LoaxaAbsent") {
				t.Errorf("%s does not ask for the card: %v\n%s", pcm, err, out)
			}
		}
	})
	t.Run("the way to the card keeps the rate", func(t *testing.T) {
		env := alsa(t, text+"\npcm.!loaxa_card { type null }\n")
		for _, pcm := range []string{"loaxa", "default"} {
			// What the agent's driver asks for: floats, stereo, 44,100 Hz.
			out, err := run(t, env, aplay, "-v", "-D", pcm, "-t", "raw", "-f", "FLOAT_LE", "-c", "2", "-r", "44100", "-d", "1", "/dev/zero")
			if err != nil {
				t.Errorf("%s: %v\n%s", pcm, err, out)
			}
			if !strings.Contains(out, "exact rate   : 44100") || !strings.Contains(out, "Plug PCM") || !strings.Contains(out, "Null PCM") {
				t.Errorf("%s opens as\n%s", pcm, out)
			}
		}
	})
}

// tree is a root folder with systemd's own targets, in which a unit can be verified
// as on the board.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	units := filepath.Join(root, "usr/lib/systemd/system")
	mkdirs(t, units, filepath.Join(root, "etc/systemd/system"), filepath.Join(root, "usr/bin"))
	for _, dir := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		for _, kind := range []string{"*.target", "*.slice"} {
			files, err := filepath.Glob(filepath.Join(dir, kind))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				write(t, filepath.Join(units, filepath.Base(f)), read(t, f))
			}
		}
	}
	return root
}

func mkdirs(t *testing.T, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// verify fails the test when systemd has anything to say about the unit.
func verify(t *testing.T, analyze, root, unit string) {
	t.Helper()
	out, err := run(t, nil, analyze, "verify", "--root="+root, "--man=no", "--recursive-errors=yes", unit)
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify %s: %v\n%s", unit, err, out)
	}
}

func TestAgentService(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	root := tree(t)
	out, err := run(t, nil, "go", "build", "-tags", "noaudio", "-o", filepath.Join(root, "usr/bin/loaxa-agent"), "loaxa/cmd/loaxa-agent")
	if err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	const unit = "loaxa-agent.service"
	text := read(t, filepath.Join(board, unit))
	write(t, filepath.Join(root, "etc/systemd/system", unit), text)
	verify(t, analyze, root, unit)

	t.Run("hardened", func(t *testing.T) {
		out, err := run(t, nil, analyze, "security", "--offline=yes", "--root="+root, "--threshold=25", "--no-pager", unit)
		if err != nil {
			t.Errorf("exposed more than 2.5 of 10: %v\n%s", err, out)
		}
	})
	t.Run("may ask for the time", func(t *testing.T) {
		// ProtectClock forbids adjtimex also for reading; the clock would stay untrusted
		// and the village silent. @system-service does not hold it either.
		lines := settings(text, "#")
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "ProtectClock=") }) ||
			!slices.Contains(lines, "SystemCallFilter=adjtimex clock_adjtime") {
			t.Error("the agent may not call adjtimex")
		}
	})
	t.Run("a wrong unit is noticed", func(t *testing.T) {
		write(t, filepath.Join(root, "etc/systemd/system/wrong.service"), strings.Replace(text, "/usr/bin/loaxa-agent", "/usr/bin/absent", 1))
		if out, err := run(t, nil, analyze, "verify", "--root="+root, "--man=no", "wrong.service"); err == nil {
			t.Errorf("systemd-analyze proves nothing:\n%s", out)
		}
	})
}

// TestMosquittoService verifies the addition to Debian's own unit, and the timer that
// brings it its files.
func TestMosquittoService(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	tool(t, "mosquitto") // its unit comes with it
	root := tree(t)
	const unit, own = "mosquitto.service", "loaxa-broker-config"
	theirs := read(t, filepath.Join("/lib/systemd/system", unit))
	addition, service := read(t, filepath.Join("mosquitto", "loaxa.conf")), read(t, filepath.Join("mosquitto", own+".service"))
	for line := range strings.Lines(theirs + "\n" + addition + "\n" + service) {
		key, command, _ := strings.Cut(strings.TrimSpace(line), "=")
		if words := strings.Fields(strings.TrimLeft(command, "-+")); strings.HasPrefix(key, "Exec") && len(words) > 0 {
			// systemd asks whether the programs exist and may be run, in the tree.
			program := filepath.Join(root, words[0])
			mkdirs(t, filepath.Dir(program))
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	units, dropIn := filepath.Join(root, "etc/systemd/system"), filepath.Join(root, "etc/systemd/system", unit+".d")
	mkdirs(t, dropIn)
	write(t, filepath.Join(root, "usr/lib/systemd/system", unit), theirs)
	write(t, filepath.Join(dropIn, "loaxa.conf"), addition)
	write(t, filepath.Join(units, own+".service"), service)
	write(t, filepath.Join(units, own+".timer"), read(t, filepath.Join("mosquitto", own+".timer")))
	for _, name := range []string{unit, own + ".service", own + ".timer"} {
		verify(t, analyze, root, name)
	}

	t.Run("every file that is made is brought", func(t *testing.T) {
		for _, name := range []string{mosquitto.ConfFile, mosquitto.ACLFile, mosquitto.CRLFile, mosquitto.CAFile, mosquitto.ServerFile, mosquitto.KeyFile} {
			if !strings.Contains(service, " /var/lib/loaxa/broker/"+name) {
				t.Errorf("%s stays behind", name)
			}
		}
	})
}

func TestUser(t *testing.T) {
	sysusers := tool(t, "systemd-sysusers")
	file, err := filepath.Abs(filepath.Join(board, "sysusers.conf"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	mkdirs(t, filepath.Join(root, "etc"))
	if out, err := run(t, nil, sysusers, "--root="+root, file); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, out)
	}
	for file, want := range map[string]string{
		"etc/passwd": `(?m)^loaxa:x:\d+:\d+:.*:/var/lib/loaxa-agent:/usr/sbin/nologin$`,
		"etc/group":  `(?m)^audio:x:\d+:loaxa$`,
	} {
		if got := read(t, filepath.Join(root, file)); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s does not match %s:\n%s", file, want, got)
		}
	}
}
