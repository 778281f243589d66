package main

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// contract is the table of settings that users hold on to: flag, variable, default as --help shows it.
var contract = [][3]string{
	{"database-url", "NOTIFIER_DATABASE_URL", ""},
	{"direct-url", "NOTIFIER_DIRECT_URL", ""},
	{"addr", "NOTIFIER_ADDR", ":8080"},
	{"admin-addr", "NOTIFIER_ADMIN_ADDR", "127.0.0.1:9090"},
	{"jwt-secret", "NOTIFIER_JWT_SECRET", ""},
	{"jwks-url", "NOTIFIER_JWKS_URL", ""},
	{"jwt-issuer", "NOTIFIER_JWT_ISSUER", ""},
	{"jwt-audience", "NOTIFIER_JWT_AUDIENCE", ""},
	{"jwt-account-claim", "NOTIFIER_JWT_ACCOUNT_CLAIM", "accountId"},
	{"allowed-origins", "NOTIFIER_ALLOWED_ORIGINS", ""},
	{"allow-query-token", "NOTIFIER_ALLOW_QUERY_TOKEN", "false"},
	{"socketio-recovery", "NOTIFIER_SOCKETIO_RECOVERY", "true"},
	{"ping-interval", "NOTIFIER_PING_INTERVAL", "25s"},
	{"ping-timeout", "NOTIFIER_PING_TIMEOUT", "20s"},
	{"retention", "NOTIFIER_RETENTION", "24h"},
	{"replay-limit", "NOTIFIER_REPLAY_LIMIT", "10000"},
	{"poll-interval", "NOTIFIER_POLL_INTERVAL", "50ms"},
	{"drain", "NOTIFIER_DRAIN", "20s"},
	{"log-level", "NOTIFIER_LOG_LEVEL", "info"},
	{"log-format", "NOTIFIER_LOG_FORMAT", ""},
}

func TestServeHasTheSettingsOfTheContract(t *testing.T) {
	cmd := &cobra.Command{}
	new(serveSettings).register(cmd)
	for _, row := range contract {
		flag := cmd.Flags().Lookup(row[0])
		if flag == nil {
			t.Errorf("--%s is missing", row[0])
			continue
		}
		if flag.DefValue != row[2] {
			t.Errorf("--%s has the default %q, want %q", row[0], flag.DefValue, row[2])
		}
		v, ok := flag.Value.(*setting)
		if !ok || v.variable() != row[1] || !strings.Contains(flag.Usage, row[1]) {
			t.Errorf("--%s: its help does not name %s: %s", row[0], row[1], flag.Usage)
		}
	}
}

func TestServeSettingsHoldTypedDefaults(t *testing.T) {
	var got serveSettings
	got.register(&cobra.Command{})
	got.source = nil
	want := serveSettings{
		identitySettings: identitySettings{jwtAccountClaim: "accountId", jwtOverlap: time.Hour},
		limitSettings: limitSettings{
			maxConnections: 50000, maxConnectionsPerAccount: 10000, maxConnectionsPerAddress: 1000, maxConnectsPerSecond: 2000,
			maxQueueMessages: 4096, maxQueueBytes: 4 << 20,
		},
		logSettings:   logSettings{level: slog.LevelInfo},
		addr:          ":8080",
		adminAddr:     "127.0.0.1:9090",
		peerAddr:      ":0",
		traceSettings: traceSettings{traceRatio: 1},
		edgeSettings:  edgeSettings{maxHandshakes: 4096},
		socketioSettings: socketioSettings{
			socketioPath: "/socket.io/", socketioRecovery: true, socketioConnectTimeout: 45 * time.Second,
			socketioUpgradeTimeout: 10 * time.Second, socketioMaxPayload: 1_000_000,
		},
		pingInterval: 25 * time.Second,
		pingTimeout:  20 * time.Second,
		retention:    24 * time.Hour,
		replayLimit:  10000,
		pollInterval: 50 * time.Millisecond,
		drain:        20 * time.Second,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestServeNeedsADatabaseAndAKey(t *testing.T) {
	var s serveSettings
	s.register(&cobra.Command{})
	err := s.load()
	want := `2 settings have to change:
  --database-url (NOTIFIER_DATABASE_URL or NOTIFIER_DATABASE_URL_FILE) is missing, for example postgres://notifier_runtime@127.0.0.1:5432/clinic
  --jwt-secret (NOTIFIER_JWT_SECRET or NOTIFIER_JWT_SECRET_FILE) or --jwks-url (NOTIFIER_JWKS_URL) is missing: at least one of the two`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	t.Setenv("NOTIFIER_DATABASE_URL", "postgres://runtime@pooler:6432/clinic")
	t.Setenv("NOTIFIER_JWKS_URL", "https://login.example.com/keys")
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	if got := s.direct(); got != s.databaseURL {
		t.Errorf("without a direct URL the listener goes to %q", redactDSN(got))
	}
	t.Setenv("NOTIFIER_DIRECT_URL", "postgres://runtime@db:5432/clinic")
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	if got, want := redactDSN(s.direct()), "runtime@db:5432/clinic"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOriginsBecomeWhatBrowsersSend(t *testing.T) {
	for text, want := range map[string]string{
		"https://app.clinic.example":     "https://app.clinic.example",
		"HTTPS://App.Clinic.Example":     "https://app.clinic.example",
		"https://app.clinic.example:443": "https://app.clinic.example",
		"http://127.0.0.1:80":            "http://127.0.0.1",
		"http://localhost:3000":          "http://localhost:3000",
		"https://*.clinic.example":       "https://*.clinic.example",
		"capacitor://localhost":          "capacitor://localhost",
		"https://app*.clinic.example":    "",
		"https://*.*.example":            "",
		"*":                              "*",
		"https://app.clinic.example/":    "",
		"https://app.clinic.example/ws":  "",
		"https://u:p@app.clinic.example": "",
		"app.clinic.example":             "",
		"wss://app.clinic.example":       "",
		"null":                           "",
		"https://clínica.com.br":         "",
		"https://xn--clnica-5va.com.br":  "https://xn--clnica-5va.com.br",
		"https://:8080":                  "",
	} {
		got, err := canonicalOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestListenAddressesNeedAPort(t *testing.T) {
	for text, want := range map[string]bool{
		":8080": true, "127.0.0.1:0": true, "[::1]:9090": true, "localhost:80": true,
		"8080": false, "127.0.0.1": false, ":http": false, ":65536": false, ":-1": false, "::1:80": false, "": false,
	} {
		if err := isListenAddress(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestASocketIOPathHasBothSlashes(t *testing.T) {
	for text, want := range map[string]string{
		"/socket.io/": "/socket.io/", "/socket.io": "/socket.io/", "live": "/live/", "/v1/live/": "/v1/live/",
		"/": "", "/ws": "", "/a//b/": "", "/a b/": "", "/{x}/": "", "/../": "", "/a?b": "",
	} {
		var s serveSettings
		cmd := &cobra.Command{}
		s.register(cmd)
		t.Setenv("NOTIFIER_DATABASE_URL", "postgres://runtime@db/clinic")
		t.Setenv("NOTIFIER_JWT_SECRET", strings.Repeat("s", 32))
		t.Setenv("NOTIFIER_SOCKETIO_PATH", text)
		if err := s.load(); (err == nil) != (want != "") || err == nil && s.socketioPath != want {
			t.Errorf("%q: got %q, %v; want %q", text, s.socketioPath, err, want)
		}
	}
}

func TestPeerAddresses(t *testing.T) {
	for text, want := range map[string]bool{":0": true, "off": true, "10.0.0.7:7946": true, "on": false, "10.0.0.7": false} {
		if err := isPeerAddress(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]bool{
		"10.0.0.7": true, "fd00::7": true, "pod-1.notifier": true, "10.0.0.7:80": false, "http://x": false, "[::1]": false,
	} {
		if err := isHost(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzSettings: any text is a value, or a fault in one line that does not repeat a secret.
func FuzzSettings(f *testing.F) {
	names := []string{}
	probe := &cobra.Command{}
	new(serveSettings).register(probe)
	probe.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "env-file" { // it reads what it names
			names = append(names, flag.Name)
		}
	})
	for n, text := range []string{
		"postgres://a:b@c/d?sslmode=require", "host=a password='b'", ":8080", "[::1]:9090", "https://*.clinic.example,*", "10.0.0.0/8, private",
		"1e3", "-5s", "true",
	} {
		f.Add(uint8(n), text)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		name := names[int(which)%len(names)]
		cmd := &cobra.Command{}
		var s serveSettings
		s.register(cmd)
		if err := cmd.Flags().Set(name, text); err != nil {
			t.Fatal(err)
		}
		v := cmd.Flags().Lookup(name).Value.(*setting)
		err := v.apply(text)
		if err == nil {
			return
		}
		fault := err.Error()
		if fault == "" || strings.ContainsAny(fault, "\n\r") {
			t.Errorf("--%s %q: the fault is %q", name, text, fault)
		}
		if word := strings.TrimSpace(text); v.secret && len(word) > 12 && strings.Contains(fault, word) {
			t.Errorf("--%s: the fault repeats the secret: %q", name, fault)
		}
	})
}
