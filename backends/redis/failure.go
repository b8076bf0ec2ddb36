package redis

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrDeliveryTimeout is the cause of the failure of a message that was not
// acknowledged within Config.DeliveryTimeout. What kept it is part of the error.
var ErrDeliveryTimeout = errors.New("delivery timeout has passed")

// isReply reports whether err is an answer of the server, which then has not
// done what it was asked. All other errors leave that open.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// heals reports whether trying again may help after err.
func heals(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) { // Sentinels, any of which may name the master
		return slices.ContainsFunc(several.Unwrap(), heals)
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
		return strings.HasPrefix(text, "max number of clients reached")
	default: // OOM, LOADING, READONLY, MOVED, CLUSTERDOWN, MISCONF, NOREPLICAS, …
		return true
	}
}

// splitReply returns the code of an error reply and what follows it. A
// transaction that was refused as a whole has the code of the reason, where the
// server gives one.
func splitReply(err error) (code, text string) {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return "", ""
	}
	line := strings.TrimPrefix(reply.Error(), "EXECABORT Transaction discarded because of: ")
	code, text, _ = strings.Cut(line, " ")
	return code, text
}
