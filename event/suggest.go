package event

import "strings"

// longestGuess is the length up to which a misspelled name is compared with the catalogue; the longest type is much shorter.
const longestGuess = 64

// Suggest returns the type whose name is nearest to name, for "did you mean". Case, dots, hyphens and underscores do not count, so the
// constant names of FusionAuth's clients (UserCreate) find their type. It returns "" when no type is close.
func Suggest(name string) Type {
	if len(name) > longestGuess {
		return ""
	}
	given := letters(name)
	var best Type
	nearest := max(2, len(given)/4) + 1 // one slip in four letters is still a slip, and a short name may have its letters swapped
	for _, d := range catalogue {
		if n := distance(given, letters(string(d.Type))); n < nearest {
			best, nearest = d.Type, n
		}
	}
	return best
}

var separators = strings.NewReplacer(".", "", "-", "", "_", "", " ", "")

func letters(name string) string { return separators.Replace(strings.ToLower(name)) }

// distance is the number of bytes to insert, delete or replace to turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from the part of a read so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
