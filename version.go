package signalcast

// Version is the version of this library, as events carry it unless
// [WithSourceLib] says otherwise.
func Version() SourceLib { return SourceLib{0, 1, 0} }
