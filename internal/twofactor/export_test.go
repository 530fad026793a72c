package twofactor

import (
	"time"

	"github.com/herald-events/herald/internal/problem"
)

func validation() *problem.Validation { return &problem.Validation{} }

// AppCode is what an authenticator with the default settings shows.
func AppCode(secret []byte, at time.Time) string {
	app := totpOf(nil)
	return app.code(secret, app.counter(at))
}
