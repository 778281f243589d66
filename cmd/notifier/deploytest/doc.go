// Package deploytest holds what lies in deploy/ together with the daemon: the dashboard and the alerts against a real Prometheus that scrapes a real
// daemon with traffic, the alerts' own tests, and the documents. There is nothing here but tests.
package deploytest
