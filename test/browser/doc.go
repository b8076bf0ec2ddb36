// Package browser tests the admin page with a real browser, a real service and a real Redis.
//
//	cd test/browser && go test -count=1 ./...
//	cd test/browser && go test -count=1 -run TestScreenshots -write ./...    writes the pictures of docs/
package browser
