package shape

// skipValue returns the position after a value of t. depth counts the values around it. A value that takes
// no bytes takes no time, also as an item of a list.
func skipValue(text string, t *writerType, pos, depth int) (int, *FieldError) {
	if depth > maxSkipDepth {
		return 0, errDepth
	}
	var fault *FieldError
	switch t.kind {
	case nullKind:
	case booleanKind:
		_, pos, fault = readBool(text, pos)
	case intKind, longKind:
		_, pos, fault = long(text, pos)
	case floatKind, doubleKind, fixedKind:
		if int64(len(text)-pos) < t.minBytes {
			return 0, errEnd
		}
		pos += int(t.minBytes)
	case bytesKind, stringKind:
		_, pos, fault = readPart(text, pos)
	case enumKind:
		var symbol int64
		if symbol, pos, fault = long(text, pos); fault == nil && (symbol < 0 || symbol >= int64(t.symbols)) {
			fault = errSymbol
		}
	case unionKind:
		var branch int64
		branch, pos, fault = long(text, pos)
		switch {
		case fault != nil:
		case branch < 0 || branch >= int64(len(t.branches)):
			fault = errBranch
		default:
			return skipValue(text, t.branches[branch], pos, depth+1)
		}
	case recordKind:
		for _, f := range t.sized {
			if pos, fault = skipValue(text, f, pos, depth+1); fault != nil {
				break
			}
		}
	case arrayKind, mapKind:
		return skipBlocks(text, t, pos, depth)
	}
	return pos, fault
}

// skipBlocks skips the blocks of an array or a map.
func skipBlocks(text string, t *writerType, pos, depth int) (int, *FieldError) {
	minBytes := t.elem.minBytes
	if t.kind == mapKind {
		minBytes++ // of the key
	}
	for {
		count, next, size, fault := block(text, pos, minBytes)
		switch {
		case fault != nil || count == 0:
			return next, fault
		case size >= 0:
			pos = next + size
			continue
		case minBytes == 0:
			pos = next
			continue
		}
		for range count {
			if t.kind == mapKind {
				_, next, fault = readPart(text, next)
			}
			if fault == nil {
				next, fault = skipValue(text, t.elem, next, depth+1)
			}
			if fault != nil {
				return 0, fault
			}
		}
		pos = next
	}
}
