package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

type sample struct {
	Name string   `yaml:"name"`
	Wait Duration `yaml:"wait"`
	DSN  Secret   `yaml:"dsn"`
	Part struct {
		On   bool     `yaml:"on"`
		Many []string `yaml:"many"`
		Size int      `yaml:"size-mb"`
	} `yaml:"part"`
}

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFileThenEnvironment(t *testing.T) {
	p := write(t, "name: xã\nwait: 90s\ndsn: geheim\npart:\n  on: true\n  size-mb: 3\n")
	c := sample{Wait: Duration(time.Second)}
	err := Load(p, "LOAXA", []string{"LOAXA_PART_SIZE_MB=7", "LOAXA_PART_MANY=a, b", "HOME=/x", "LOAXA_WAIT=2m"}, &c)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "xã" || c.Wait.D() != 2*time.Minute || !c.Part.On || c.Part.Size != 7 || len(c.Part.Many) != 2 || c.Part.Many[1] != "b" {
		t.Fatalf("got %+v", c)
	}
	text, err := Print(c)
	if err != nil {
		t.Fatal(err)
	}
	if all := text + fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(all, "geheim") {
		t.Fatalf("the secret shows: %s", all)
	}
	if c.DSN.Reveal() != "geheim" {
		t.Fatal("the secret is lost")
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		file string
		env  []string
		want []string
	}{
		"unknown key":         {"nmae: x\n", nil, []string{"nmae", ":1"}},
		"bad duration":        {"name: x\nwait: soon\n", nil, []string{"[2:7]", `"soon"`, "duration"}},
		"number for duration": {"wait: 99\n", nil, []string{"[1:7]", `"99"`, "duration"}},
		"list for duration":   {"wait: [1s]\n", nil, []string{"[1:7]", "duration"}},
		"unknown environment": {"", []string{"LOAXA_NAMEE=1"}, []string{"LOAXA_NAMEE"}},
		"all at once":         {"", []string{"LOAXA_PART_ON=perhaps", "LOAXA_WAIT=never"}, []string{"PART_ON", "WAIT"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var s sample
			err := Load(write(t, c.file), "LOAXA", c.env, &s)
			if !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("name: x\nwait: 1s\n")
	f.Add("part: {on: [}")
	f.Fuzz(func(t *testing.T, text string) {
		var s sample
		p := write(t, text)
		if err := Load(p, "LOAXA", nil, &s); err != nil && len(err.Error()) == 0 {
			t.Fatal("an error without a text")
		}
	})
}

func TestKeyWithoutValueIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte("a: 1\noutput:\n  driver: null\nclock:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	into := struct {
		A      int `yaml:"a"`
		Output struct {
			Driver string `yaml:"driver"`
		} `yaml:"output"`
		Clock struct {
			Assumed bool `yaml:"assumed"`
		} `yaml:"clock"`
	}{}
	into.Output.Driver = "oto"
	err := Load(path, "X", nil, &into)
	if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), "c.yaml:3:") || !strings.Contains(err.Error(), "c.yaml:4:") {
		t.Errorf("error %v, want both lines named", err)
	}
}
