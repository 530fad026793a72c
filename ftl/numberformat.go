package ftl

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// numberFormat is a pattern such as #,##0.00, with the meaning that java.text.DecimalFormat gives it.
type numberFormat struct {
	prefix, suffix                 string // of positive numbers, and of negative ones unless they have their own
	negativePrefix, negativeSuffix string
	hasNegative                    bool
	shift                          int // 2 for percent, 3 for per mille
	grouping                       int // digits between separators, 0: none
	minInteger                     int
	minFraction, maxFraction       int
	alwaysPoint                    bool
	money                          bool // it has the sign of the currency
}

var (
	defaultFormat  = numberFormat{grouping: 3, minInteger: 1, maxFraction: 3}
	computerFormat = numberFormat{minInteger: 1, maxFraction: 16}
)

// What in a prefix or suffix depends on the locale, as a character that no pattern has.
const (
	percentSign  = "\x01"
	perMilleSign = "\x02"
	currencySign = "\x03"
	minusSign    = "\x04"
)

// parseNumberFormat reads a pattern. What is wrong with it is not empty if it is none.
func parseNumberFormat(pattern string) (f numberFormat, wrong string) {
	if len(pattern) > longestFormat {
		return f, "it is too long"
	}
	rest := pattern
	var body string
	if f.prefix, rest, wrong = f.affix(rest); wrong != "" {
		return f, wrong
	}
	end := strings.IndexFunc(rest, func(c rune) bool { return !strings.ContainsRune("#0,.", c) })
	if end < 0 {
		end = len(rest)
	}
	body, rest = rest[:end], rest[end:]
	if body == "" && pattern != "" {
		return f, "it has no digits: 0 or #"
	}
	if strings.HasPrefix(rest, "E") {
		return f, "exponents are not supported"
	}
	if wrong = f.digits(body); wrong != "" {
		return f, wrong
	}
	if f.suffix, rest, wrong = f.affix(rest); wrong != "" {
		return f, wrong
	}
	if rest == "" {
		return f, ""
	}
	if rest[0] != ';' {
		return f, "digits stand in two places"
	}
	if strings.HasPrefix(rest, ";;") {
		return f, "options behind ;; are not supported"
	}
	f.hasNegative = true
	if f.negativePrefix, rest, wrong = f.affix(rest[1:]); wrong != "" {
		return f, wrong
	}
	rest = strings.TrimLeft(rest, "#0,.")
	f.negativeSuffix, rest, wrong = f.affix(rest)
	if rest != "" {
		wrong = "the part for negative numbers has digits in two places"
	}
	if f.negativePrefix == f.prefix && f.negativeSuffix == f.suffix {
		f.hasNegative = false
	}
	return f, wrong
}

// affix reads what stands before or behind the digits.
func (f *numberFormat) affix(pattern string) (affix, rest, wrong string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(pattern); {
		c, size := utf8.DecodeRuneInString(pattern[i:])
		i += size
		switch {
		case c == '\'' && strings.HasPrefix(pattern[i:], "'"):
			b.WriteByte('\'')
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
			b.WriteRune(c)
		case strings.ContainsRune("#0,.;", c):
			return b.String(), pattern[i-size:], ""
		case c == '%':
			f.shift = 2
			b.WriteString(percentSign)
		case c == '‰':
			f.shift = 3
			b.WriteString(perMilleSign)
		case c == '¤':
			f.money = true
			b.WriteString(currencySign)
		case c == '-':
			b.WriteString(minusSign)
		default:
			b.WriteRune(c)
		}
	}
	if quoted {
		return "", "", "a quote is never closed"
	}
	return b.String(), "", ""
}

// digits reads the part with the digits, as DecimalFormat.applyPattern does.
func (f *numberFormat) digits(body string) (wrong string) {
	left, zeros, right, point := 0, 0, 0, -1
	group := -1
	for _, c := range body {
		switch c {
		case '#':
			if zeros > 0 {
				right++
			} else {
				left++
			}
		case '0':
			if right > 0 {
				return "a 0 cannot stand behind a # there"
			}
			zeros++
		case ',':
			group = 0
			continue
		case '.':
			if point >= 0 {
				return "it has two points"
			}
			point = left + zeros + right
			continue
		}
		if group >= 0 && point < 0 {
			group++
		}
	}
	if point >= 0 && zeros == 0 && left > 0 { // ###.### and .###
		n := max(point, 1)
		right = left - n
		left, zeros = n-1, 1
	}
	if point >= 0 && (point < left || point > left+zeros) || group == 0 {
		return "the digits are in no order that has a meaning"
	}
	total := left + zeros + right
	if point < 0 {
		f.minInteger = total - left
	} else {
		f.minInteger = point - left
		f.maxFraction = total - point
		f.minFraction = left + zeros - point
		f.alwaysPoint = point == total
	}
	if right > 0 && point < 0 {
		return "a # cannot stand behind a 0 there"
	}
	if total > 350 {
		return "it has too many digits"
	}
	f.grouping = max(group, 0)
	return ""
}

func (f *numberFormat) format(n number, l *locale) string {
	negative := n.sign() < 0
	n.scale -= f.shift
	integer, fraction := f.decimals(n)
	for len(fraction) > f.minFraction && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	if missing := f.minInteger - len(integer); missing > 0 {
		integer = strings.Repeat("0", missing) + integer
	}
	if integer == "" && fraction == "" {
		integer = "0"
	}
	point, group := l.decimal, l.group
	if f.money {
		point, group = l.moneyDecimal, l.moneyGroup
	}
	var b strings.Builder
	prefix, suffix := f.prefix, f.suffix
	if negative && f.hasNegative {
		prefix, suffix = f.negativePrefix, f.negativeSuffix
	} else if negative {
		b.WriteString(l.minus)
	}
	b.WriteString(l.affix(prefix))
	for i := range len(integer) {
		if left := len(integer) - i; i > 0 && f.grouping > 0 && left%f.grouping == 0 {
			b.WriteString(group)
		}
		b.WriteString(l.digit(integer[i]))
	}
	if fraction != "" || f.alwaysPoint {
		b.WriteString(point)
	}
	for i := range len(fraction) {
		b.WriteString(l.digit(fraction[i]))
	}
	b.WriteString(l.affix(suffix))
	return b.String()
}

// decimals are the digits of a number before and behind its point, without its sign.
func (f *numberFormat) decimals(n number) (integer, fraction string) {
	if n.large == nil && n.scale == 0 {
		return strings.TrimLeft(strconv.FormatInt(n.small, 10), "-0"), strings.Repeat("0", f.minFraction)
	}
	digits := strings.TrimPrefix(n.at(f.maxFraction, halfEven).Text(10), "-")
	if missing := f.maxFraction + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - f.maxFraction
	return strings.TrimLeft(digits[:point], "0"), digits[point:]
}
