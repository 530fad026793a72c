package uitest

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// axe-core finds what keeps people with other eyes and hands than ours from using a page. testdata/axe.LICENSE is its license.
//
//go:embed testdata/axe.min.js
var axeCore string

// rules are the groups of rules that no page may break: WCAG 2.2 AA, and what experience has added.
const rules = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`

// rulesOfColour are those that depend on colours.
const rulesOfColour = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`

// screen is a size of the page in CSS pixels.
type screen struct {
	name          string
	width, height int
	mobile        bool
}

type scheme string

var (
	wide  = screen{"wide", 1280, 900, false}
	phone = screen{"phone", 390, 844, true}
)

const (
	light scheme = "light"
	dark  scheme = "dark"
)

// look changes the screen and the colours that people prefer.
func (p *Page) look(s screen, colours scheme) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		var options []chromedp.EmulateViewportOption
		if s.mobile {
			options = append(options, chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(s.width), int64(s.height), options...)); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: string(colours)},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // so that nothing is looked at while it moves
		}})
		return err
	})
	p.settle()
}

// Phone makes the page as small as on a phone, until Wide.
func (p *Page) Phone() *Page {
	p.t.Helper()
	p.look(phone, light)
	return p
}

// Wide makes the page as wide as at a desk, which it is from the beginning.
func (p *Page) Wide() *Page {
	p.t.Helper()
	p.look(wide, light)
	return p
}

// Axe reports everything on the page, as it is now, that axe-core finds fault with.
func (p *Page) Axe() *Page {
	p.t.Helper()
	p.inspect("", rules)
	return p
}

func (p *Page) inspect(look, rules string) {
	p.t.Helper()
	var there bool
	p.until("axe", []string{"axeThere()"}, &there)
	if !there { // a policy that forbids scripts of others does not concern what the browser's own tools evaluate
		p.Eval(axeCore+"; 0", nil)
	}
	var found []string
	p.until("axe", []string{"axe(" + rules + ")"}, &found)
	for _, one := range found {
		p.t.Errorf("%saxe: %s", look, one)
	}
}

// Looks reports what is wrong with the page in each of its looks, wide and on a phone, light and dark: what axe-core finds, and whether it can be
// scrolled sideways. Where the environment variable SCREENSHOTS names a folder, a picture of each is stored there as name-wide-light.png and so
// on; with an empty name there are none.
func (p *Page) Looks(name string) *Page {
	p.t.Helper()
	for _, s := range []screen{wide, phone} {
		for _, colours := range []scheme{light, dark} {
			p.look(s, colours)
			look := s.name + "-" + string(colours)
			if colours == dark {
				p.inspect(look+": ", rulesOfColour)
			} else { // what does not depend on colours is looked at once
				p.inspect(look+": ", rules)
				p.fits(look, s)
			}
			if folder := os.Getenv("SCREENSHOTS"); folder != "" && name != "" {
				p.Screenshot(filepath.Join(folder, name+"-"+look+".png"))
			}
		}
	}
	p.look(wide, light)
	return p
}

// Glance is the short form of [Page.Looks]: wide and light, then on a phone in the dark, with all of axe-core's rules. The times on the page are as
// long as they can be from then on.
func (p *Page) Glance() *Page {
	p.t.Helper()
	p.until("widest", []string{"widest()"}, nil)
	for _, seen := range []struct {
		screen
		scheme
	}{{wide, light}, {phone, dark}} {
		p.look(seen.screen, seen.scheme)
		look := seen.name + "-" + string(seen.scheme)
		p.inspect(look+": ", rules)
		p.fits(look, seen.screen)
	}
	p.look(wide, light)
	return p
}

// Fits is the part of [Page.Looks] that depends on what the page shows: whether it can be scrolled sideways, wide and on a phone, and what axe-core
// finds in one of its looks. It takes a third of the time. The times on the page are as long as they can be from then on.
func (p *Page) Fits() *Page {
	p.t.Helper()
	p.until("widest", []string{"widest()"}, nil)
	for _, s := range []screen{phone, wide} {
		p.look(s, light)
		p.fits(s.name+"-"+string(light), s)
	}
	p.inspect("", rules)
	return p
}

func (p *Page) fits(look string, s screen) {
	p.t.Helper()
	var over []string
	p.until("overflow", []string{fmt.Sprintf("overflow(%d)", s.width)}, &over)
	for _, one := range over {
		p.t.Errorf("%s: wider than the screen: %s", look, one)
	}
}

// Screenshot stores a picture of the whole page, also of what is below the screen, as PNG.
func (p *Page) Screenshot(file string) *Page {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			return err
		}
		if shot, err = small(shot); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, shot, 0o644)
	})
	return p
}

// small is the same picture with at most 256 colours, which text and lines do not miss, and takes a third of the bytes.
func small(picture []byte) ([]byte, error) {
	from, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	box := from.Bounds()
	at := func(x, y int) color.RGBA {
		r, g, b, _ := from.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	}
	count := map[color.RGBA]int{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	palette, index := fewer(count)
	to := image.NewPaletted(box, palette)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			to.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, to)
	return out.Bytes(), err
}

// fewer is a palette of at most 256 colours, and which of them stands for each that is used. Colours that are alike share the one of them that is
// used most, so that a word in red stays red on a page of grey.
func fewer(count map[color.RGBA]int) (color.Palette, map[color.RGBA]uint8) {
	all := slices.Collect(maps.Keys(count))
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	for bits := 0; ; bits++ { // how many of each colour's lowest bits do not tell it from others; with 6, 64 colours are left
		var palette color.Palette
		groups, index := map[color.RGBA]uint8{}, make(map[color.RGBA]uint8, len(all))
		for _, c := range all {
			group := color.RGBA{c.R >> bits, c.G >> bits, c.B >> bits, 255}
			i, known := groups[group]
			if !known {
				i = uint8(len(palette))
				groups[group], palette = i, append(palette, c)
			}
			index[c] = i
		}
		if len(palette) <= 256 {
			return palette, index
		}
	}
}
