package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings are what one command takes from its user. A value is kept as text until load, so that a
// command can name everything that is wrong at once instead of the first thing that a parser meets.
//
// The targets hold their defaults from the moment they are registered; only load looks at flags, the
// environment and files. load may be called again (files can have changed): after a failed load, the
// targets are partly new, so a daemon that reloads loads into a copy.
type settings struct {
	cmd       *cobra.Command
	list      []*setting
	needOneOf [][2]*setting
	needBoth  [][2]*setting // or none

	envSetting *setting // --env-file, where the command has it
	envPath    string
	variables  envFile // of that file
}

// setting is one of them. It is its own flag: what pflag sets is only collected here.
type setting struct {
	name     string   // the flag, without dashes
	kind     string   // what stands for the value in --help
	fallback string   // the default, written as a user would write it
	help     string   // without the variable, which add appends
	choices  []string // for shell completion
	example  string   // set: must be given, and this is what it may look like
	secret   bool     // never printed, and readable from a file
	repeats  bool     // every occurrence counts, not only the last one
	flagOnly bool     // set by withoutVariable

	flag  *pflag.Flag
	given []string // in the order of the command line
	text  string   // what was read last, of a secret the secret itself: to see what has changed
	apply func(text string) error
}

func newSettings(cmd *cobra.Command) *settings {
	cmd.Flags().SortFlags = false // help lists them as they are registered: the important ones first
	return &settings{cmd: cmd}
}

// add registers v as a flag that ends in target. parse sees no empty text, except where there is a
// default and the user took it away.
func add[T any](s *settings, target *T, v *setting, parse func(text string) (T, error)) *setting {
	v.apply = func(text string) error {
		if text == "" && v.fallback == "" {
			*target = *new(T)
			return nil
		}
		value, err := parse(text)
		if err == nil {
			*target = value
		}
		return err
	}
	if err := v.apply(v.fallback); err != nil {
		panic(fmt.Sprintf("the default of --%s: %v", v.name, err)) // the programmer's mistake, met by every test
	}
	v.flag = s.cmd.Flags().VarPF(v, v.name, "", v.usage())
	complete := cobra.NoFileCompletions
	if v.kind == "bool" {
		v.flag.NoOptDefVal = "true"
	}
	if len(v.choices) > 0 {
		complete = cobra.FixedCompletions(v.choices, cobra.ShellCompDirectiveNoFileComp)
	}
	if err := s.cmd.RegisterFlagCompletionFunc(v.name, complete); err != nil {
		panic(err) // only for a flag that does not exist
	}
	s.list = append(s.list, v)
	return v
}

// withoutVariable makes v a flag and nothing else: an argument of this call, not a property of the installation.
func (v *setting) withoutVariable() *setting {
	v.flagOnly = true
	v.flag.Usage = v.usage()
	return v
}

// load fills all targets: flag, then environment, then the env file, then default. Its error is a *settingsError with
// every fault there is. What is odd and no fault it says on stderr.
func (s *settings) load() error {
	err := s.read()
	for _, oddity := range s.oddities() {
		fmt.Fprintln(s.cmd.ErrOrStderr(), "notifier: warning: "+oddity)
	}
	return err
}

// read is load without a word.
func (s *settings) read() error {
	if err := s.readVariables(); err != nil {
		return &settingsError{faults: []string{s.envSetting.title() + " " + err.Error()}} // what else is missing is in there
	}
	var faults []string
	faulty := make(map[*setting]bool)
	empty := make(map[*setting]bool)
	for _, v := range s.list {
		text, err := s.said(v)
		v.text = text
		if err == nil && text == "" && v.example != "" {
			err = errors.New("is missing, for example " + v.example)
		}
		if err == nil {
			err = v.apply(text)
		}
		if err != nil {
			faults = append(faults, v.title()+" "+err.Error())
		}
		faulty[v], empty[v] = err != nil, text == ""
	}
	for _, pair := range s.needOneOf {
		if a, b := pair[0], pair[1]; empty[a] && empty[b] && !faulty[a] && !faulty[b] {
			faults = append(faults, fmt.Sprintf("%s or %s is missing: at least one of the two", a.title(), b.title()))
		}
	}
	for _, pair := range s.needBoth {
		if a, b := pair[0], pair[1]; empty[a] != empty[b] && !faulty[a] && !faulty[b] {
			faults = append(faults, fmt.Sprintf("%s and %s belong together: one of them is missing", a.title(), b.title()))
		}
	}
	if len(faults) > 0 {
		return &settingsError{faults: faults}
	}
	return nil
}

// said is what the user said, from the first place where anything is said. An empty variable says nothing, because that is how
// Compose files and CI systems pass on what is not set.
func (s *settings) said(v *setting) (string, error) {
	if len(v.given) > 0 {
		return strings.Join(v.given, ","), nil
	}
	if v.flagOnly {
		return v.fallback, nil
	}
	if v.secret {
		return s.secretSaid(v)
	}
	return cmp.Or(os.Getenv(v.variable()), s.variables[v.variable()], v.fallback), nil
}

// variable is the name in the environment: NOTIFIER_PING_INTERVAL for --ping-interval.
func (v *setting) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(v.name, "-", "_"))
}

func (v *setting) fileVariable() string { return v.variable() + "_FILE" }

// variables are all the names that this setting reads.
func (v *setting) variables() []string {
	switch {
	case v.flagOnly:
		return nil
	case v.secret:
		return []string{v.variable(), v.fileVariable()}
	}
	return []string{v.variable()}
}

func (v *setting) usage() string {
	switch {
	case v.flagOnly:
		return v.help
	case v.secret:
		return fmt.Sprintf("%s (env %s, or %s: the path of a file with it)", v.help, v.variable(), v.fileVariable())
	}
	return fmt.Sprintf("%s (env %s)", v.help, v.variable())
}

// title is how errors name a setting: everything the user could change.
func (v *setting) title() string {
	if names := v.variables(); len(names) > 0 {
		return fmt.Sprintf("--%s (%s)", v.name, strings.Join(names, " or "))
	}
	return "--" + v.name
}

// String, Set and Type make a setting a value for a flag. Help shows String before anything is set as the
// default; nothing ever shows it afterwards, and a secret has no default.
func (v *setting) String() string { return v.fallback }

// Set collects and never fails: load judges.
func (v *setting) Set(text string) error {
	if !v.repeats {
		v.given = v.given[:0]
	}
	v.given = append(v.given, text)
	return nil
}

// Type is what --help puts in place of the value.
func (v *setting) Type() string { return v.kind }

// settingsError is everything that is wrong with the settings of a command, one line each.
type settingsError struct{ faults []string }

func (e *settingsError) Error() string {
	if len(e.faults) == 1 {
		return e.faults[0]
	}
	return fmt.Sprintf("%d settings have to change:\n  %s", len(e.faults), strings.Join(e.faults, "\n  "))
}
