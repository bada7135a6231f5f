package radio

// Version of the programs, set by the linker at build time.
var Version = "dev"
