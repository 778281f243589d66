// Package e2e tests notifier from the outside: the real program, a real PostgreSQL, real sockets.
package e2e
