// Package nearest finds what somebody meant who mistyped a name, for "did you mean".
package nearest

import "strings"

// longest is the length in bytes up to which a name is compared; nothing it could be meant for is longer.
const longest = 64

// Name returns the candidate that differs least from name, the first of several, and "" when none is near enough to be meant. Case, dots,
// hyphens, underscores, blanks and brackets do not count: databaseUrl is near database-url, UserCreate near user.create.
func Name[T ~string](name string, candidates []T) T {
	given := letters(name)
	if len(given) == 0 || len(given) > longest {
		return ""
	}
	var best T
	// One slip in four letters is still a slip, a short name may have two letters swapped, and something must be left of it.
	least := min(len(given)-1, max(2, len(given)/4)) + 1
	for _, c := range candidates {
		if d := distance(given, letters(string(c))); d < least {
			best, least = c, d
		}
	}
	return best
}

var separators = strings.NewReplacer(".", "", "-", "", "_", "", " ", "", "(", "", ")", "")

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
