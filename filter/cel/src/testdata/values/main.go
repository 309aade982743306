// Writes values.json: what cel-go, with zot's options, makes of each expression below.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
)

const data = `{"text": "x", "yes": true, "no": false, "nul": null, "num": 5, "half": 1.5, "zero": 0, "big": 9007199254740993,
"empty": "", "list": ["a", "b"], "nums": [1, 2, 3], "mixed": ["a", 1, null, {"text": "z"}], "bare": {}, "nothing": [],
"obj": {"text": "y", "nul": null, "list": [1], "obj": {"text": "w"}}, "a/b": "slash"}`

// Each stands for `$` in the templates: the claims, borrowed from a variable or owned by the evaluation.
var maps = []string{
	"claims", "vars.all", "dyn(claims)", "(true ? claims : claims)", "optional.of(claims).value()", "[claims][0]",
	"[claims].first().value()", "{'k': claims}.k", "{'k': claims}['k']", "vars.opt.value()", "vars.inside.all", "vars.listed[0]",
	"claims.?missing.orValue(claims)", "[claims].map(x, x)[0]", "[claims].filter(x, true)[0]", "{'k': vars}.k.all",
	"req.claims", "req['claims']", "req.?claims.value()", "optional.of(req).value().claims", "[req][0].claims", "{'k': req}.k.claims",
}

var optionals = []string{
	"optional.of(claims)", "[claims].first()", "[claims].last()", "{'k': claims}.?k", "{'k': claims}[?'k']", "[claims][?0]", "vars.opt",
	"vars.?all", "vars[?'all']", "vars.?inside.all", "optional.of(vars).all", "optional.none().or(optional.of(claims))",
	"optional.of(claims).optMap(x, x)", "optional.of(claims).optFlatMap(x, optional.of(x))", "optional.ofNonZeroValue(claims)",
	"req.?claims", "req[?'claims']", "optional.of(req).claims", "optional.of(req)['claims']", "[req].first().?claims",
}

// `#` is the name of a member.
var members = []string{"text", "yes", "nul", "num", "list", "obj", "bare", "missing"}

var ofMember = []string{
	"$.#", "$['#']", "$.?#", "$[?'#']", "has($.#)", "!has($.#)", "'#' in $", "$.?#.hasValue()", "!$.?#.hasValue()", "$.?#.orValue('d')",
	"$.?#.optMap(x, x)", "$.?#.optFlatMap(x, optional.of(x))", "optional.ofNonZeroValue($.#)", "$.?#.or(optional.of(dyn('d')))",
	"$.#.text", "$.#.?text", "$.?#.text", "$.?#.?text", "has($.#.text)", "!has($.#.text)", "has($.?#.text)", "!has($.?#.text)", "$.#[0]",
	"$.#[?0]", "$.?#[0]", "$.?#[?0]", "$.#['text']", "$.#[?'text']", "$.?#['text']", "$.?#[?'text']", "'text' in $.#",
	"!('text' in $.#)", "$.?#.?text.hasValue()", "!$.?#.?text.hasValue()", "!$.#.?text.hasValue()", "$.?#.?text.orValue('d') != 'x'",
	"optional.of($.#).text", "optional.of($.#).?text", "optional.of($.#)['text']", "optional.of($.#)[?'text']", "optional.of($.#)[0]",
	"optional.of($.#)[?0]", "[$.#].first().?text", "[$.#].first().text", "{'k': $.#}.?k.?text", "{'k': $.#}.k.?text",
	"has(optional.of($.#).text)", "!has(optional.of($.#).text)", "$.?#.obj.?text", "$.?#.?obj.text", "$.?#.?obj.?text", "$.?#.obj.text",
	"$.#.all(x, x == 'a')", "$.#.exists(x, x == 'a')", "$.#.exists_one(x, x == 'a')", "$.#.filter(x, x == 'a')",
	"$.#.map(x, x == 'a', x)", "size($.#)", "$.# == $.#", "$.# == claims.#", "$.# != $.#", "type($.#) == map", "$.# == null",
	"$.?#.orValue({}) == {}", "optional.of($.#) == optional.of($.#)", "$.?# == optional.none()", "$.# in [$.#]",
	"[?$.?#].size()", "{?'k': $.?#}.size()",
}

var ofMap = []string{
	"dyn($)[0]", "dyn($)[?0]", "!dyn($)[?0].hasValue()", "dyn($)[1.5]", "dyn($)[?1.5]", "dyn($)[?1.0]", "dyn($)[?true]", "dyn($)[?dyn([1])]",
	"dyn($)[?dyn(null)]", "!dyn($)[?dyn(null)].hasValue()", "dyn($)[?dyn({})]", "0 in dyn($)", "dyn([1]) in dyn($)", "dyn(null) in dyn($)",
	"$[$.text]", "$[?$.text]", "$[$.list]", "$[?$.list]", "!$[?$.list].hasValue()", "$[?$.num]", "!$[?$.num].hasValue()", "$[?$.half]",
	"!$[?$.half].hasValue()", "$[?$.nul]", "!$[?$.nul].hasValue()", "$[?$.missing]", "$.list[?$.num]", "$.list[?$.half]",
	"!$.list[?$.half].hasValue()", "$.list[?$.text]", "!$.list[?$.text].hasValue()", "$.list[?'text']", "!$.list[?'text'].hasValue()",
	"$.list[?1.0]", "$.list[?1u]", "$.list[?-1]", "$.list[?9]", "$.list[?dyn('0')]", "$.list[?dyn(null)]", "$.list[?dyn(true)]",
	"$.list[0]", "$.list[9]", "$.list[1.5]", "$.nums[?$.zero]", "$.?list[$.text]", "$.?list[?$.text]", "!$.?list[$.text].hasValue()",
	"$.?list[$.half]", "$.?list[?$.missing]", "$.?list[$.num]", "$.?obj[$.num]", "$.?obj[?$.list]", "!$.?obj[?$.list].hasValue()",
	"$.?obj[$.nul]", "$.?obj[$.missing]", "$.?missing[$.missing]", "$.missing.?x", "!$.missing.?x.hasValue()", "optional.of($.missing).?x",
	"$.missing.?x.orValue(true)", "$.list[9].?x", "$.list.?x", "!$.list.?x.hasValue()", "$.?list.x", "!$.?list.x.hasValue()",
	"$.?list.?x.?y", "$.num.?x.?y", "$.num.?x.y", "$.num.x.?y", "has($.list.x)", "!has($.list.x)", "has($.text.x)", "!has($.text.x)",
	"has($.missing.x)", "!has($.missing.x)", "has($.num.x.y)", "has($.?list.x)", "!has($.?list.x)", "has(vars.opt.list.x)",
	"!has(vars.opt.list.x)", "has(vars.opt.text)", "!has(vars.opt.missing)", "has($.obj.obj.text)", "has($.obj.missing.text)",
	"$ == claims", "claims == $", "$ != claims", "$ == $.obj", "$ in [claims]", "[$] == [claims]", "{'k': $} == {'k': claims}", "size($)",
	"$.size()", "$.all(k, k != 'zzz')", "$.exists(k, k == 'text')", "!$.exists(k, k == 'text')", "$.exists_one(k, k == 'text')",
	"$.filter(k, k == 'text')", "$.map(k, k).size()", "$.map(k, k == 'text', $[k])", "$.map(k, k == 'obj', $[k].?text)", "type($) == map",
	"type($)", "sets.contains([$], [claims])", "sets.intersects([claims], [$])", "optional.of($) == optional.of(claims)",
	"optional.ofNonZeroValue($).hasValue()", "optional.ofNonZeroValue($.bare).hasValue()", "[$, $][1].text", "[$] + [$] == [claims, claims]",
	"([$] + [$])[1].?text", "[[$]][0][0].text", "[{'k': $}].first().k.text", "[{'k': $}].first().?k.?text", "$.obj in [$.obj]",
	"[$].exists(x, has(x.yes))", "[$].all(x, !has(x.yes))", "[$].exists(x, x.?yes.hasValue())", "[$].all(x, !x.?yes.hasValue())",
	"[$].map(x, x.?yes)", "[$].map(x, x.?text.orValue('d'))", "[$].filter(x, x.?yes.orValue(false)).size()", "[$].map(x, x.yes)",
	"null == $.nul", "$.nul != null", "$.obj.nul == null", "has($.obj.nul)", "null in $.mixed", "$.mixed.exists(x, x == null)",
	"$.mixed.filter(x, x != null).size()", "$.nul == $.obj.nul", "type($.nul) == null_type", "$.nul == false", "$.nul == ''", "$.nul == 0",
	"$.nul == {}", "$.nul == []", "$.nul ? 1 : 2", "$.nul || true", "$.nul || false", "!$.nul", "$.nul < 1", "$.nul + 'x'", "string($.nul)",
	"size($.nul)", "$.nul.size()", "$.nul in ['x']", "$.?nul.orValue('d') == null", "optional.ofNonZeroValue($.nul).hasValue()",
	"$.nul.exists(x, true)", "$.mixed[2] == null", "$.mixed[3].text", "$.mixed[3].?text", "$.mixed[?3].?text", "$.mixed[?2].?text", "$.mixed[1].?text",
	"$.mixed.exists(x, has(x.text))", "$.mixed.filter(x, has(x.text)).size()", "$.mixed.map(x, x.?text.orValue('d'))", "$.mixed.exists(x, x.?text.hasValue())",
	"$.big == 9007199254740993", "$.big == 9007199254740992", "$.big == 9007199254740994", "$.big in [9007199254740992]",
	"$.big == 9007199254740993u", "$.big > 9007199254740992", "$.big < 9007199254740993", "$.num == 5", "$.num == 5u", "$.num == 5.0",
	"$.num in [5]", "$.num in [5u]", "$.num > 4", "$.num < 6u", "$.half > 1", "$.num + 1", "$.num + 1.0", "5 in [$.num]",
	"$.nums == [1, 2, 3]", "[1, 2, 3] == $.nums", "2 in $.nums", "2u in $.nums", "2.0 in $.nums", "'2' in $.nums", "$.nums.map(x, x + 1.0)",
	"$.nums.exists(x, x == 2)", "$.nums.all(x, x > 0)", "$.nums.exists_one(x, x > 2)", "$.nums.filter(x, x > 1)", "$.list + ['c']",
	"$.list + $.nums", "sets.contains($.list, ['a'])", "sets.equivalent($.nums, [3, 2, 1])", "$.list.first().value()",
	"$.list.first().orValue('d')", "$.nothing.first().hasValue()", "$.nothing.first().?x", "$.list.last()", "$.list.join(',')", "$.list.size()",
	"$.?text.orValue($.missing)", "$.?missing.orValue($.missing)", "$.?text.or($.?missing)", "$.?text.or(optional.of($.missing))",
	"$.?missing.or($.?text)", "$.?missing.optMap(x, x.y)", "$.?text.optMap(x, x.y)", "$.?text.optMap(x, x.?y)", "$.?obj.optMap(x, x.text)",
	"$.?obj.optMap(x, x.?missing)", "$.?obj.optFlatMap(x, x.?text)", "$.?obj.optFlatMap(x, x.?missing)", "$.?list.optFlatMap(x, x.?y)",
	"$.?obj.optMap(x, has(x.nul))", "$.?obj.optMap(x, x)", "$.?obj.value().text", "$.?missing.value()", "$.?obj.obj", "$.?text.hasValue() && $.?yes.orValue(false)",
	"$.missing || true", "$.missing && false", "$.missing || false", "!$.missing", "$.missing == 1 || $.yes", "$.?missing.value() || true",
	"$.`a/b`", "$.?`a/b`", "has($.`a/b`)", "$['a/b']", "$[?'a/b']", "dyn($).text", "dyn($).?text", "dyn($)['text']", "dyn($).?missing.hasValue()",
	"has(dyn($).yes)", "dyn($.obj).?text", "dyn($.text).?x", "dyn($.text)[?0]", "dyn($.text)[0]", "dyn($.num)[?0]", "dyn($.num)[?'x']",
	"!dyn($.num)[?0].hasValue()", "dyn(optional.of($)).?text", "dyn(optional.of($)).text", "dyn(optional.of($))[?'text']",
	"dyn(optional.of($))['text']", "has(dyn(optional.of($)).text)", "has(dyn(optional.of($)).missing)", "[optional.of($)].map(x, x.text)",
	"[optional.of($)].map(x, x.?text)", "[optional.of($)].exists(x, has(x.yes))", "[optional.of($.list)].map(x, dyn(x).text)",
	"[optional.of($.list)].map(x, dyn(x)['text'])", "[optional.of($.num)].map(x, dyn(x).text)", "vars.optlist.text", "vars.optlist['text']",
	"vars.optlist[$.text]", "vars.optlist.?text", "!vars.optlist.?text.hasValue()", "vars.optlist[0]", "vars.optlist[9]", "has(vars.optlist.text)",
	"!has(vars.optlist.text)", "vars.optnum.text", "vars.optnum.?text", "vars.optnum[0]", "has(vars.optnum.text)", "vars.optnone.text",
	"vars.optnone.?text", "vars.optnone[0]", "has(vars.optnone.text)", "vars.nul == null", "has(vars.nul)", "vars.?nul.hasValue()",
	"vars.nul == $.nul", "vars.nul.?x", "has(vars.missing)", "vars.?missing.hasValue()",
}

var ofOptional = []string{
	"$.#", "$.?#", "$['#']", "$[?'#']", "$.#.text", "$.#.?text", "$.?#.text", "$.?#.?text", "has($.#)", "!has($.#)", "has($.?#.text)", "has($.#.text)",
	"!has($.#.text)", "$.#.hasValue()", "!$.#.hasValue()", "!$.?#.hasValue()", "$.?#.orValue('d')", "$.#.orValue('d') != 'x'", "$.value().#",
	"$.value().?#", "$.optMap(x, x.#)", "$.optFlatMap(x, x.?#)", "$.optMap(x, x.?#)", "$.optMap(x, has(x.#))", "$.#[0]", "$.#[?0]", "$.?#[0]", "$.#['text']",
	"$.#[?'text']", "$.or(optional.none()).?#", "$.orValue({}).?#", "$.hasValue() && $.?#.hasValue()", "$.#.obj.text", "$.?#.?obj.text",
	"optional.of($).hasValue()", "optional.of($.#).hasValue()", "$.# == $.?#", "[?$.?#].size()", "$.?#.optMap(x, x == 'x')",
}

var ofWholeOptional = []string{
	"$.hasValue()", "!$.hasValue()", "$ == optional.of(claims)", "$ != optional.of(claims)", "$.value() == claims", "$.value().size()", "type($)", "$.list[$.value().text]",
	"$.list[?$.value().half]", "$.list[9]", "$.list[1].x", "$.list.x.y", "$.num.x.y", "$.nums[1]", "$.obj.obj.text", "$.obj.list[0]", "$.obj.list[7]", "$.mixed[3].text",
	"$.mixed[0].text", "$[$.value().text]", "$[$.value().list]", "$[?$.value().nul]", "dyn($)[0]", "dyn($)[?1.5]", "dyn($)[dyn(null)]", "!dyn($)[dyn(null)].hasValue()",
}

func expand(templates []string) []string {
	var out []string
	for _, template := range templates {
		if !strings.Contains(template, "#") {
			out = append(out, template)
			continue
		}
		for _, member := range members {
			out = append(out, strings.ReplaceAll(template, "#", member))
		}
	}
	return out
}

func main() {
	var claims map[string]any
	must(json.Unmarshal([]byte(data), &claims))
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders(),
	}
	mappings := environment(append(options, cel.Variable("claims", cel.ObjectType("google.protobuf.Struct")), cel.Variable("vars", cel.ObjectType("google.protobuf.Struct"))))
	conditions := environment(append(options, cel.Variable("req", cel.MapType(cel.StringType, cel.DynType))))
	vars := map[string]any{}
	definitions := [][2]string{
		{"all", "claims"}, {"opt", "optional.of(claims)"}, {"inside", "{'all': claims}"}, {"listed", "[claims]"},
		{"optlist", "optional.of(claims.list)"}, {"optnum", "optional.of(claims.num)"}, {"optnone", "claims.?missing"}, {"nul", "claims.nul"},
	}
	bindings := map[string]any{"claims": claims, "vars": vars}
	for _, definition := range definitions {
		value, result := evaluate(mappings, bindings, definition[1])
		if value == nil {
			panic(definition[0] + ": " + result)
		}
		vars[definition[0]] = value
	}
	request := map[string]any{"req": map[string]any{"claims": claims}}

	answer := func(template, base string) (string, bool) {
		env, variables, expression := mappings, bindings, strings.ReplaceAll(template, "$", base)
		if strings.Contains(base, "req") {
			if strings.Contains(template, "vars") {
				return "", false
			}
			env, variables = conditions, request
			expression = strings.ReplaceAll(template, "claims", "req.claims")
			expression = strings.ReplaceAll(expression, "$", base)
		}
		_, result := evaluate(env, variables, expression)
		return result, true
	}
	out := &bytes.Buffer{}
	fmt.Fprintf(out, "{\"claims\": %s,\n\"vars\": %s,\n\"maps\": %s,\n\"optionals\": %s,\n\"rows\": [\n", strings.ReplaceAll(data, "\n", " "), line(definitions), line(maps), line(optionals))
	first := true
	for _, group := range []struct {
		kind      string
		bases     []string
		templates []string
	}{{"maps", maps, expand(append(ofMember, ofMap...))}, {"optionals", optionals, expand(append(ofOptional, ofWholeOptional...))}} {
		for _, template := range group.templates {
			results := map[string]string{}
			count := map[string]int{}
			for _, base := range group.bases {
				if result, asked := answer(template, base); asked {
					results[base] = result
					count[result]++
				}
			}
			common := ""
			for result, times := range count {
				if times > count[common] || times == count[common] && result < common {
					common = result
				}
			}
			for base, result := range results {
				if result == common {
					delete(results, base)
				}
			}
			if !first {
				out.WriteString(",\n")
			}
			first = false
			row := []any{group.kind, template, common}
			if len(results) > 0 {
				row = append(row, results)
			}
			out.WriteString(line(row))
		}
	}
	out.WriteString("\n]}\n")
	must(os.WriteFile("values.json", out.Bytes(), 0o644))
}

func environment(options []cel.EnvOption) *cel.Env {
	env, err := cel.NewEnv(options...)
	must(err)
	return env
}

// The value and its text, "refused" or "error".
func evaluate(env *cel.Env, variables map[string]any, expression string) (ref.Val, string) {
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, "refused"
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, "refused"
	}
	value, _, err := program.Eval(variables)
	if err != nil {
		return nil, "error"
	}
	return value, text(value)
}

func text(value ref.Val) string {
	switch value := value.(type) {
	case types.Null:
		return "null"
	case types.Bool:
		return fmt.Sprint(bool(value))
	case types.Int:
		return fmt.Sprintf("int %d", int64(value))
	case types.Uint:
		return fmt.Sprintf("uint %d", uint64(value))
	case types.Double:
		return fmt.Sprintf("double %v", float64(value))
	case types.String:
		return line(string(value))
	case *types.Type:
		return "type " + value.TypeName()
	case *types.Optional:
		if value.HasValue() {
			return "some(" + text(value.GetValue()) + ")"
		}
		return "none"
	case traits.Mapper:
		var entries []string
		for keys := value.Iterator(); keys.HasNext() == types.True; {
			key := keys.Next()
			entries = append(entries, text(key)+": "+text(value.Get(key)))
		}
		sort.Strings(entries)
		return "{" + strings.Join(entries, ", ") + "}"
	case traits.Lister:
		var items []string
		for all := value.Iterator(); all.HasNext() == types.True; {
			items = append(items, text(all.Next()))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	panic(fmt.Sprintf("%T", value))
}

func line(value any) string {
	out := &bytes.Buffer{}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(value))
	return strings.TrimSpace(out.String())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
