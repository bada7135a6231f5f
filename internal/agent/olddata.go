package agent

import (
	"os"
	"path/filepath"
)

const (
	// dataFolder is the default. It is not the centre's: both may run on one machine.
	dataFolder = "/var/lib/loaxa-agent"
	// oldDataFolder was the default before.
	oldDataFolder = "/var/lib/loaxa"
)

// InOldFolder gives the configuration of an agent whose data lie in the folder that was
// the default before: what is there counts until somebody moves it. old is "" when they do
// not.
func InOldFolder(cfg Config) (_ Config, old string) {
	if cfg.Data != dataFolder {
		return cfg, ""
	}
	if cfg.Data = whereData(dataFolder, oldDataFolder); cfg.Data == dataFolder {
		return cfg, ""
	}
	return cfg, oldDataFolder
}

// whereData is now, unless an agent's journal lies in old alone.
func whereData(now, old string) string {
	holds := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, journalFile))
		return err == nil
	}
	if !holds(now) && holds(old) {
		return old
	}
	return now
}
