package rig

import "testing"

func TestNumbersHaveAboutThreeDigits(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{1234.5: "1234", 99.96: "100", 31.44: "31.4", 10: "10", 1.405: "1.41", 0.5: "0.5", 2: "2", 0: "0"} {
		if got := Number(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}
