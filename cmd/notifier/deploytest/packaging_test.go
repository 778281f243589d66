package deploytest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// settings are those of `serve`, as deploy/README.md's table has them, which other tests hold to the code; with their defaults.
func settings(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(read(t, "README.md")) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || !strings.HasPrefix(line, "| `--") {
			continue
		}
		for _, flag := range found(cells[0], "`--([a-z-]+)`") {
			name := "NOTIFIER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
			all[name] = strings.Trim(cells[1], "`")
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d settings are found: the search is wrong", len(all))
	}
	return all
}

func TestEverySettingInPackagesExists(t *testing.T) {
	t.Parallel()
	known := settings(t)
	for _, file := range []string{
		"deb/notifier.env", "docker/compose.yaml", "docker/Dockerfile", "helm/notifier/templates/deployment.yaml", "helm/notifier/templates/migrate.yaml",
		"systemd/notifier.service",
	} {
		names := found(read(t, file), `(NOTIFIER_[A-Z_]*[A-Z])`)
		if len(names) == 0 && file != "systemd/notifier.service" {
			t.Errorf("%s names no setting: the search is wrong", file)
		}
		for _, name := range names {
			if _, ok := known[strings.TrimSuffix(name, "_FILE")]; !ok {
				t.Errorf("%s has %s, which `serve` has not", file, name)
			}
		}
	}
	for _, file := range []string{"helm/notifier/values.yaml", "helm/notifier/ci/full.yaml", "helm/notifier/ci/small.yaml"} {
		var values struct{ Settings map[string]any }
		if err := yaml.Unmarshal([]byte(read(t, file)), &values); err != nil || len(values.Settings) == 0 {
			t.Fatalf("%s: %v, %v", file, values, err)
		}
		for name := range values.Settings {
			if _, ok := known["NOTIFIER_"+name]; !ok {
				t.Errorf("%s has the setting %s, which `serve` has not", file, name)
			}
		}
	}
}

// Every way to run it gives a daemon the time to drain, 5 s of grace and 2 s for traces.
func TestWhoStopsTheDaemonWaitsForTheDrain(t *testing.T) {
	t.Parallel()
	drain := seconds(t, settings(t)["NOTIFIER_DRAIN"])
	for file, pattern := range map[string]string{
		"systemd/notifier.service": `(?m)^TimeoutStopSec=(\d+)$`, "docker/compose.yaml": `(?m)^    stop_grace_period: (\d+)s`,
	} {
		times := found(read(t, file), pattern)
		if len(times) != 1 || seconds(t, times[0]) < drain+7 {
			t.Errorf("%s waits for %q, and the drain takes %d s", file, times, drain)
		}
	}
}

func seconds(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// service is as much of compose's as is looked at.
type service struct {
	Image, Restart          string
	Build                   struct{ Context, Dockerfile string }
	Environment             map[string]string
	Secrets, Volumes, Ports []string
	Networks                []string
	ReadOnly                bool                         `yaml:"read_only"`
	CapDrop                 []string                     `yaml:"cap_drop"`
	DependsOn               map[string]map[string]string `yaml:"depends_on"`
	Command                 []string
}

func TestTheComposeFileHoldsTogether(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]service
		Networks map[string]any
		Volumes  map[string]any
		Secrets  map[string]struct{ File string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "docker/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 3 {
		t.Fatalf("it has the services %v", file.Services)
	}
	script := read(t, "docker/secrets.sh")
	for name, secret := range file.Secrets {
		if secret.File != "./secrets/"+name || !strings.Contains(script, " >secrets/"+name+"\n") {
			t.Errorf("nobody makes the secret %s in %s", name, secret.File)
		}
	}
	for name, s := range file.Services {
		for _, secret := range s.Secrets {
			if _, ok := file.Secrets[secret]; !ok {
				t.Errorf("%s has no secret %s", name, secret)
			}
		}
		for variable, value := range s.Environment {
			if strings.HasSuffix(variable, "_FILE") && !slices.Contains(s.Secrets, strings.TrimPrefix(value, "/run/secrets/")) {
				t.Errorf("%s: %s names %s, which it is not given", name, variable, value)
			}
		}
		for on := range s.DependsOn {
			if _, ok := file.Services[on]; !ok {
				t.Errorf("%s waits for %s, which is not there", name, on)
			}
		}
		for _, volume := range s.Volumes {
			if from, _, _ := strings.Cut(volume, ":"); strings.HasPrefix(from, ".") {
				exists(t, filepath.Join("docker", from))
			}
		}
		if name != "postgres" && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Image != "notifier") {
			t.Errorf("%s can do more than it needs: %+v", name, s)
		}
	}
	build := file.Services["notifier"].Build
	exists(t, filepath.Join("docker", build.Context, build.Dockerfile))
}

func exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(deploy, path)); err != nil {
		t.Error(err)
	}
}

func TestTheImageIsBuiltByTheSameGoAsPackages(t *testing.T) {
	t.Parallel()
	image, packages := found(read(t, "docker/Dockerfile"), `golang:([0-9.]+)-bookworm`), found(read(t, "dist"), `GOTOOLCHAIN=go([0-9.]+)`)
	if len(image) != 1 || !slices.Equal(image, packages) {
		t.Errorf("the image is built by Go %q, packages by %q", image, packages)
	}
}

// What is sent to the builder is what `go build` reads: neither secrets nor what was built here.
func TestTheContextOfTheImageIsSmallAndComplete(t *testing.T) {
	t.Parallel()
	files := contextOf(t, filepath.Join(deploy, ".."), strings.Split(read(t, "docker/Dockerfile.dockerignore"), "\n"))
	size := int64(0)
	for name, length := range files {
		size += length
		first, _, _ := strings.Cut(name, "/")
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "node_modules") || slices.Contains([]string{"bin", "dist", "deploy", ".git"}, first) {
			t.Errorf("%s is sent", name)
		}
	}
	for _, want := range append(sources(t), "go.mod", "go.sum", "Makefile", "LICENSE") {
		if _, ok := files[want]; !ok {
			t.Errorf("%s is not sent", want)
		}
	}
	t.Logf("%d files, %d kB", len(files), size/1000)
	if size > 5e6 {
		t.Errorf("%d bytes are sent: %v", size, files)
	}
}

// sources are the files that the binary, and the list of licences beside it, are made of.
func sources(t *testing.T) (files []string) {
	t.Helper()
	const form = `{{if and .Module .Module.Main}}{{$folder := .ImportPath}}` +
		`{{range .GoFiles}}{{$folder}}/{{.}} {{end}}{{range .EmbedFiles}}{{$folder}}/{{.}} {{end}}{{end}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", form, "notifier/cmd/notifier", "notifier/cmd/notifier/thirdparty").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		files = append(files, strings.TrimPrefix(name, "notifier/"))
	}
	if len(files) < 200 {
		t.Errorf("only %d files are found: the search is wrong", len(files))
	}
	return files
}

// contextOf reads as much of .dockerignore's rules as ours has: a star, !folder, and **/pattern.
func contextOf(t *testing.T, root string, rules []string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		sent := true
		for _, rule := range rules {
			rest, again := strings.CutPrefix(rule, "!")
			switch everywhere, deep := strings.CutPrefix(rest, "**/"); {
			case rule == "", strings.HasPrefix(rule, "#"):
			case rule == "*":
				sent = false
			case again:
				sent = sent || name == rest || strings.HasPrefix(name, rest+"/")
			case deep:
				sent = sent && !slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
					match, _ := filepath.Match(everywhere, part)
					return match
				})
			default:
				t.Fatalf("the rule %q is not understood here", rule)
			}
		}
		if entry.IsDir() {
			if !sent && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := entry.Info(); err == nil && sent {
			files[name] = info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A tag of somebody else's action can be moved to other code; a commit cannot.
func TestActionsArePinnedAndJobsMayDoLittle(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^(actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/test\.yml)$`)
	for _, name := range []string{"test", "release"} {
		text := read(t, "../.github/workflows/"+name+".yml")
		uses := found(text, `(?m)^ +(?:- )?uses: (.*)$`)
		if len(uses) == 0 {
			t.Errorf("%s uses nothing: the search is wrong", name)
		}
		for _, action := range uses {
			if !pinned.MatchString(action) {
				t.Errorf("%s: %q is not pinned by commit, with its version beside it", name, action)
			}
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct{ Permissions map[string]string }
		}
		if err := yaml.Unmarshal([]byte(text), &workflow); err != nil {
			t.Fatal(err)
		}
		writes := 0
		for job, j := range workflow.Jobs {
			for what, right := range j.Permissions {
				if right == "write" {
					writes++
				}
				if name == "test" || right == "write" && what != "contents" && what != "packages" {
					t.Errorf("%s: %s may %s %s", name, job, right, what)
				}
			}
		}
		if want := map[string]int{"test": 0, "release": 2}[name]; writes != want || workflow.Permissions["contents"] == "write" {
			t.Errorf("%s: %d jobs may write, want %d; all may %v", name, writes, want, workflow.Permissions)
		}
	}
}
