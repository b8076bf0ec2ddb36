package signalcast

// Version is the version of this library, as events carry it unless
// [WithSourceLib] says otherwise.
func Version() string { return "0.1.0" }
