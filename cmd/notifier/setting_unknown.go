package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variablePrefix begins every variable that notifier reads.
const variablePrefix = "NOTIFIER_"

// warnUnknownVariables says on stderr which NOTIFIER_ variables no command reads: a typo there would
// otherwise be a default that nobody chose. Completion stays silent, it runs at every press of a key.
func warnUnknownVariables(cmd *cobra.Command) {
	if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd {
		return
	}
	if names := unknownVariables(cmd.Root(), os.Environ()); len(names) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "notifier: warning: not a setting, so without effect: %s\n", strings.Join(names, ", "))
	}
}

// unknownVariables are the names in environ that look like ours and belong to no flag under root, sorted.
func unknownVariables(root *cobra.Command, environ []string) []string {
	known := make(map[string]bool)
	collectVariables(root, known)
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variablePrefix) && !known[name] && !fromKubernetes(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

func collectVariables(cmd *cobra.Command, known map[string]bool) {
	collect := func(flag *pflag.Flag) {
		if v, ok := flag.Value.(*setting); ok {
			for _, name := range v.variables() {
				known[name] = true
			}
		}
	}
	cmd.Flags().VisitAll(collect)
	cmd.PersistentFlags().VisitAll(collect)
	for _, child := range cmd.Commands() {
		collectVariables(child, known)
	}
}

// fromKubernetes tells whether name is one of those that Kubernetes puts into every pod beside a
// Service called "notifier": NOTIFIER_SERVICE_HOST, NOTIFIER_PORT_8080_TCP_ADDR and the like.
func fromKubernetes(name string) bool {
	rest := strings.TrimPrefix(name, variablePrefix)
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") ||
		rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || strings.HasPrefix(rest, "SERVICE_PORT_")
}
