package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// minAdminToken keeps out what can be guessed.
const minAdminToken = 16

// isAdminToken demands what fits into a header, and is not a word.
func isAdminToken(token string) error {
	switch {
	case len(token) < minAdminToken:
		return fmt.Errorf("is too short: at least %d characters, for example of: openssl rand -hex 16", minAdminToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("has characters that a header cannot carry: letters, digits and punctuation of ASCII, no spaces")
	}
	return nil
}

// adminSettings are what a command needs that asks a daemon by its admin address.
type adminSettings struct {
	url    string
	token  string
	json   bool
	source *settings
}

// register adds the settings behind those of the command itself, which come first.
func (a *adminSettings) register(cmd *cobra.Command, own func(*settings)) {
	a.source = newSettings(cmd)
	if own != nil {
		own(a.source)
	}
	for _, v := range a.source.list {
		v.withoutVariable() // arguments of this call
	}
	a.source.toggle(&a.json, "json", "false", "print JSON instead of a table")
	a.source.list[len(a.source.list)-1].withoutVariable()
	a.source.text(&a.url, "admin-url", "http://127.0.0.1:9090", "admin address of any daemon on the database: it asks the others", isAdminURL)
	a.source.secret(&a.token, "admin-token", "what the daemons have as --admin-token", isAdminToken)
	a.source.fromEnvFile()
}

// isAdminURL demands a base URL without secrets: those have a setting of their own.
func isAdminURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("%s is not a URL like http://127.0.0.1:9090", shown(text))
	case u.User != nil:
		return errors.New("has a password in it: use --admin-token (NOTIFIER_ADMIN_TOKEN)")
	case u.RawQuery != "", u.Fragment != "":
		return errors.New("ends after the host, the port, and a path if a proxy wants one")
	}
	return nil
}
