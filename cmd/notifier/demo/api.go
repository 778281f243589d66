package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
)

// refusalError is an answer that tells a person, in a sentence, what was wrong with
// the request. It holds no data of the request.
type refusalError struct {
	code     int
	sentence string
}

func (e refusalError) Error() string { return e.sentence }

// getClinic tells the page what it needs once: whose lists there are, where
// events come from, and whether there is a page of React's.
func (s *Site) getClinic(w http.ResponseWriter, r *http.Request) {
	accounts, err := s.desk.accounts(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	statuses, err := s.desk.statuses(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, r, map[string]any{
		"accounts":      accounts,
		"statuses":      statuses,
		"webSocketPath": s.cfg.WebSocketPath,
		"react":         s.cfg.React != nil,
	})
}

// getTime tells the database's clock in milliseconds since 1970, so that a
// browser whose clock differs can still tell how long an event took.
func (s *Site) getTime(w http.ResponseWriter, r *http.Request) {
	now, err := s.desk.clock(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, r, map[string]float64{"now": float64(now.UnixMicro()) / 1000})
}

func (s *Site) getToken(w http.ResponseWriter, r *http.Request) {
	account, err := s.accountOf(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	token, err := s.cfg.Token(strconv.FormatInt(account, 10))
	if err != nil {
		s.refuse(w, r, fmt.Errorf("sign token: %w", err))
		return
	}
	s.answer(w, r, map[string]string{"token": token})
}

// getWaiting answers with all that one account's panel shows.
func (s *Site) getWaiting(w http.ResponseWriter, r *http.Request) {
	account, err := s.accountOf(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	appointments, err := s.desk.waiting(r.Context(), account)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	doctors, err := s.desk.doctors(r.Context(), account)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	totals, err := s.desk.totals(r.Context(), account)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, r, map[string]any{
		"appointments": appointments,
		"doctors":      doctors,
		"totals":       totals,
		"simulator":    s.busy.Load(),
	})
}

// postStatus changes one appointment's status. It answers nothing about the
// row: the page learns of it as every other window does.
func (s *Site) postStatus(w http.ResponseWriter, r *http.Request) {
	id, err := wholeNumber(r.PathValue("id"))
	if err != nil {
		s.refuse(w, r, refusalError{http.StatusBadRequest, "Número de agendamento inválido."})
		return
	}
	var wish struct {
		Account int64  `json:"account"`
		Status  string `json:"status"`
	}
	if err := readBody(w, r, &wish); err != nil {
		s.refuse(w, r, err)
		return
	}
	if wish.Account < 1 || wish.Account > math.MaxInt32 {
		s.refuse(w, r, refusalError{http.StatusBadRequest, "Conta inválida."})
		return
	}
	if err := s.desk.move(r.Context(), wish.Account, id, wish.Status); err != nil {
		s.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Site) putSimulator(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		On *bool `json:"on"`
	}
	if err := readBody(w, r, &wish); err != nil {
		s.refuse(w, r, err)
		return
	}
	if wish.On == nil {
		s.refuse(w, r, refusalError{http.StatusBadRequest, "Falta dizer se é para ligar ou desligar."})
		return
	}
	s.busy.Store(*wish.On)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	s.answer(w, r, map[string]bool{"on": *wish.On})
}

// accountOf returns the account that a request names, if there is one.
func (s *Site) accountOf(r *http.Request) (int64, error) {
	account, err := wholeNumber(r.URL.Query().Get("account"))
	if err != nil {
		return 0, refusalError{http.StatusBadRequest, "Conta inválida."}
	}
	return account, s.desk.knows(r.Context(), account)
}

// wholeNumber parses an id as the clinic has them: 1 to 2^31-1, digits only.
func wholeNumber(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return int64(n), err
}

// readBody decodes one JSON object and nothing else.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return refusalError{http.StatusRequestEntityTooLarge, "Pedido grande demais."}
	}
	if err != nil || decoder.More() {
		return refusalError{http.StatusBadRequest, "Pedido malformado."}
	}
	return nil
}

func (s *Site) answer(w http.ResponseWriter, r *http.Request, body any) {
	s.write(w, r, http.StatusOK, body)
}

// refuse answers {"error": sentence}. The cause of what is not a refusal is
// logged and not shown.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var told refusalError
	if !errors.As(err, &told) {
		if r.Context().Err() == nil {
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "demo_request_failed",
				slog.String("pattern", r.Pattern), slog.Any("error", err))
		}
		told = refusalError{http.StatusServiceUnavailable, "O banco de dados não respondeu. Tente de novo em instantes."}
	}
	s.write(w, r, told.code, map[string]string{"error": told.sentence})
}

func (s *Site) write(w http.ResponseWriter, r *http.Request, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil && r.Context().Err() == nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "demo_answer_not_written", slog.Any("error", err))
	}
}
