package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that cannot be understood. None of them repeats what the user typed
// unless it is a plain word: a mistyped command line is where a password ends up in a log.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// plainWord is what may be repeated: as long as a command, and nothing that a URL or a token has in it.
var plainWord = regexp.MustCompile(`^[a-z][a-z-]{0,19}$`)

// noArguments is for commands that take settings only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Sprintf("%s takes no arguments, only flags; see: %s --help", cmd.Name(), cmd.CommandPath())}
}

// oneArgument is for commands that are about one thing, which is named.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && args[0] != "" {
			return nil
		}
		return &usageError{fmt.Sprintf("%s wants %s and nothing else; see: %s --help", cmd.Name(), what, cmd.CommandPath())}
	}
}

// commandOnly is for commands that do nothing but hold others; to be used with showHelp, because cobra
// does not look at the arguments of a command that cannot run.
func commandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	word := args[0]
	if !plainWord.MatchString(word) {
		return &usageError{fmt.Sprintf("what follows %q is not one of its commands; see: %s --help", cmd.CommandPath(), cmd.CommandPath())}
	}
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2 // cobra's own default, which it sets too late for us
	}
	hint := fmt.Sprintf("see: %s --help", cmd.CommandPath())
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{fmt.Sprintf("unknown command %q; %s", word, hint)}
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// flagError puts pflag's errors in our words: its own repeat the whole argument for `-jwt-secret=…`.
func flagError(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("; see: %s --help", cmd.CommandPath())
	var missing *pflag.NotExistError
	var valueless *pflag.ValueRequiredError
	switch {
	case errors.As(err, &missing) && missing.GetSpecifiedShortnames() != "":
		return &usageError{"unknown short flag -" + missing.GetSpecifiedName() + " (long flags have two dashes)" + help}
	case errors.As(err, &missing) && plainWord.MatchString(missing.GetSpecifiedName()):
		return &usageError{"unknown flag --" + missing.GetSpecifiedName() + help}
	case errors.As(err, &valueless):
		return &usageError{"--" + valueless.GetFlag().Name + " needs a value" + help}
	}
	return &usageError{"the flags cannot be understood" + help}
}
