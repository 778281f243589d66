package demo

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// maxBody bounds what a request may carry; the largest honest one is 60 bytes.
const maxBody = 4 << 10

// contentPolicy lets a page load its own files and talk to its own origin
// ('self' covers ws: and wss: of the same host), and forbids every way in
// which a patient's name could become markup.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

// Config is what a Site needs of the command that runs it.
type Config struct {
	// DB is a pool of the clinic's own role: it must be able to read and
	// write the clinic's tables, and needs no right on notifier's schema.
	DB *pgxpool.Pool
	// Token signs a token for an account. It is called for accounts that
	// exist, and its error is logged, not shown.
	Token func(account string) (string, error)
	// WebSocketPath is where the same origin serves the plain protocol;
	// "/ws" if empty.
	WebSocketPath string
	// React is the built page of react/, which is served at "/react/"; there is
	// no such page if nil, and the first page says how to get it.
	React fs.FS
	// Logger receives what goes wrong; nothing is logged if nil. No patient
	// data is ever logged.
	Logger *slog.Logger
	// Now tells the day and, for appointments that the simulator books, the
	// time of day; time.Now if nil. Its location is the clinic's.
	Now func() time.Time
	// Pace is how long the simulator waits between two steps; 400 ms if zero.
	Pace time.Duration
}

// Site is the page, its API and the simulator behind it. Create it with New.
type Site struct {
	cfg  Config
	desk desk

	busy atomic.Bool   // the simulator is switched on
	wake chan struct{} // holds a token when busy may have changed
}

// New returns a Site. It starts nothing and asks the database nothing.
func New(cfg Config) *Site {
	if cfg.WebSocketPath == "" {
		cfg.WebSocketPath = "/ws"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Pace <= 0 {
		cfg.Pace = 400 * time.Millisecond
	}
	return &Site{
		cfg:  cfg,
		desk: desk{db: cfg.DB, now: cfg.Now},
		wake: make(chan struct{}, 1),
	}
}

// Handler serves the page at "/", its files, its API under "/api/", and the
// page that is built with React at "/react/" where there is one. A
// page of another origin can change nothing: unsafe methods are refused by
// what the browser says of the request's origin.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/clinic", s.getClinic)
	mux.HandleFunc("GET /api/time", s.getTime)
	mux.HandleFunc("GET /api/token", s.getToken)
	mux.HandleFunc("GET /api/waiting", s.getWaiting)
	mux.HandleFunc("POST /api/appointments/{id}/status", s.postStatus)
	mux.HandleFunc("PUT /api/simulator", s.putSimulator)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, refusalError{http.StatusNotFound, "Endereço ou método desconhecido."})
	})
	mux.Handle("/", staticFiles(page()))
	if s.cfg.React != nil {
		mux.Handle("/react/", http.StripPrefix("/react", staticFiles(s.cfg.React)))
	}

	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, refusalError{http.StatusForbidden, "Pedido de outra origem recusado."})
	}))
	return secured(guard.Handler(mux))
}

// secured sets what every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// Run keeps the clinic busy while a window has switched that on, and idles
// otherwise. It blocks until ctx ends and then returns nil.
func (s *Site) Run(ctx context.Context) error {
	return newSimulator(s).run(ctx)
}
