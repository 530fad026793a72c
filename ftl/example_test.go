package ftl_test

import (
	"context"
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
