package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newConnsCommand() *cobra.Command {
	var account, subject string
	var limit int
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "Lists who is connected, at all daemons",
		Long: `conns lists the connections of all daemons on the database, the oldest first: whose, how,
since when, what waits for it, how far it has come in the log, and when its token ends.
It asks one daemon by its admin address, which asks the others. No token is shown.

A daemon that does not answer is named below the table, and its connections are missing.`,
		Example: `  notifier conns
  notifier conns --account 1
  notifier conns --json | jq -r '.connections[] | select(.queue_messages > 100).conn'`,
		Args: noArguments,
	}
	return newAdminCommand(cmd, func(s *settings) {
		s.text(&account, "account", "", "only this account's")
		s.text(&subject, "subject", "", "only those whose token has this subject (sub)")
		s.number(&limit, "limit", "100", "how many to list at most, up to 10000", atLeast(1))
	}, func(ctx context.Context, c *adminClient, _ []string, out io.Writer) error {
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if account != "" {
			query.Set("account", account)
		}
		if subject != "" {
			query.Set("subject", subject)
		}
		var report connsReport
		if err := c.get(ctx, "/api/conns", query, &report); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(out, report)
		}
		return report.print(out, time.Now())
	})
}

// print writes the table for a person.
func (r connsReport) print(out io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Connections) > 0 {
		fmt.Fprintln(table, "CONN\tACCOUNT\tSUBJECT\tPROTOCOL\tSTATE\tSINCE\tQUEUE\tAT\tTOKEN ENDS\tREMOTE\tUSER AGENT")
	}
	for _, c := range r.Connections {
		fmt.Fprintln(table, strings.Join([]string{
			printable(c.ID, 40), orDash(c.Account), orDash(c.Subject), c.how(), printable(c.State, 10), c.Since.Local().Format(time.DateTime),
			c.queue(), c.at(), c.tokenEnds(now), printable(c.RemoteAddr, 60), orDash(c.UserAgent),
		}, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if r.More > 0 {
		fmt.Fprintf(out, "… and %d more: --limit, --account, --subject\n", r.More)
	}
	if len(r.Connections) > 0 {
		fmt.Fprintln(out)
	}
	for _, d := range r.Daemons {
		if d.Error == "" {
			fmt.Fprintf(out, "daemon %s: %s\n", printable(d.Daemon, 40), counted(d.Total, "connection"))
		}
		d.printError(out)
	}
	printAlone(out, r.Alone)
	return nil
}

// printAlone says what the table cannot.
func printAlone(out io.Writer, alone bool) {
	if alone {
		fmt.Fprintln(out, "this daemon is alone (--peer-addr off): if there are others, ask each by its own --admin-url")
	}
}

// printError is the line of a daemon that has not answered.
func (d daemonTold) printError(out io.Writer) {
	if d.Error != "" {
		fmt.Fprintf(out, "daemon %s: no answer: %s\n", printable(d.Daemon, 40), printable(d.Error, 300))
	}
}

func (c connection) how() string {
	if c.Protocol == "socketio" {
		return "socketio " + printable(c.Transport, 10)
	}
	return printable(c.Protocol, 20)
}

func (c connection) queue() string {
	if c.QueueMessages == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, %d B", c.QueueMessages, c.QueueBytes)
}

// at is the event that the client has been written, and the one that it is to be.
func (c connection) at() string {
	if c.WrittenSeq == c.QueuedSeq {
		return strconv.FormatInt(c.WrittenSeq, 10)
	}
	return fmt.Sprintf("%d of %d", c.WrittenSeq, c.QueuedSeq)
}

func (c connection) tokenEnds(now time.Time) string {
	if c.TokenEnds == nil {
		return "-"
	}
	return "in " + c.TokenEnds.Sub(now).Round(time.Second).String()
}

// orDash is a text of somebody else in a table.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text, 60)
}
