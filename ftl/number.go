package ftl

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// number is a decimal number: small, or large when that is not nil, times 10 to the power of -scale. It is what java.math.BigDecimal is to FreeMarker: results are
// exact, except for quotients, which have twelve digits behind the point or as many as their operands have.
type number struct {
	small int64
	large *big.Int
	scale int
}

const (
	quotientScale = 12
	// maxNumberSize bounds numbers to about a thousand digits. Without a bound, a loop that squares a number needs all memory there is.
	maxNumberSize = 120
	// longestNumber is how long a text can be that is a number, in bytes.
	longestNumber = 1000
)

func whole(i int) number { return number{small: int64(i)} }

// decimal is the number of an unscaled value.
func decimal(unscaled *big.Int, scale int) number {
	if unscaled.IsInt64() {
		return number{small: unscaled.Int64(), scale: scale}
	}
	return number{large: unscaled, scale: scale}
}

// parseNumber reads a number as JSON and Java write them: -12.50e+3.
func parseNumber(s string) (number, bool) {
	if len(s) > longestNumber {
		return number{}, false
	}
	digits, exponent, hasExponent := strings.Cut(strings.ReplaceAll(s, "E", "e"), "e")
	scale := 0
	if hasExponent {
		e, err := strconv.Atoi(exponent)
		if err != nil || e < -1000 || e > 1000 {
			return number{}, false
		}
		scale = -e
	}
	if before, after, hasPoint := strings.Cut(digits, "."); hasPoint {
		digits = before + after
		scale += len(after)
	}
	n := number{scale: scale}
	var err error
	if n.small, err = strconv.ParseInt(digits, 10, 64); err != nil {
		unscaled, valid := new(big.Int).SetString(digits, 10)
		if !valid || strings.Trim(digits, "+-0123456789") != "" {
			return number{}, false
		}
		n = decimal(unscaled, scale)
	}
	return n, n.size() <= maxNumberSize
}

func mustNumber(s string) number {
	n, valid := parseNumber(s)
	if !valid {
		fail(0, Failed, "", "the model has a number that is none, or too large: %.40s", s)
	}
	return n
}

func (n number) unscaled() *big.Int {
	if n.large != nil {
		return n.large
	}
	return big.NewInt(n.small)
}

// size is how much there is to compute with.
func (n number) size() int {
	size := max(n.scale, -n.scale) / 16
	if n.large != nil {
		size += n.large.BitLen() / 64
	}
	return size
}

func (n number) sign() int {
	if n.large != nil {
		return n.large.Sign()
	}
	return int(n.small>>63) | int(uint64(-n.small)>>63)
}

func powerOfTen(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

type rounding int

const (
	down rounding = iota // towards zero
	halfUp
	halfEven
	floor
	ceiling
)

// at is the unscaled value at another scale.
func (n number) at(scale int, mode rounding) *big.Int {
	if scale >= n.scale {
		return new(big.Int).Mul(n.unscaled(), powerOfTen(scale-n.scale))
	}
	return divide(n.unscaled(), powerOfTen(n.scale-scale), mode)
}

func divide(dividend, divisor *big.Int, mode rounding) *big.Int {
	quotient, rest := new(big.Int).QuoRem(dividend, divisor, new(big.Int))
	sign := dividend.Sign() * divisor.Sign()
	away := false
	switch mode {
	case halfUp, halfEven:
		twice := rest.Lsh(rest, 1).CmpAbs(divisor)
		away = twice > 0 || twice == 0 && (mode == halfUp || quotient.Bit(0) == 1)
	case floor:
		away = rest.Sign() != 0 && sign < 0
	case ceiling:
		away = rest.Sign() != 0 && sign > 0
	}
	if away {
		quotient.Add(quotient, big.NewInt(int64(sign)))
	}
	return quotient
}

// integer is the number without what is behind its point.
func (n number) integer() *big.Int { return n.at(0, down) }

// isWhole tells whether there is nothing behind the point.
func (n number) isWhole() bool {
	return n.scale <= 0 || n.compare(decimal(n.integer(), 0)) == 0
}

func (n number) negated() number {
	if n.large == nil && n.small != math.MinInt64 {
		n.small = -n.small
		return n
	}
	return decimal(new(big.Int).Neg(n.unscaled()), n.scale)
}

func (n number) plus(m number) number {
	if n.large == nil && m.large == nil && n.scale == m.scale {
		if sum := n.small + m.small; (sum > n.small) == (m.small > 0) {
			return number{small: sum, scale: n.scale}
		}
	}
	scale := max(n.scale, m.scale)
	return decimal(new(big.Int).Add(n.at(scale, down), m.at(scale, down)), scale)
}

func (n number) minus(m number) number { return n.plus(m.negated()) }

func (n number) times(m number) number {
	var product number
	high, low := bits.Mul64(uint64(max(n.small, -n.small)), uint64(max(m.small, -m.small)))
	if n.large == nil && m.large == nil && high == 0 && low < math.MaxInt64 && n.small != math.MinInt64 && m.small != math.MinInt64 {
		product = number{small: n.small * m.small, scale: n.scale + m.scale}
	} else {
		product = decimal(new(big.Int).Mul(n.unscaled(), m.unscaled()), n.scale+m.scale)
	}
	if product.scale > quotientScale {
		return decimal(product.at(quotientScale, halfUp), quotientScale)
	}
	return product
}

func (n number) dividedBy(m number) number {
	scale := max(n.scale, m.scale, quotientScale)
	// n/m at that scale is n.unscaled * 10^(scale - n.scale + m.scale) / m.unscaled.
	dividend, divisor := n.unscaled(), m.unscaled()
	if shift := scale - n.scale + m.scale; shift >= 0 {
		dividend = new(big.Int).Mul(dividend, powerOfTen(shift))
	} else {
		divisor = new(big.Int).Mul(divisor, powerOfTen(-shift))
	}
	return decimal(divide(dividend, divisor, halfUp), scale)
}

func (n number) modulo(m number) number {
	return decimal(new(big.Int).Rem(n.integer(), m.integer()), 0)
}

func (n number) compare(m number) int {
	if n.large == nil && m.large == nil && n.scale == m.scale {
		switch {
		case n.small < m.small:
			return -1
		case n.small > m.small:
			return 1
		}
		return 0
	}
	scale := max(n.scale, m.scale)
	return n.at(scale, down).Cmp(m.at(scale, down))
}

// String writes the number for computers: no grouping, no zeros at the end, at most sixteen digits behind the point.
func (n number) String() string {
	if n.large == nil && n.scale == 0 {
		return strconv.FormatInt(n.small, 10)
	}
	return computerFormat.format(n, rootLocale)
}
