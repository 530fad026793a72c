package ftl_test

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/ftl"
)

func ExampleTemplate_Render() {
	t, err := ftl.Parse("two-factor", "[#if user.firstName??]Hallo ${user.firstName}, [/#if]Ihr Code ist ${code}. Gültig ${seconds / 60} Minuten.", ftl.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := t.Render(context.Background(), map[string]any{
		"code":    "004711",
		"seconds": 90,
		"user":    ftl.JSON(`{"firstName": "Jörg", "data": {}}`),
	}, ftl.RenderOptions{Locale: language.German})
	fmt.Println(text, err)
	// Output: Hallo Jörg, Ihr Code ist 004711. Gültig 1,5 Minuten. <nil>
}

func ExampleError() {
	t, _ := ftl.Parse("sms", "Your code is ${code}.\nSent to ${user.mobilPhone}.", ftl.Options{})
	_, err := t.Render(context.Background(), map[string]any{"code": "1", "user": ftl.JSON(`{"mobilePhone": "+1"}`)}, ftl.RenderOptions{})
	fmt.Println(err)
	_, err = ftl.Parse("sms", "[#if code??]Your code is ${code?uppercase}", ftl.Options{})
	fmt.Println(err)
	// Output:
	// user.mobilPhone is missing (line 2, column 11): did you mean mobilePhone? Otherwise write (user.mobilPhone)!'' if it may be
	// there is no built-in ?uppercase (line 1, column 33): did you mean ?upper_case?
}

func ExampleOptions() {
	t, _ := ftl.Parse("mail", "<p>${name}</p> <p>${note?no_esc}</p>", ftl.Options{Escape: ftl.HTML})
	text, _ := t.Render(context.Background(), map[string]any{"name": "Tom & Jerry", "note": "<em>hurry</em>"}, ftl.RenderOptions{})
	fmt.Println(text)
	// Output: <p>Tom &amp; Jerry</p> <p><em>hurry</em></p>
}

// A template may say what it likes: it comes to an end.
func ExampleLimits() {
	t, _ := ftl.Parse("endless", "[#list 1.. as i]\n${i} and so on\n[/#list]", ftl.Options{Limits: ftl.Limits{Output: 1000}})
	_, err := t.Render(context.Background(), map[string]any{}, ftl.RenderOptions{})
	var e *ftl.Error
	fmt.Println(err, errors.As(err, &e) && e.Kind == ftl.Limit)
	// Output: the template wrote more than 1000 bytes (line 2, column 5) true
}
