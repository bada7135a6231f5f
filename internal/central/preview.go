package central

import (
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
)

// preview tells what would sound, with the resolver dispatch makes programmes with.
func (c *Central) preview() *preview.Preview {
	return preview.New(c.store, c.store, programme.Resolver{Tuning: c.tuning()}, c.now)
}
