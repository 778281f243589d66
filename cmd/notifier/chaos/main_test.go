package main

import (
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
