package ftl

import (
	"iter"
	"strings"
	"unicode"
)

// White-space stripping. A line that has nothing but tags and white space is not written: neither the space before the first of its tags nor the line break
// behind the last. Interpolations are no tags. [#t], [#lt] and [#rt] trim their line whatever is in it, [#nt] keeps it.
//
// This follows FreeMarker's own rules step by step, oddities included: texts are looked at in the order of the template, each sees what has become of the
// ones before it, and the first text of a template keeps the spaces that stand before a tag.

// cleanUp strips the texts within a part, then drops those that have become empty.
func (p *parser) cleanUp(t *treePart) {
	for _, child := range t.children {
		p.trim(child)
		p.cleanUp(child)
	}
	var kept []*treePart
	for i, child := range t.children {
		var before, behind *treePart
		if len(kept) > 0 {
			before = kept[len(kept)-1]
		}
		if i+1 < len(t.children) {
			behind = t.children[i+1]
		}
		if !child.ignorable(p.strip, before, behind) {
			kept = append(kept, child)
		}
	}
	t.children = kept
	for i, child := range kept {
		child.index = i
	}
}

// trim does what [#t] and its kin want, and with strip takes away what belongs to lines of tags.
func (p *parser) trim(t *treePart) {
	if t.kind != textPart || t.text.text == "" {
		return
	}
	left, right := p.trimLeft(t), p.trimRight(t)
	if !p.strip || t.topLevel() && t.previous() == nil {
		return
	}
	opening, trailing := 0, 0
	text := t.text.text
	if !left {
		trailing = p.trailing(t)
	}
	if !right {
		opening = p.opening(t)
	}
	if opening+trailing == 0 {
		return
	}
	t.text.text = text[opening:max(opening, len(text)-trailing)]
	if opening > 0 {
		t.firstLine++
		t.atLineStart = true
	}
}

// opening is how many bytes at the beginning are the rest of a line of tags.
func (p *parser) opening(t *treePart) int {
	text := t.text.text
	end := strings.IndexAny(text, "\r\n") + 1
	if end == 0 && !t.atLineStart {
		return 0
	}
	if end > 0 && strings.HasPrefix(text[end-1:], "\r\n") {
		end++
	}
	if !blank(text[:end]) {
		return 0
	}
	for other := range p.leavesBefore(t) {
		if other.heedsBehind() {
			return 0
		}
	}
	return end
}

// trailing is how many bytes at the end are the beginning of a line of tags.
func (p *parser) trailing(t *treePart) int {
	text := t.text.text
	last := strings.LastIndexAny(text, "\r\n") + 1
	if last == 0 && !t.atLineStart || !blank(text[last:]) {
		return 0
	}
	for other := range p.leavesBehind(t) {
		if other.heedsBefore() {
			return 0
		}
	}
	return len(text) - last
}

// trimLeft does what [#t], [#lt] and [#nt] further on in the last line of the text want of its beginning, and tells whether there is one.
func (p *parser) trimLeft(t *treePart) (is bool) {
	for other := range p.leavesBehind(t) {
		n, isTrim := other.node.(*trimNode)
		if !isTrim {
			continue
		}
		is = is || n.left || !n.right
		text := t.text.text
		if last := strings.LastIndexAny(text, "\r\n") + 1; n.left && (last > 0 || t.atLineStart) {
			t.text.text = text[:last] + strings.TrimLeftFunc(text[last:], isWhite)
		}
	}
	return is
}

// trimRight is the like for those further back in the first line.
func (p *parser) trimRight(t *treePart) (is bool) {
	for other := range p.leavesBefore(t) {
		n, isTrim := other.node.(*trimNode)
		if !isTrim {
			continue
		}
		is = is || n.right || !n.left
		if !n.right {
			continue
		}
		text := t.text.text
		end := strings.IndexAny(text, "\r\n") + 1
		if end == 0 {
			return false
		}
		if strings.HasPrefix(text[end-1:], "\r\n") {
			end++
		}
		first, rest := text[:end], text[end:]
		if blank(first) {
			t.text.text = rest
			t.firstLine++
			t.atLineStart = true
			continue
		}
		if blank(rest) && p.trimsRest(t) {
			rest = ""
		}
		t.text.text = strings.TrimRightFunc(first, isWhite) + rest
	}
	return is
}

// trimsRest tells whether the blank last line of a text goes too, for there are only tags in it.
func (p *parser) trimsRest(t *treePart) bool {
	trims := true
	for other := range p.leavesBehind(t) {
		if n, is := other.node.(*trimNode); is && n.left {
			return true
		}
		if other.heedsBefore() {
			trims = false
		}
	}
	return trims
}

// leavesBefore are the parts without content that end in the line in which the part begins, from the nearest on.
func (p *parser) leavesBefore(t *treePart) iter.Seq[*treePart] {
	return func(yield func(*treePart) bool) {
		for other := t.leafBefore(); other != nil && other.lastLine == t.firstLine && p.looksAt(other) && yield(other); {
			other = other.leafBefore()
		}
	}
}

// leavesBehind are those that begin in the line in which it ends.
func (p *parser) leavesBehind(t *treePart) iter.Seq[*treePart] {
	return func(yield func(*treePart) bool) {
		for other := t.leafBehind(); other != nil && other.firstLine == t.lastLine && p.looksAt(other) && yield(other); {
			other = other.leafBehind()
		}
	}
}

// looksAt counts what is looked at: with thousands of tags in a line each of them would look at all others.
func (p *parser) looksAt(t *treePart) bool {
	p.scans--
	if t.text != nil {
		p.scans -= len(t.text.text) / 64
	}
	if p.scans < 0 {
		p.fail(t.node.place(), Limit, "divide it", "a line has too many tags")
	}
	return true
}

// blank tells whether there is nothing but white space and control characters.
func blank(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c > ' ' }) < 0
}

// heedsBehind tells whether the part needs the white space behind it: an interpolation does, a text unless it ends with a line break.
func (t *treePart) heedsBehind() bool {
	switch {
	case t.kind == outputPart:
		return true
	case t.kind != textPart || t.ignorable(true, t.previous(), t.next()):
		return false
	}
	end := strings.TrimRightFunc(t.text.text, func(c rune) bool { return isWhite(c) && c != '\n' && c != '\r' })
	return !strings.HasSuffix(end, "\n") && !strings.HasSuffix(end, "\r")
}

// heedsBefore tells whether the part needs the white space before it.
func (t *treePart) heedsBefore() bool {
	switch {
	case t.kind == outputPart:
		return true
	case t.kind != textPart || t.ignorable(true, t.previous(), t.next()):
		return false
	}
	begin := strings.TrimLeftFunc(t.text.text, func(c rune) bool { return isWhite(c) && c != '\n' && c != '\r' })
	return !strings.HasPrefix(begin, "\n") && !strings.HasPrefix(begin, "\r")
}

// ignorable tells whether a part can be left out: a trim, an empty text, a [#compress] of nothing, and when space is stripped that between definitions.
func (t *treePart) ignorable(strip bool, before, behind *treePart) bool {
	_, isCompress := t.node.(*compressNode)
	switch {
	case t.kind == trimPart || t.kind == textPart && t.text.text == "" || isCompress && len(t.children) == 0:
		return true
	case t.kind != textPart || !strip || !blank(t.text.text):
		return false
	}
	quiet := func(other *treePart) bool {
		if other == nil {
			return t.topLevel()
		}
		return other.kind == quietPart || other.kind == macroPart
	}
	return quiet(before) && quiet(behind)
}

func (t *treePart) topLevel() bool { return t.parent.parent == nil }

func (t *treePart) previous() *treePart {
	if t.index == 0 {
		return nil
	}
	return t.parent.children[t.index-1]
}

func (t *treePart) next() *treePart {
	if t.index+1 == len(t.parent.children) {
		return nil
	}
	return t.parent.children[t.index+1]
}

// leafBefore is the part without content that comes before, wherever it is in the tree.
func (t *treePart) leafBefore() *treePart {
	for ; t.parent != nil; t = t.parent {
		if leaf := t.previous(); leaf != nil {
			for len(leaf.children) > 0 && leaf.kind != macroPart && leaf.kind != capturePart {
				leaf = leaf.children[len(leaf.children)-1]
			}
			return leaf
		}
	}
	return nil
}

// leafBehind is the part without content that comes behind.
func (t *treePart) leafBehind() *treePart {
	for ; t.parent != nil; t = t.parent {
		if leaf := t.next(); leaf != nil {
			for len(leaf.children) > 0 && leaf.kind != macroPart && leaf.kind != capturePart {
				leaf = leaf.children[0]
			}
			return leaf
		}
	}
	return nil
}

// isWhite is white space as Java sees it: spaces that keep words together are none.
func isWhite(c rune) bool {
	return unicode.IsSpace(c) && c != 0x85 && c != 0xa0 && c != 0x2007 && c != 0x202f || c >= 0x1c && c <= 0x1f
}
