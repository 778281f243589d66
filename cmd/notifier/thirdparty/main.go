// Command thirdparty says what of others is in the binary, and under which licences.
//
//	thirdparty table           the list that deploy/LICENCES.md has, which is kept beside the code and tested
//	thirdparty texts           the licences themselves, which come with each package and image
//	thirdparty sbom BINARY     what is in this very file, as CycloneDX JSON
//
// It fails when something is under a licence that is not allowed. It needs the modules' sources, which the go command keeps
// after a build.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "thirdparty: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "table":
		return print(ctx, out, table)
	case len(args) == 1 && args[0] == "texts":
		return print(ctx, out, texts)
	case len(args) == 2 && args[0] == "sbom":
		return sbom(ctx, args[1], out)
	}
	return errors.New("say what: table, texts, or sbom and a binary")
}

// print writes what a form makes of the modules.
func print(ctx context.Context, out io.Writer, form func([]module) []byte) error {
	modules, err := linked(ctx)
	if err != nil {
		return err
	}
	_, err = out.Write(form(modules))
	return err
}
