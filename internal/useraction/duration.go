package useraction

import (
	"fmt"
	"math"
	"strings"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// units are what durations are told in, in milliseconds, the longest first. Months and years are those of the calendar on average.
var units = []float64{year, year / 12, 7 * day, day, hour, minute, second}

const (
	second = 1000.0
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
	year   = 365.25 * day
)

// unitNames has the names of the units by language: of one, and of several. All of these languages count like English.
var unitNames = map[string]string{
	"en": "year years, month months, week weeks, day days, hour hours, minute minutes, second seconds",
	"de": "Jahr Jahre, Monat Monate, Woche Wochen, Tag Tage, Stunde Stunden, Minute Minuten, Sekunde Sekunden",
	"es": "año años, mes meses, semana semanas, día días, hora horas, minuto minutos, segundo segundos",
	"fr": "an ans, mois mois, semaine semaines, jour jours, heure heures, minute minutes, seconde secondes",
	"it": "anno anni, mese mesi, settimana settimane, giorno giorni, ora ore, minuto minuti, secondo secondi",
	"nl": "jaar jaar, maand maanden, week weken, dag dagen, uur uur, minuut minuten, seconde seconden",
	"pt": "ano anos, mês meses, semana semanas, dia dias, hora horas, minuto minutos, segundo segundos",
}

// tolerance is how far what is told may be from the truth: an end that a client has counted from its own clock, a moment ago, is "2 days" all the
// same, and 365 days are a year.
const tolerance = 0.02

// localizedDuration says for people how long it is until an action ends, in the best of their languages, else in English: "2 days". It takes the longest
// unit that is right within the tolerance. It is "" for an action without an end, and for one that has ended.
func localizedDuration(now, expiry wire.Instant, languages []string) string {
	if expiry <= now || expiry == wire.Forever {
		return ""
	}
	left := max(float64(expiry-now), second) // no less is told
	names := strings.Split(template.Localized(unitNames, languages, unitNames["en"]), ", ")
	for i, unit := range units {
		n := math.Round(left / unit)
		if n < 1 || math.Abs(left-n*unit) > tolerance*left && unit != second {
			continue
		}
		name, several, _ := strings.Cut(names[i], " ")
		if n > 1 {
			name = several
		}
		return fmt.Sprintf("%.0f %s", n, name)
	}
	return ""
}
