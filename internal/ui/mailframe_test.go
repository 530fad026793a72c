package ui

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestMailFrame(t *testing.T) {
	t.Parallel()
	data := regexp.MustCompile(`data:text/css;charset=utf-8;base64,([A-Za-z0-9+/=]*)`)
	for _, c := range []struct {
		mail, want string
		pictures   int
	}{
		{`<p>Your code is <b>1</b></p>`, `<p>Your code is <b>1</b></p>`, 0},
		{`a<script>alert(1)</script>b`, `ab`, 0},
		{`a<svg><svg onload=x></svg><script>1</script></svg>b`, `ab`, 0},
		{`<p onclick="x()" class="c">a</p>`, `<p class="c">a</p>`, 0},
		{`<a href="javascript:alert(1)">a</a>`, `<a href="#" title="javascript:alert(1)">a</a>`, 0},
		{`<img src="https://x.example/a.png" srcset="b 2x" alt="Logo">`, `<img alt="Logo">`, 1},
		{`<img src="data:image/png;base64,AA==">`, `<img src="data:image/png;base64,AA==">`, 0},
		{`<body background="https://x.example/"><base href=x><meta http-equiv=refresh content=0><form action=x>a</form>`, `<body>a`, 0},
		{`<style>p{background:url(https://x.example/a)}@import "x";</style>`, `<link rel="stylesheet" href="[p{background:none}none]">`, 0},
		{`<p style="color: red; background: URL( 'x' )">a</p>`, `<p data-style="1">a</p><link rel="stylesheet" href="[[data-style="1"]:not(#a#a){color: red; background: none}` + "\n" + `]">`, 0},
		{`<p style="}*{color:red">a</p>`, `<p data-style="1">a</p><link rel="stylesheet" href="[[data-style="1"]:not(#a#a){ * color:red}` + "\n" + `]">`, 0},
		{`<iframe src=x></iframe><!-- c -->1 &lt; 2`, `1 &lt; 2`, 0},
		{`<script>never closed <p>`, ``, 0},
	} {
		shown, pictures := mailFrame(c.mail)
		got := data.ReplaceAllStringFunc(shown, func(found string) string {
			css, err := base64.StdEncoding.DecodeString(found[strings.LastIndex(found, ",")+1:])
			if err != nil {
				t.Error(err)
			}
			return "[" + string(css) + "]"
		})
		if got != c.want || pictures != c.pictures {
			t.Errorf("%s\n%s (%d pictures), want\n%s (%d)", c.mail, got, pictures, c.want, c.pictures)
		}
	}
}
