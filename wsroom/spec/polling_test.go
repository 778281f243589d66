package spec_test

import (
	"io"
	"net/http"
	"strings"
)

// poller is a Socket.IO session by HTTP long-polling.
type poller struct {
	*house
	sid string
}

func (h *house) poll() *poller {
	h.t.Helper()
	p := &poller{house: h}
	p.sid = quoted(p.get())
	return p
}

func (p *poller) request(method, body string) string {
	target := "http://" + p.addr + "/socket.io/?EIO=4&transport=polling"
	if p.sid != "" {
		target += "&sid=" + p.sid
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

func (p *poller) post(packet string) { p.request(http.MethodPost, packet) }

// get takes an answer, holds its packets against the document, and returns the last.
func (p *poller) get() (last string) {
	p.t.Helper()
	for packet := range strings.SplitSeq(p.request(http.MethodGet, ""), "\x1e") {
		if packet == "" {
			continue
		}
		name, err := p.document.Packet(packet)
		p.noted(name, packet, err)
		last = packet
	}
	return last
}
