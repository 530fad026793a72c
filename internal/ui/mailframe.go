package ui

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// mailPolicy is the policy of the pages that show an e-mail. A frame whose content comes with the page inherits the page's policy, and e-mails bring styles:
// mailFrame makes stylesheets of them that are data.
var mailPolicy = strings.Replace(policy, "style-src 'self'", "style-src 'self' data:", 1)

// showsMail is for the handlers of such pages.
func (v *visit) showsMail() { v.w.Header().Set("Content-Security-Policy", mailPolicy) }

// Elements of which nothing is left, and those of which the tags go and the content stays.
var (
	dropped   = []string{"script", "iframe", "object", "embed", "applet", "noscript", "template", "svg", "math", "audio", "video", "frameset", "title", "textarea", "select"}
	unwrapped = []string{"form", "input", "button", "link", "base", "meta", "frame", "param", "source", "track", "portal"}
)

// mailFrame is an e-mail as a sandboxed frame may show it: without scripts, forms and whatever would be loaded from elsewhere. Links lead nowhere; their
// addresses are in their titles. Styles become sheets of their own, those of single elements behind the others and stronger than they are, as they are by nature.
// It also returns how many pictures were left out.
func mailFrame(mail string) (shown string, pictures int) {
	var out, styles strings.Builder
	z := html.NewTokenizer(strings.NewReader(mail))
	within, depth, styled := "", 0, 0 // the element that is dropped, and how deep in others of its name
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		t := z.Token()
		if within != "" {
			switch {
			case t.Data == within && kind == html.StartTagToken:
				depth++
			case t.Data == within && kind == html.EndTagToken:
				depth--
			}
			if depth == 0 {
				within = ""
			}
			continue
		}
		switch kind {
		case html.TextToken, html.DoctypeToken:
			out.WriteString(t.String())
			continue
		case html.CommentToken:
			continue
		}
		switch {
		case t.Data == "style" && kind == html.StartTagToken:
			if z.Next() == html.TextToken {
				out.WriteString(sheet(z.Token().Data))
			}
			continue
		case t.Data == "style" || slices.Contains(unwrapped, t.Data):
			continue
		case slices.Contains(dropped, t.Data):
			if kind == html.StartTagToken {
				within, depth = t.Data, 1
			}
			continue
		}
		if kind != html.EndTagToken {
			attributes := t.Attr
			t.Attr = nil
			for _, a := range attributes {
				switch {
				case a.Key == "style":
					styled++
					t.Attr = append(t.Attr, html.Attribute{Key: "data-style", Val: fmt.Sprint(styled)})
					// The part that matches nothing has the weight of two ids, so that no rule of a sheet wins.
					fmt.Fprintf(&styles, "[data-style=\"%d\"]:not(#a#a){%s}\n", styled, strings.NewReplacer("{", " ", "}", " ").Replace(localCSS(a.Val)))
				case a.Key == "href" && t.Data == "a":
					t.Attr = append(t.Attr, html.Attribute{Key: "href", Val: "#"}, html.Attribute{Key: "title", Val: a.Val})
				case a.Key == "src" && t.Data == "img" && strings.HasPrefix(a.Val, "data:image/"):
					t.Attr = append(t.Attr, a)
				case a.Key == "src" && t.Data == "img":
					pictures++
				case slices.Contains(kept, a.Key):
					t.Attr = append(t.Attr, a)
				}
			}
		}
		out.WriteString(t.String())
	}
	if styled > 0 {
		out.WriteString(sheet(styles.String()))
	}
	return out.String(), pictures
}

// kept are the attributes that do nothing but say how something looks.
var kept = []string{
	"align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color", "cols", "colspan", "dir", "face", "height", "id", "lang", "rows", "rowspan", "role",
	"size", "start", "type", "valign", "width",
}

var remoteCSS = regexp.MustCompile(`(?i)@import[^;]*;?|(?:url|image-set|src)\s*\([^)]*\)?`)

// localCSS is a style without what it would load.
func localCSS(style string) string { return remoteCSS.ReplaceAllString(style, "none") }

func sheet(style string) string {
	return `<link rel="stylesheet" href="data:text/css;charset=utf-8;base64,` + base64.StdEncoding.EncodeToString([]byte(localCSS(style))) + `">`
}

// The mail is shown on white, as most programs for mail do, whatever the page around it looks like.
const mailGround = `<meta name="color-scheme" content="light">`

func mailDocument(mail string) (shown string, pictures int) {
	shown, pictures = mailFrame(mail)
	return mailGround + shown, pictures
}
