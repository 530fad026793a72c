package messenger_test

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/messenger"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		text                        string
		characters, units, segments int
		encoding                    string
		unicode                     rune
	}{
		{"", 0, 0, 0, "GSM-7", 0},
		{"Dein Code: 123456", 17, 17, 1, "GSM-7", 0},
		{"Größe für 3 €", 13, 14, 1, "GSM-7", 0},
		{x(160), 160, 160, 1, "GSM-7", 0},
		{x(161), 161, 161, 2, "GSM-7", 0},
		{x(306), 306, 306, 2, "GSM-7", 0},
		{x(307), 307, 307, 3, "GSM-7", 0},
		// The bracket takes two septets and is not cut: it begins the second segment.
		{x(152) + "[" + x(152), 305, 306, 3, "GSM-7", 0},
		{x(151) + "[" + x(153), 305, 306, 2, "GSM-7", 0},
		{"You’re in", 9, 9, 1, "Unicode", '’'},
		{"ç", 1, 1, 1, "Unicode", 'ç'}, // only the capital one is in the alphabet
		{"Ж" + x(69), 70, 70, 1, "Unicode", 'Ж'},
		{"Ж" + x(70), 71, 71, 2, "Unicode", 'Ж'},
		{"Ж" + x(133), 134, 134, 2, "Unicode", 'Ж'},
		{"Ж" + x(134), 135, 135, 3, "Unicode", 'Ж'},
		// Two units that are one character are not cut, either.
		{"Ж" + x(65) + "😀" + x(65), 132, 133, 2, "Unicode", 'Ж'},
		{"Ж" + x(65) + "😀" + x(66), 133, 134, 3, "Unicode", 'Ж'},
		{strings.Repeat("😀", 35), 35, 70, 1, "Unicode", '😀'},
		{"\xff", 1, 1, 1, "Unicode", '�'},
	} {
		got := messenger.Segments(c.text)
		if got.Characters != c.characters || got.Units != c.units || got.Segments != c.segments || got.Encoding() != c.encoding || got.Unicode != c.unicode {
			t.Errorf("%.20q… (%d bytes): %+v %s, want %+v", c.text, len(c.text), got, got.Encoding(), c)
		}
	}
}
