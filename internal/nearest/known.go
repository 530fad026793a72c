package nearest

import (
	"strconv"
	"strings"
)

// Known is the sentence that lists what there is, in quotes: There are "a", "b" and "c". Without anything it is empty.
func Known[T ~string](all []T) string {
	quoted := make([]string, len(all))
	for i, one := range all {
		quoted[i] = strconv.Quote(string(one))
	}
	switch last := len(quoted) - 1; last {
	case -1:
		return ""
	case 0:
		return "There is only " + quoted[0] + "."
	default:
		return "There are " + strings.Join(quoted[:last], ", ") + " and " + quoted[last] + "."
	}
}
