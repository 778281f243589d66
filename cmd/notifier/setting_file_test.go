package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAnEnvFileIsReadAsItsWriterMeansIt(t *testing.T) {
	content := "\uFEFF# night\r\n\r\n; shift\nNOTIFIER_ADDR=:8080\r\n  export A = b c # d \nQ=\"x 'y'\"\nR=' z '\nEMPTY=\nEQ=a=b\nD=$HOME\\n"
	got, err := parseEnvFile([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	want := envFile{
		"NOTIFIER_ADDR": ":8080", "A": "b c # d", "Q": "x 'y'", "R": " z ", "EMPTY": "", "EQ": "a=b", "D": `$HOME\n`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEnvFileThatIsNoneSaysInWhichLine(t *testing.T) {
	for content, want := range map[string]string{
		"A=1\nhunter2":       "has no NAME=value in line 2",
		"A=1\n\nhunter2-x=y": "has no NAME=value in line 3",
		"=hunter2":           "has no NAME=value in line 1",
		"A='hunter2":         "has a quote that does not end, at A in line 1",
		`A="`:                "has a quote that does not end, at A in line 1",
		"A=1\nA=hunter2":     "has A twice, the second time in line 2",
		"A=hunter2\x00":      "is not a text in UTF-8",
		"A=hunter2\xff":      "is not a text in UTF-8",
	} {
		_, err := parseEnvFile([]byte(content))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

func TestTheEnvironmentBeatsTheEnvFileBeatsTheDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifier.env")
	secret := writeFile(t, "from the secret's file\n")
	content := "NOTIFIER_REST=2h\nNOTIFIER_KEY_FILE=" + secret + "\nNOTIFIER_RSET=1h\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(args ...string) (rest time.Duration, key string, odd []string) {
		t.Helper()
		var loadedSettings *settings
		err := loaded(t, func(s *settings) {
			s.duration(&rest, "rest", "1h", "")
			s.secret(&key, "key", "")
			s.fromEnvFile()
			loadedSettings = s
		}, args...)
		if err != nil {
			t.Fatal(err)
		}
		return rest, key, loadedSettings.oddities()
	}
	if rest, key, odd := load(); rest != time.Hour || key != "" || len(odd) > 0 {
		t.Errorf("without a file: %v, %q, %q", rest, key, odd)
	}
	rest, key, odd := load("--env-file", path)
	if rest != 2*time.Hour || key != "from the secret's file" || len(odd) != 1 || !strings.HasSuffix(odd[0], "in the env file: NOTIFIER_RSET") {
		t.Errorf("with it: %v, %q, %q", rest, key, odd)
	}
	t.Setenv("NOTIFIER_ENV_FILE", path)
	t.Setenv("NOTIFIER_REST", "3h")
	t.Setenv("NOTIFIER_KEY", "from the environment")
	if rest, key, _ := load(); rest != 3*time.Hour || key != "from the environment" {
		t.Errorf("with the environment: %v, %q", rest, key)
	}
	if rest, _, _ := load("--rest", "4h"); rest != 4*time.Hour {
		t.Errorf("with a flag: %v", rest)
	}
}

func TestAnEnvFileThatCannotBeReadIsTheOnlyFault(t *testing.T) {
	for path, want := range map[string]string{
		"hunter2":   "--env-file (NOTIFIER_ENV_FILE) cannot be read: no such file or directory",
		t.TempDir(): "--env-file (NOTIFIER_ENV_FILE) cannot be read: is a directory",
		writeFile(t, strings.Repeat("#", maxSettingFile+1)): "--env-file (NOTIFIER_ENV_FILE) cannot be read: it is longer than 65536 bytes",
		writeFile(t, "NOTIFIER_ENV_FILE=hunter2"):           "--env-file (NOTIFIER_ENV_FILE) has NOTIFIER_ENV_FILE in it: the file cannot name another",
		"/dev/zero": "--env-file (NOTIFIER_ENV_FILE) cannot be read: it is longer than 65536 bytes",
	} {
		var key string
		err := loaded(t, func(s *settings) {
			s.secret(&key, "key", "").example = "something"
			s.fromEnvFile()
		}, "--env-file", path)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestASecretThatEverybodyCanReadIsOdd(t *testing.T) {
	path := writeFile(t, "NOTIFIER_KEY=hunter2")
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var key string
		var s *settings
		if err := loaded(t, func(given *settings) {
			s = given
			s.secret(&key, "key", "")
			s.fromEnvFile()
		}, "--env-file", path); err != nil {
			t.Fatal(err)
		}
		odd := s.oddities()
		if len(odd) != want || strings.Contains(strings.Join(odd, ""), "hunter2") {
			t.Errorf("mode %v: %q, want %d", mode, odd, want)
		}
	}
}

// FuzzEnvFile: whatever a file holds, it is variables with sound names, or an error that repeats no value.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"A=1\nB='2'\n", "export X=\"y\"", "#\n;\n\r\n", "\uFEFFA=b", "A", "A=\"", "=\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		variables, err := parseEnvFile(content)
		if err != nil {
			if variables != nil || strings.ContainsAny(err.Error(), "\n\r=") && !strings.Contains(err.Error(), "NAME=value") {
				t.Errorf("error %q beside %q", err, variables)
			}
			return
		}
		var again strings.Builder
		for name, value := range variables {
			if !variableName.MatchString(name) || strings.ContainsAny(value, "\n\x00") {
				t.Fatalf("%q=%q", name, value)
			}
			again.WriteString(name + "='" + value + "'\n")
		}
		second, err := parseEnvFile([]byte(again.String()))
		if err != nil || !maps.Equal(second, variables) {
			t.Errorf("read again: %q, %v, want %q", second, err, variables)
		}
	})
}
