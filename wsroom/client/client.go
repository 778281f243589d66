// Package client is notifier-client, the client of /ws for browsers and Node, an npm package: README.md says how it is used. For Go it is a file: the
// demo serves it to its page, so that what the page runs is what is packed.
package client

import _ "embed"

// Source is notifier-client.js.
//
//go:embed notifier-client.js
var Source []byte
