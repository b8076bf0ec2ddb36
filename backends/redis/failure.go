package redis

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// isReply reports whether err is an error reply of the server, which has then not executed
// the command. After any other error, it may have.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// heals reports whether a retry can succeed after err.
func heals(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) { // Sentinels, any of which may name the master
		return slices.ContainsFunc(several.Unwrap(), heals)
	}
	if errors.Is(err, errNoWaitAOF) {
		return false
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return false
	}
	if !isReply(err) {
		return true
	}
	switch code, text := splitReply(err); code {
	case "WRONGTYPE", "NOPERM", "WRONGPASS", "NOAUTH", "NOPROTO", "CROSSSLOT":
		return false
	case "ERR":
		return strings.HasPrefix(text, "max number of clients reached") ||
			strings.Contains(text, "cannot be used with replica instances") // WAIT, after a failover
	default: // OOM, LOADING, READONLY, MOVED, CLUSTERDOWN, MISCONF, NOREPLICAS, …
		return true
	}
}

// migratingTo returns the address of the node that an ASK reply names, or an empty string.
func migratingTo(err error) string {
	code, text := splitReply(err)
	if code != "ASK" {
		return ""
	}
	_, addr, _ := strings.Cut(text, " ") // after the slot
	return addr
}

// splitReply returns the code of an error reply and the text after it. A rejected transaction
// has the code of the reason, if the server gives one.
func splitReply(err error) (code, text string) {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return "", ""
	}
	line := strings.TrimPrefix(reply.Error(), "EXECABORT Transaction discarded because of: ")
	code, text, _ = strings.Cut(line, " ")
	return code, text
}
