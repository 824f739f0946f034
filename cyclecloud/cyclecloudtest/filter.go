package cyclecloudtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A filter is an expression over a node record, such as State === "Started" && KeepAlive !== true.
//
//	or      = and { "||" and }
//	and     = unary { "&&" unary }
//	unary   = "!" unary | compare
//	compare = operand [ ("===" | "=?=" | "!==" | "=!=" | "==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
//	operand = string | number | "true" | "false" | "undefined" | attribute | "(" or ")"
//
// An attribute is a key of the record, with dots into nested ones; one that is missing is undefined.
// === and !== compare strictly and know undefined; == and != compare strings without regard to case
// and, like the orderings, are false where either side is undefined.
type filter interface {
	eval(record map[string]any) any
}

// undefined is the value of an attribute that a record does not have.
type undefined struct{}

func truth(v any) bool { return v == true }

type (
	literal   struct{ value any }
	attribute struct{ path []string }
	negation  struct{ of filter }
	both      struct{ left, right filter }
	either    struct{ left, right filter }
	compare   struct {
		op          string
		left, right filter
	}
)

func (l literal) eval(map[string]any) any    { return l.value }
func (n negation) eval(r map[string]any) any { return !truth(n.of.eval(r)) }
func (b both) eval(r map[string]any) any     { return truth(b.left.eval(r)) && truth(b.right.eval(r)) }
func (e either) eval(r map[string]any) any   { return truth(e.left.eval(r)) || truth(e.right.eval(r)) }

func (a attribute) eval(r map[string]any) any {
	var v any = r
	for _, key := range a.path {
		m, ok := v.(map[string]any)
		if !ok {
			return undefined{}
		}
		if v, ok = m[key]; !ok {
			return undefined{}
		}
	}
	return plain(v)
}

// plain makes values of a record comparable: numbers are float64, what is neither number, string
// nor bool is undefined.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64, string, bool:
		return v
	}
	return undefined{}
}

func (c compare) eval(r map[string]any) any {
	left, right := c.left.eval(r), c.right.eval(r)
	switch c.op {
	case "===", "=?=":
		return left == right
	case "!==", "=!=":
		return left != right
	}
	if left == (undefined{}) || right == (undefined{}) {
		return false
	}
	switch c.op {
	case "==":
		return loosely(left, right)
	case "!=":
		return !loosely(left, right)
	}
	order, ok := ordered(left, right)
	if !ok {
		return false
	}
	return map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[c.op]
}

func loosely(left, right any) bool {
	l, lok := left.(string)
	r, rok := right.(string)
	if lok && rok {
		return strings.EqualFold(l, r)
	}
	return left == right
}

// ordered compares two numbers or two strings; other pairs have no order.
func ordered(left, right any) (int, bool) {
	switch l := left.(type) {
	case float64:
		if r, ok := right.(float64); ok {
			switch {
			case l < r:
				return -1, true
			case l > r:
				return 1, true
			}
			return 0, l == r
		}
	case string:
		if r, ok := right.(string); ok {
			return strings.Compare(strings.ToLower(l), strings.ToLower(r)), true
		}
	}
	return 0, false
}

// parseFilter reads an expression; errors name the position, counted in bytes from 1.
func parseFilter(text string) (filter, error) {
	tokens, err := lexFilter(text)
	if err != nil {
		return nil, err
	}
	p := &filterParser{tokens: tokens}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, fmt.Errorf("unexpected %q at %d", t.text, t.at)
	}
	return f, nil
}

// maxFilterDepth bounds nesting, since parsing recurses.
const maxFilterDepth = 100

type filterParser struct {
	tokens []token
	next   int
	depth  int
}

func (p *filterParser) peek() token { return p.tokens[p.next] }

func (p *filterParser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

func (p *filterParser) accept(operator string) bool {
	t := p.peek()
	if t.kind == tokenOperator && t.text == operator {
		p.next++
		return true
	}
	return false
}

func (p *filterParser) or() (filter, error) {
	left, err := p.and()
	for err == nil && p.accept("||") {
		var right filter
		right, err = p.and()
		left = either{left, right}
	}
	return left, err
}

func (p *filterParser) and() (filter, error) {
	left, err := p.unary()
	for err == nil && p.accept("&&") {
		var right filter
		right, err = p.unary()
		left = both{left, right}
	}
	return left, err
}

func (p *filterParser) unary() (filter, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxFilterDepth {
		return nil, errors.New("the expression is nested too deeply")
	}
	if p.accept("!") {
		of, err := p.unary()
		return negation{of}, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tokenOperator && comparisons[t.text] {
		p.next++
		right, err := p.operand()
		return compare{t.text, left, right}, err
	}
	return left, nil
}

func (p *filterParser) operand() (filter, error) {
	t := p.take()
	switch t.kind {
	case tokenString:
		return literal{t.text}, nil
	case tokenNumber:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q at %d is no number", t.text, t.at)
		}
		return literal{v}, nil
	case tokenWord:
		return word(t)
	}
	if t.kind == tokenOperator && t.text == "(" {
		f, err := p.or()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("missing ) for the ( at %d", t.at)
		}
		return f, err
	}
	if t.kind == tokenEnd {
		return nil, errors.New("the expression ends where a value is expected")
	}
	return nil, fmt.Errorf("unexpected %q at %d", t.text, t.at)
}

func word(t token) (filter, error) {
	switch strings.ToLower(t.text) {
	case "true":
		return literal{true}, nil
	case "false":
		return literal{false}, nil
	case "undefined":
		return literal{undefined{}}, nil
	}
	return attribute{strings.Split(t.text, ".")}, nil
}
