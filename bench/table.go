package main

import (
	"fmt"
	"strings"
)

// table is one in Markdown. Its first columns are texts, the others numbers.
type table struct {
	head  []string
	texts int
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) markdown() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	b.WriteString("|" + strings.Repeat("---|", t.texts) + strings.Repeat("--:|", len(t.head)-t.texts) + "\n")
	for _, r := range t.rows {
		line(r)
	}
	return b.String()
}
