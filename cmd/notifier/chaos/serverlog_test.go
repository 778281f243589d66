package main

import (
	"strings"
	"testing"
)

// sessions are the beginning of a server's log, as PostgreSQL 15 writes it: 101 and 102 are the clinic's, 201 is ours and
// 301 somebody else's.
const sessions = `2026-11-22 19:45:30.100 UTC [101] LOG:  connection authorized: user=clinic_app database=clinic
2026-11-22 19:45:30.101 UTC [102] LOG:  connection authorized: user=clinic_app database=clinic
2026-11-22 19:45:30.102 UTC [201] LOG:  connection authorized: user=notifier_runtime database=clinic
2026-11-22 19:45:30.103 UTC [301] LOG:  connection authorized: user=postgres database=postgres
`

// waits is what is logged of a session that waits for a lock.
func waits(waiter, lock, holders string) string {
	return "2026-11-22 19:45:35.724 UTC [" + waiter + "] LOG:  process " + waiter + " still waiting for " + lock + " after 100.356 ms\n" +
		"2026-11-22 19:45:35.724 UTC [" + waiter + "] DETAIL:  Process" + plural(holders) + " holding the lock: " + holders +
		". Wait queue: " + waiter + ".\n" +
		"2026-11-22 19:45:35.724 UTC [" + waiter + "] CONTEXT:  while locking tuple (0,19) in relation \"doctors\"\n" +
		"2026-11-22 19:45:35.724 UTC [" + waiter + "] STATEMENT:  UPDATE doctors AS d SET \"isBusy\" = true\n" +
		"2026-11-22 19:45:35.744 UTC [" + waiter + "] LOG:  process " + waiter + " acquired " + lock + " after 120.001 ms\n"
}

func plural(list string) string {
	if strings.Contains(list, ",") {
		return "es"
	}
	return ""
}

func TestTheServersLogTellsWhoMadeTheClinicWait(t *testing.T) {
	const (
		row      = "ShareLock on transaction 3582"
		table    = "RowExclusiveLock on relation 16444 of database 16385"
		advisory = "ExclusiveLock on advisory lock [16385,1853122169,7,2]"
		commit   = "AccessExclusiveLock on object 0 of class 1262 of database 0"
		because  = "1 times the clinic waited for a lock because of us, first: "
	)
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nobody waits":                     {sessions, nil},
		"the clinic behind us":             {sessions + waits("101", row, "201"), []string{because + row + ", held by notifier_runtime"}},
		"the clinic behind us and itself":  {sessions + waits("101", table, "102, 201"), []string{because + table}},
		"the clinic behind itself":         {sessions + waits("101", row, "102"), nil},
		"the clinic behind somebody else":  {sessions + waits("101", table, "301"), nil},
		"we behind the clinic":             {sessions + waits("201", row, "101"), nil},
		"we behind us":                     {sessions + waits("201", row, "201"), nil},
		"NOTIFY: behind us":                {sessions + waits("101", commit, "201"), []string{because + commit}},
		"NOTIFY: behind another bell":      {sessions + waits("101", commit, "102"), []string{because + commit}},
		"NOTIFY: behind somebody else's":   {sessions + waits("101", commit, "301"), nil},
		"our advisory lock: behind itself": {sessions + waits("101", advisory, "102"), []string{because + advisory}},
		"our advisory lock: behind an administrator who changed something": {sessions + waits("101", advisory, "301"), []string{because + advisory}},
		"two at a time": {
			sessions + interleaved(waits("101", row, "102"), waits("102", table, "201")), []string{because + table},
		},
		"a process id is used again": {
			sessions + strings.ReplaceAll(sessions, "[201]", "[102]") + waits("101", row, "102"), []string{because + row},
		},
		"a deadlock": {sessions + `2026-11-22 19:45:35.724 UTC [102] ERROR:  deadlock detected
2026-11-22 19:45:35.724 UTC [102] DETAIL:  Process 102 waits for ShareLock on transaction 771; blocked by process 201.
	Process 201 waits for ShareLock on transaction 772; blocked by process 102.
`, []string{"1 deadlocks"}},
		"nobody is known": {
			"",
			[]string{"the servers' logs tell of no connection of clinic_app", "the servers' logs tell of no connection of notifier_runtime"},
		},
		"only the clinic is known": {
			strings.ReplaceAll(sessions, "notifier_runtime", "clinic"),
			[]string{"the servers' logs tell of no connection of notifier_runtime"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerdict(allowance{})
			v.judgeServerLogs(test.text)
			wantFaults(t, v.faults, test.want...)
		})
	}
}

// interleaved takes a line from each in turn.
func interleaved(a, b string) string {
	var merged strings.Builder
	first, second := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for i := range first {
		merged.WriteString(first[i] + second[i])
	}
	return merged.String()
}

func TestEitherServersLogCounts(t *testing.T) {
	v := newVerdict(allowance{})
	v.judgeServerLogs(sessions, sessions+waits("101", "ShareLock on transaction 3582", "201"))
	wantFaults(t, v.faults, "1 times the clinic waited")
}
