package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionPrintsOneLine(t *testing.T) {
	_, stdout, _ := runLine(t, "version")
	if !strings.HasPrefix(stdout, "notifier ") || !strings.Contains(stdout, runtime.Version()) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("got %q", stdout)
	}
}

func TestTheLinkersStampBeatsTheBuildInformation(t *testing.T) {
	info := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.0.0-2025"},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "plan9"}, {Key: "vcs.revision", Value: "abc"}},
	}
	if got, want := (build{}).orElse(info), (build{version: "v0.0.0-2025", commit: "abc"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	stamped := build{version: "1.2.3", commit: "def", goVersion: "go1.26"}
	if got := stamped.orElse(info); got != stamped {
		t.Errorf("got %+v, want %+v", got, stamped)
	}
}

func TestNoFieldOfABuildIsEmpty(t *testing.T) {
	if got := thisBuild(); got.version == "" || got.commit == "" || got.goVersion == "" {
		t.Errorf("got %+v", got)
	}
}
