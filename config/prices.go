package config

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// maxPrices bounds a price file, in bytes: all machine types in all regions fit.
const maxPrices = 16 << 20

// mistakesShown is how many mistakes of one price file are told.
const mistakesShown = 20

// priceColumns are the header of a price file.
var priceColumns = []string{"machine_type", "region", "spot", "price_per_hour"}

// prices reads the price files that the config names.
func (s *source) prices(c *Config) {
	for i := range c.Clusters {
		p := &c.Clusters[i].Scaling
		if p.PricesFile == "" {
			continue
		}
		text, err := readFile(p.PricesFile, maxPrices)
		if err != nil {
			key := fmt.Sprintf("clusters[%d].policy.prices_file", i)
			s.problems = append(s.problems, Problem{File: p.PricesFile, Key: key, What: err.Error()})
			continue
		}
		var problems Problems
		p.Prices, problems = parsePrices(p.PricesFile, text)
		s.problems = append(s.problems, problems...)
	}
}

// parsePrices reads a price file: CSV with the header of priceColumns, where an
// empty region stands for any. Lines that begin with # are comments.
func parsePrices(path string, text []byte) ([]autoscale.Price, Problems) {
	p := priceParser{file: path, lines: map[string]int{}}
	p.reader = csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // as spreadsheets begin it
	p.reader.Comment = '#'
	p.reader.FieldsPerRecord = -1
	if p.header() {
		for len(p.problems) < mistakesShown && p.next() {
		}
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.prices, nil
}

type priceParser struct {
	file     string
	reader   *csv.Reader
	prices   []autoscale.Price
	lines    map[string]int // by what a price is for
	problems Problems
}

func (p *priceParser) wrong(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{File: p.file, Line: line, What: fmt.Sprintf(format, args...)})
}

// record reads the next line that holds something, blanks around its fields left
// out. Not ok: there is none, or none that can be read.
func (p *priceParser) record() (record []string, line int, ok bool) {
	record, err := p.reader.Read()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		p.wrong(parse.Line, "not CSV: %v", parse.Err)
		return nil, 0, false
	case err != nil: // the end, for the text is in memory
		return nil, 0, false
	}
	line, _ = p.reader.FieldPos(0)
	for i := range record {
		record[i] = strings.TrimSpace(record[i])
	}
	return record, line, true
}

func (p *priceParser) header() bool {
	want := strings.Join(priceColumns, ",")
	record, line, ok := p.record()
	switch {
	case !ok && len(p.problems) == 0:
		p.wrong(0, "is empty; its first line must be %s", want)
	case ok && !slices.Equal(record, priceColumns):
		p.wrong(line, "the first line must be %s", want)
	}
	return len(p.problems) == 0
}

// next reads one price. Not ok: there are no more.
func (p *priceParser) next() (ok bool) {
	record, line, ok := p.record()
	if !ok {
		return false
	}
	price, err := parsePrice(record)
	if err != nil {
		p.wrong(line, "%v", err)
		return true
	}
	key := strings.ToLower(fmt.Sprintf("%s\x00%s\x00%t", price.MachineType, price.Region, price.Spot))
	if first := p.lines[key]; first > 0 {
		p.wrong(line, "there is a price for this already; line %d has it first", first)
		return true
	}
	p.lines[key] = line
	p.prices = append(p.prices, price)
	return true
}

func parsePrice(record []string) (price autoscale.Price, err error) {
	if len(record) != len(priceColumns) {
		return price, fmt.Errorf("must have %d fields, not %d", len(priceColumns), len(record))
	}
	price.MachineType, price.Region = record[0], record[1]
	if price.MachineType == "" {
		return price, errors.New("machine_type is empty")
	}
	switch strings.ToLower(record[2]) { // spreadsheets write TRUE
	case "true":
		price.Spot = true
	case "false":
	default:
		return price, fmt.Errorf("spot: %q is neither true nor false", shown(record[2]))
	}
	price.PerHour, err = strconv.ParseFloat(record[3], 64)
	switch {
	case err != nil || !(price.PerHour >= 0):
		return price, fmt.Errorf("price_per_hour: %q is no price", shown(record[3]))
	case price.PerHour == 0:
		return price, errors.New("price_per_hour: 0 is no price; leave the line out if it is not known")
	case price.PerHour > autoscale.MostPerHour:
		return price, fmt.Errorf("price_per_hour: %s is more than %.0f", shown(record[3]), autoscale.MostPerHour)
	}
	return price, nil
}

// money checks prices and budgets.
func (s *source) money(p *Scaling, at string) {
	if _, err := parseZone(p.Budget.TimeZone); err != nil {
		s.add(at+".budget.time_zone", err.Error())
	}
	s.atMost(at+".budget.per_hour", p.Budget.PerHour, autoscale.MostMoney)
	s.atMost(at+".budget.per_month", p.Budget.PerMonth, autoscale.MostMoney)
	for i := range p.Pools {
		pool, key := &p.Pools[i], fmt.Sprintf("%s.pools[%d]", at, i)
		s.atMost(key+".price_per_hour", pool.PricePerHour, autoscale.MostPerHour)
		s.atMost(key+".spot_price_per_hour", pool.SpotPricePerHour, autoscale.MostPerHour)
		switch {
		case pool.Spot == nil || pool.SpotPricePerHour == 0:
		case !*pool.Spot:
			s.add(key+".spot_price_per_hour", "has no effect: the pool has no spot nodes")
		case pool.PricePerHour > 0:
			s.add(key+".price_per_hour", "has no effect: all nodes are spot nodes, and spot_price_per_hour holds for those")
		}
	}
}

func (s *source) atMost(key string, value, most float64) {
	if value > most {
		s.add(key, fmt.Sprintf("%s is more than %.0f", strconv.FormatFloat(value, 'f', -1, 64), most))
	}
}

// budget is in the planner's words. The zone was checked; a budget that no file
// describes has none.
func (b *Budget) budget() autoscale.Budget {
	zone, err := parseZone(cmp.Or(b.TimeZone, "UTC"))
	if err != nil {
		panic("config: budget was not checked: " + err.Error())
	}
	return autoscale.Budget{PerHour: b.PerHour, PerMonth: b.PerMonth, Zone: zone}
}
