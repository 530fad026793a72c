package ftl_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/ftl"
)

// TestVariables: an optional variable has a question mark.
func TestVariables(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"":          "",
		"no ${1+2}": "",
		"Your code is ${code}[#if user.firstName??], ${user.firstName}[/#if]. ${(application.name)!tenant.name}": "code user.firstName? application.name? tenant.name",
		"${x!}${x}":     "x",
		"${x!}${x!'a'}": "x?",
		"${x!y!'z'}":    "x? y?",
		"${a.b.c!''}":   "a.b.c?",
		"[#if user?? && user.name?has_content]${user.name} ${user.age}[#else]${user.name}[/#if]": "user? user.name user.age",
		"[#if !x??]none[#else]${x}[/#if]":              "x?",
		"[#if x??]a[#elseif y??]${y}[#else]${x}[/#if]": "x y?",
		"[#if x?? || y??]${x}[/#if]":                   "x y?",
		"[#if a.b??]${a}${a.b}${a.c}[/#if]":            "a.b? a? a.c",
		"${x???then(x, y)}":                            "x? y",
		"${(x??)?then(x, y)}":                          "x? y",
		"[#list user.roles as r]${r}${r.name}${r?index}${r_index}[#else]${none}[/#list]":            "user.roles user.roles[] user.roles[].name none",
		"[#list state!{} as key, value]${key}${value}[/#list]":                                      "state? state[]",
		"[#list l][#items as i]${i.x}[/#items][/#list]":                                             "l l[].x",
		"[#assign x = x!'a']${x}${y}[#assign y=1]${y}":                                              "x? y",
		"[#assign z]${q}[/#assign]${z}":                                                             "q",
		"[#macro m a b=c d...]${a}${b}${d}${e}[#nested a]${f}[/#macro][@m a=g; h]${h}${i}[/@m]${m}": "c e f g i",
		"${f(x, y)}[#function f p][#return p + q][/#function]":                                      "x? y? q",
		"${users?filter(u -> u.active && max > u.age)?map(u -> u.name)?join(', ')}":                 "users users[].active max users[].age users[].name",
		"${user['name']}${user[key]}${list[0].x}":                                                   "user.name user[] key list[].x",
		"${\"a${b}c${d!}\"} #{n}":                                                                   "b d? n",
		"[#switch s][#case t]${u}[#default]${v}[/#switch]":                                          "s t u v",
		"[#setting locale=loc][#attempt]${a}[#recover]${b}[/#attempt][#stop m]":                     "loc a b m",
		"[#escape x as x?html]${a}[#noescape]${b}[/#noescape][/#escape]":                            "a b",
		"[#compress]${a}[/#compress]${.now}${.vars.q}${{'k': v}.k}${[w]?first}":                     "a v w",
		"${x?has_content?c}${(y.z)?default('')}${-n}${!b?c}${1..m}":                                 "x? y.z? n b m",
		"${a[b[c]].d}":                     "a[].d b[] c",
		"${users?sort_by('x')?first.name}": "users[].name users",
	} {
		parsed, err := ftl.Parse("t", template, ftl.Options{})
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		var got []string
		for _, v := range parsed.Variables() {
			if v.Optional {
				v.Path += "?"
			}
			got = append(got, v.Path)
		}
		wanted := strings.Fields(want)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %s, want %s", template, strings.Join(got, " "), want)
		}
	}
}
