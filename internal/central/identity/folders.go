package identity

import (
	"os"
	"path/filepath"
)

// KeyFiles lists what a copy of a key folder must hold. A root key that somebody left
// there is not among it.
func KeyFiles(dir string) map[string]string {
	files := filesOf(dir, OnlineFile, keyringFile, rootFile)
	if _, err := os.Stat(filepath.Join(dir, secondKeyFile)); err == nil { // somebody has a second factor
		files[secondKeyFile] = filepath.Join(dir, secondKeyFile)
	}
	if _, err := os.Stat(filepath.Join(dir, rootsFile)); err == nil { // there is more than the first root
		files[rootsFile] = filepath.Join(dir, rootsFile)
	}
	if _, err := os.Stat(filepath.Join(dir, restoredFile)); err == nil { // it came from an older backup
		files[restoredFile] = filepath.Join(dir, restoredFile)
	}
	return files
}

// CAFiles lists what a copy of a CA's folder must hold. The centre's own certificate is
// not among it: it is made again.
func CAFiles(dir string) map[string]string { return filesOf(dir, CAFile, caKeyFile) }

func filesOf(dir string, names ...string) map[string]string {
	out := make(map[string]string, len(names))
	for _, n := range names {
		out[n] = filepath.Join(dir, n)
	}
	return out
}
