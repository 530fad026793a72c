package ftl

import (
	"math/big"
	"strings"
)

var numberBuiltins = map[string]*builtin{
	"abs": ofNumber(0, 0, func(_ evaluation, n number) value {
		if n.sign() < 0 {
			return n.negated()
		}
		return n
	}),
	"round": ofNumber(0, 0, func(_ evaluation, n number) value { // halves up, those of negative numbers too
		return decimal(n.plus(number{small: 5, scale: 1}).at(0, floor), 0)
	}),
	"floor":   ofNumber(0, 0, func(_ evaluation, n number) value { return decimal(n.at(0, floor), 0) }),
	"ceiling": ofNumber(0, 0, func(_ evaluation, n number) value { return decimal(n.at(0, ceiling), 0) }),
	"int":     ofNumber(0, 0, func(_ evaluation, n number) value { return wrapped(n.integer(), 32) }),
	"short":   ofNumber(0, 0, func(_ evaluation, n number) value { return wrapped(n.integer(), 16) }),
	"byte":    ofNumber(0, 0, func(_ evaluation, n number) value { return wrapped(n.integer(), 8) }),
	"long": ofAny(0, 0, func(c evaluation, v value) value {
		if t, is := v.(instant); is {
			return number{small: t.UnixMilli()}
		}
		return wrapped(c.env.number(c.x.of).integer(), 64)
	}),
	"double": ofNumber(0, 0, func(_ evaluation, n number) value { return n }),
	"float":  ofNumber(0, 0, func(_ evaluation, n number) value { return n }),
	"lower_abc": ofNumber(0, 0, func(c evaluation, n number) value {
		return c.letters(n)
	}),
	"upper_abc": ofNumber(0, 0, func(c evaluation, n number) value {
		return strings.ToUpper(c.letters(n))
	}),
}

// wrapped is a number cut to so many bits, as Java does.
func wrapped(i *big.Int, bits uint) value {
	modulus := new(big.Int).Lsh(big.NewInt(1), bits)
	i = new(big.Int).Mod(i, modulus)
	if i.Bit(int(bits-1)) == 1 {
		i.Sub(i, modulus)
	}
	return decimal(i, 0)
}

// letters counts as columns of a spreadsheet are: a to z, aa, ab.
func (c evaluation) letters(n number) string {
	i := c.whole(n, c.x.at)
	if i < 1 || !n.isWhole() {
		c.fail("", "?%s needs a whole number from 1 on, not %s", c.x.name, n)
	}
	text := ""
	for ; i > 0; i = (i - 1) / 26 {
		text = string(rune('a'+(i-1)%26)) + text
	}
	return text
}
