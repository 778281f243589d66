package main

import (
	"encoding/binary"
	"strconv"
)

// appendWelcome appends what a socket is told first.
func appendWelcome(frame []byte, account int64) []byte {
	text := `{"type":"welcome","accountId":"` + strconv.FormatInt(account, 10) + `"}`
	return append(appendHeader(frame, len(text)), text...)
}

// appendEvent appends the frame of an event: of an appointment, and of the list at its end.
func appendEvent(frame, appointment, procedures []byte) []byte {
	const head, list, foot = `{"type":"event","event":"appointmnents.finished","data":`, `,"procedures":[`, `]}}`
	frame = appendHeader(frame, len(head)+len(appointment)+len(list)+len(procedures)+len(foot))
	frame = append(append(frame, head...), appointment...)
	frame = append(append(frame, list...), procedures...)
	return append(frame, foot...)
}

// appendHeader begins a text frame of RFC 6455, section 5.2, as a server sends it.
func appendHeader(frame []byte, size int) []byte {
	frame = append(frame, 0x81)
	switch {
	case size < 126:
		return append(frame, byte(size)) //nolint:gosec // just bounded
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(frame, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(frame, 127), uint64(size))
}
