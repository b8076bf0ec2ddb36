package signalcast

// Version returns the version of this library. Events carry it, unless [WithSourceLib] sets
// another one.
func Version() string { return "0.2.0" }
