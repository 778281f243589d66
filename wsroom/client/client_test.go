package client_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// run runs a command in a folder and returns what it says.
func run(t *testing.T, folder, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v (make test installs what it needs): %v\n%s", name, args, err, out)
	}
	return out
}

// What the client does in minutes and in windows, on a clock and a network of the test's own. With a daemon it is in cmd/notifier/e2e, in Chromium in the
// demo's tests.
func TestInNode(t *testing.T) {
	t.Parallel()
	t.Logf("%s", run(t, ".", "npm", "test", "--silent"))
}

func TestItsTypesCompileAndRefuseWhatIsWrong(t *testing.T) {
	t.Parallel()
	run(t, ".", filepath.Join("node_modules", ".bin", "tsc"), "--project", filepath.Join("test", "types"))
}

func TestItsPackageHoldsWhatIsNeededAndWorks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var packed []struct {
		Filename string
		Files    []struct{ Path string }
	}
	if err := json.Unmarshal(run(t, ".", "npm", "pack", "--json", "--silent", "--pack-destination", folder), &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack: %v, %+v", err, packed)
	}
	var files []string
	for _, file := range packed[0].Files {
		files = append(files, file.Path)
	}
	slices.Sort(files)
	if want := []string{"README.md", "frames.d.ts", "notifier-client.d.ts", "notifier-client.js", "package.json"}; !slices.Equal(files, want) {
		t.Errorf("it holds %v, want %v", files, want)
	}
	run(t, folder, "npm", "install", "--offline", "--no-audit", "--no-fund", "--silent", "--prefix", folder, filepath.Join(folder, packed[0].Filename))
	const script = `
		import { connect } from "notifier-client";
		const client = connect({ url: "ws://127.0.0.1:1/ws", token: "t", WebSocket: class {} });
		client.close();
		console.log(client.status.state);`
	if err := os.WriteFile(filepath.Join(folder, "use.mjs"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := string(run(t, folder, "node", "use.mjs")); got != "stopped\n" {
		t.Errorf("where it is installed it says %q", got)
	}
}
