package twofactor

import "github.com/herald-events/herald/internal/problem"

func validation() *problem.Validation { return &problem.Validation{} }
