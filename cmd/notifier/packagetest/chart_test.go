//go:build packages

package packagetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const helm = "helm.sh/helm/v4/cmd/helm@v4.3.1"

// object is something that the chart makes.
type object map[string]any

// at walks down: the parts of a path are keys, or numbers of a list.
func (o object) at(path string) any {
	var here any = map[string]any(o)
	for part := range strings.SplitSeq(path, "/") {
		switch node := here.(type) {
		case map[string]any:
			here = node[part]
		case []any:
			var n int
			if _, err := fmt.Sscan(part, &n); err != nil || n >= len(node) {
				return nil
			}
			here = node[n]
		default:
			return nil
		}
	}
	return here
}

func render(t *testing.T, args ...string) map[string]object {
	t.Helper()
	text := output(t, nil, "go", append([]string{"run", helm, "template", "clinic", "deploy/helm/notifier"}, args...)...)
	found := map[string]object{}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var one map[string]any
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if one != nil {
			found[fmt.Sprint(one["kind"], " ", object(one).at("metadata/name"))] = one
		}
	}
}

// variables are the settings that the daemon or a migration has, by name.
func variables(t *testing.T, command ...string) map[string]bool {
	t.Helper()
	help := output(t, nil, filepath.Join(dist(t, newer), "notifier-linux-amd64"), append(command, "--help")...)
	all := map[string]bool{}
	for _, flag := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
		name := "NOTIFIER_" + strings.ToUpper(strings.ReplaceAll(flag[1], "-", "_"))
		all[name], all[name+"_FILE"] = true, true
	}
	return all
}

var valueSets = map[string][]string{
	"as it comes": nil,
	"everything":  {"--values", "deploy/helm/notifier/ci/full.yaml"},
	"one daemon":  {"--values", "deploy/helm/notifier/ci/small.yaml"},
}

func TestTheChartIsGood(t *testing.T) {
	serve, migrate := variables(t, "serve"), variables(t, "migrate", "up")
	for name, values := range valueSets {
		t.Run(name, func(t *testing.T) {
			output(t, nil, "go", append([]string{"run", helm, "lint", "--strict", "deploy/helm/notifier"}, values...)...)
			objects := render(t, values...)
			isDeployment(t, objects["Deployment clinic-notifier"], serve)
			if job := objects["Job clinic-notifier-migrate"]; (job == nil) != (name == "one daemon") {
				t.Errorf("the job is %v", job)
			} else if job != nil {
				isContainer(t, job, migrate)
			}
			if policy := objects["NetworkPolicy clinic-notifier"]; (policy == nil) != (name == "one daemon") {
				t.Errorf("the policy is %v", policy)
			} else if policy != nil && policy.at("spec/ingress/1/ports/0/port") != "peers" {
				t.Errorf("daemons do not reach each other: %v", policy.at("spec/ingress"))
			}
			for _, service := range []string{"Service clinic-notifier", "Service clinic-notifier-admin"} {
				if s := objects[service]; s != nil && !slices.Contains([]any{"public", "admin"}, s.at("spec/ports/0/targetPort")) {
					t.Errorf("%s leads to %v", service, s.at("spec/ports"))
				}
			}
			for kind, wanted := range map[string]bool{
				"HorizontalPodAutoscaler": name == "everything", "ServiceMonitor": name == "everything", "Ingress": name == "everything",
				"PodDisruptionBudget": true, "Service": true,
			} {
				if (objects[kind+" clinic-notifier"] != nil) != wanted {
					t.Errorf("it has %s: %t, want %t", kind, !wanted, wanted)
				}
			}
		})
	}
}

func isDeployment(t *testing.T, deployment object, known map[string]bool) {
	t.Helper()
	const pod, container = "spec/template/spec/", "spec/template/spec/containers/0/"
	settings := isContainer(t, deployment, known)
	var drain, wait, grace int
	_, err := fmt.Sscan(strings.TrimSuffix(settings["NOTIFIER_DRAIN"], "s"), &drain)
	grace, _ = deployment.at(pod + "terminationGracePeriodSeconds").(int)
	wait, _ = deployment.at(container + "lifecycle/preStop/sleep/seconds").(int)
	if err != nil || wait < 1 || grace < wait+drain+7 {
		t.Errorf("the pod has %d s, of which it sleeps %d and drains %d, and 7 come on top (%v)", grace, wait, drain, err)
	}
	ports := map[string]string{}
	for i := range 3 {
		port := container + "ports/" + fmt.Sprint(i) + "/"
		ports[fmt.Sprint(deployment.at(port+"name"))] = fmt.Sprint(":", deployment.at(port+"containerPort"))
	}
	for name, variable := range map[string]string{"public": "NOTIFIER_ADDR", "admin": "NOTIFIER_ADMIN_ADDR", "peers": "NOTIFIER_PEER_ADDR"} {
		if ports[name] != settings[variable] {
			t.Errorf("port %s is %q, and %s %q", name, ports[name], variable, settings[variable])
		}
	}
	for probe, path := range map[string]string{"livenessProbe": "/livez", "readinessProbe": "/readyz"} {
		if deployment.at(container+probe+"/httpGet/path") != path || deployment.at(container+probe+"/httpGet/port") != "admin" {
			t.Errorf("the %s is %v", probe, deployment.at(container+probe))
		}
	}
	if settings["NOTIFIER_MAX_QUEUE_BYTES"] != "" && settings["NOTIFIER_MAX_QUEUE_BYTES"] != "4194304" {
		t.Errorf("a number is written as %s", settings["NOTIFIER_MAX_QUEUE_BYTES"])
	}
}

// isContainer holds what every one of ours must be, and gives its settings.
func isContainer(t *testing.T, owner object, known map[string]bool) map[string]string {
	t.Helper()
	const pod, container = "spec/template/spec/", "spec/template/spec/containers/0/"
	for path, want := range map[string]any{
		pod + "securityContext/runAsNonRoot": true, pod + "securityContext/runAsUser": 65532, pod + "automountServiceAccountToken": false,
		pod + "enableServiceLinks": false, pod + "securityContext/seccompProfile/type": "RuntimeDefault",
		container + "securityContext/readOnlyRootFilesystem": true, container + "securityContext/allowPrivilegeEscalation": false,
		container + "securityContext/capabilities/drop/0": "ALL",
	} {
		if got := owner.at(path); got != want {
			t.Errorf("%v: %s is %v, want %v", owner["kind"], path, got, want)
		}
	}
	settings := map[string]string{}
	list, _ := owner.at(container + "env").([]any)
	for i := range list {
		name := fmt.Sprint(owner.at(container + fmt.Sprintf("env/%d/name", i)))
		value := fmt.Sprint(owner.at(container + fmt.Sprintf("env/%d/value", i)))
		if _, twice := settings[name]; twice || !known[name] {
			t.Errorf("%v: %s is there twice (%t), or no setting", owner["kind"], name, twice)
		}
		settings[name] = value
		if strings.HasSuffix(name, "_FILE") && !strings.HasPrefix(value, "/run/secrets/notifier/") {
			t.Errorf("%s names %s, which is not mounted", name, value)
		}
	}
	if len(settings) == 0 || owner.at(container+"volumeMounts/0/mountPath") != "/run/secrets/notifier" {
		t.Errorf("%v: it has the settings %v", owner["kind"], settings)
	}
	return settings
}

func TestTheChartRefusesWhatItSetsItself(t *testing.T) {
	output(t, nil, "sh", "-c", `! go run "$0" template clinic deploy/helm/notifier --set settings.DRAIN=5s 2>/dev/null`, helm)
	output(t, nil, "sh", "-c", `! go run "$0" template clinic deploy/helm/notifier --set secrets.runtime= 2>/dev/null`, helm)
}

func TestTheWorkflowsAreGood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(root + "/.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	output(t, nil, "go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	if _, err := os.Stat(root + "/.github/workflows/release.yml"); err != nil {
		t.Error(err)
	}
}
