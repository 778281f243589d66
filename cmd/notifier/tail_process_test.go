package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// untilGone keeps sending events until the other side is away.
func untilGone(ctx context.Context, conn *websocket.Conn) {
	ctx = conn.CloseRead(ctx)
	for conn.Write(ctx, websocket.MessageText, []byte(event("1-6"))) == nil {
	}
}

func TestTailFlushesEveryLineAndEndsOnInterrupt(t *testing.T) {
	url := served(t, talk(t, "", func(ctx context.Context, conn *websocket.Conn) {
		send(t, conn, welcome("1-5", false), event("1-6"))
		_, _, _ = conn.Read(ctx) // nothing more: the line has to come without another one behind it
	}))
	cmd := program(t, "tail", "--url", url, "--silence", "1h")
	cmd.Env = append(cmd.Env, "NOTIFIER_TOKEN_FILE="+writeFile(t, testToken+"\n"))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err != nil || line != event("1-6")+"\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v after the interrupt", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ends with %v, want status 0", err)
	}
}

func TestTailEndsQuietlyWhenNobodyReads(t *testing.T) {
	url := served(t, talk(t, "", func(ctx context.Context, conn *websocket.Conn) {
		send(t, conn, welcome("1-5", false))
		untilGone(ctx, conn)
	}))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "tail", "--url", url, "--token", testToken)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil { // the child has its own
		t.Error(err)
	}
	if line, err := bufio.NewReader(reader).ReadString('\n'); err != nil || line != event("1-6")+"\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if err := reader.Close(); err != nil { // as head does after its last line
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ends with %v, want status 0", err)
	}
	if said := stderr.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "connected") {
		t.Errorf("stderr: %q", said)
	}
}

func TestTailEndsWithStatusOneWhenItIsRefused(t *testing.T) {
	url := served(t, talk(t, "", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, closeToken, "token_invalid") }))
	cmd := program(t, "tail", "--url", url, "--token", testToken)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exited *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exited) || exited.ExitCode() != exitFailed {
		t.Errorf("ends with %v, want status %d", err, exitFailed)
	}
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), "token_invalid") {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}
