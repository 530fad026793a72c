package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	h.do("GET", "/probe/query", "").expect(t, 200, `{"flag":false,"number":0,"one":"","all":null,"text":""}`)
	h.do("GET", "/probe/query?flag=true&number=7&one=A0000000-0000-4000-8000-00000000000A&all="+string(tenantA)+"&all="+string(tenantB)+"&text=a%20b", "").
		expect(t, 200, `{"flag":true,"number":7,"one":"`+string(tenantA)+`","all":["`+string(tenantA)+`","`+string(tenantB)+`"],"text":"a b"}`)
	h.do("GET", "/probe/query?flag=&number=&one=&all=", "").expect(t, 200, `{"flag":false,"number":0,"one":"","all":[],"text":""}`)
	h.do("GET", "/probe/query?flag=null&number=undefined&one=undefined&all=null&all="+string(tenantA)+"&text=null", "").
		expect(t, 200, `{"flag":false,"number":0,"one":"","all":["`+string(tenantA)+`"],"text":""}`)
	h.do("GET", "/probe/search?url=undefined&orderBy=null&numberOfResults=undefined", "").expect(t, 200, `{}`)
	h.do("GET", "/probe/query?flag=yes&number=x&one=1&all="+string(tenantA)+"&all=2", "").
		expectCodes(t, 400, "[couldNotConvert]all[1] [couldNotConvert]flag [couldNotConvert]number [couldNotConvert]one")
	h.do("GET", "/probe/query?text=a%00b&other=%ff", "").expectCodes(t, 400, "[invalid]other [invalid]text")
	h.do("GET", "/probe/query?text=%zz", "").expectCodes(t, 400, "[invalidQuery]")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	want := `{"numberOfResults":3,"startRow":2,"orderBy":"url","url":"x","tenantId":"` + string(tenantA) + `"}`
	h.do("GET", "/probe/search?numberOfResults=3&startRow=2&orderBy=url&url=x&unknown=1&tenantId="+string(tenantA), "").expect(t, 200, want)
	h.do("POST", "/probe/search", `{"search":`+want+`}`).expect(t, 200, want)
	h.do("GET", "/probe/search", "").expect(t, 200, `{}`)
	for _, body := range []string{`{}`, `{"search":null}`, `{"search":{}}`} {
		h.do("POST", "/probe/search", body).expect(t, 200, `{}`)
	}

	h.do("GET", "/probe/search?numberOfResults=x&startRow=-&tenantId=1", "").
		expectCodes(t, 400, "[couldNotConvert]numberOfResults [couldNotConvert]startRow [couldNotConvert]tenantId")
	h.do("POST", "/probe/search", `{"search":{"numberOfResults":[],"tenantId":1}}`).
		expectCodes(t, 400, "[couldNotConvert]search.numberOfResults [couldNotConvert]search.tenantId")
	h.do("POST", "/probe/search", `{"search":[]}`).expectCodes(t, 400, "[couldNotConvert]search")
	h.do("GET", "/probe/search?numberOfResults=-1&startRow=-1", "").expectCodes(t, 400, "[invalid]numberOfResults [invalid]startRow")
	h.do("POST", "/probe/search", `{"search":{"numberOfResults":10001}}`).expectCodes(t, 400, "[invalid]search.numberOfResults")
}

// Of members and parameters that there are not, so many are reported and no more.
func TestStrict_ReportsSoManyAndNoMore(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	var members, parameters strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&members, `,"x%d":1`, i)
		fmt.Fprintf(&parameters, "&x%d=1", i)
	}
	for name, a := range map[string]answerTo{
		"members":    h.do("POST", "/api/delivery/search", `{"search":{"y":1`+members.String()+`}`+members.String()+`}`),
		"parameters": h.do("GET", "/api/delivery/search?y=1"+parameters.String(), ""),
	} {
		if n := strings.Count(a.codes(t), "[unknown]"); a.status != 400 || n != 100 {
			t.Errorf("%s: status %d, %d problems", name, a.status, n)
		}
	}
}
