package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Stamped by the linker (`make build`); empty in `go install` and `go run`, where the module's own
// build information answers instead.
var (
	version string
	commit  string
)

// build says which program this is.
type build struct {
	version   string
	commit    string
	goVersion string
}

// thisBuild never has empty fields: what nobody knows is called "unknown".
func thisBuild() build {
	this := build{version: version, commit: commit, goVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		this = this.orElse(info)
	}
	return this.orElse(&debug.BuildInfo{
		Main:     debug.Module{Version: "unknown"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "unknown"}},
	})
}

// orElse fills what the linker did not stamp.
func (b build) orElse(info *debug.BuildInfo) build {
	if b.version == "" {
		b.version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && b.commit == "" {
			b.commit = setting.Value
		}
	}
	return b
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Example: "  notifier version",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			this := thisBuild()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "notifier %s (commit %s, %s, %s/%s)\n",
				this.version, this.commit, this.goVersion, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
