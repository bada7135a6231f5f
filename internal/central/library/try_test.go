package library
import ("testing";"os";"fmt";"path/filepath";"time")
func TestTry(t *testing.T) {
	in := newIntake(t, func(o *Options){o.Limits.Memory=768<<20})
	fs, _ := filepath.Glob("/tmp/lib/[st]*/*s*")
	for _, f := range fs {
		b := time.Now()
		code, err := CheckFiles(t.Context(), in, []string{f}, os.Stdout)
		fmt.Println(code, err, time.Since(b).Round(time.Millisecond))
	}
}
