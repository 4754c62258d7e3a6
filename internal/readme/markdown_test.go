package readme_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top level of the repository, seen from here.
var root = filepath.Join("..", "..")

// page is a Markdown file, cut into what the tests look at.
type page struct {
	blocks map[string][]string // the text of the fenced blocks, by language
	tables [][]string          // the lines of each table
	links  []string            // the targets of links
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	p := page{blocks: make(map[string][]string)}
	var language string
	var block strings.Builder
	inside, inTable := false, false
	for line := range strings.Lines(string(text)) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && inside:
			p.blocks[language] = append(p.blocks[language], block.String())
			inside = false
			block.Reset()
		case isFence:
			inside, language = true, fence
		case inside:
			block.WriteString(line)
		default:
			isRow := strings.HasPrefix(line, "|")
			if isRow {
				p.addRow(line, !inTable)
			}
			inTable = isRow
			p.addLinks(line)
		}
	}
	return p
}

// addRow adds a line of a table, the first one of it or one more.
func (p *page) addRow(line string, first bool) {
	if first {
		p.tables = append(p.tables, nil)
	}
	last := &p.tables[len(p.tables)-1]
	*last = append(*last, strings.TrimSpace(line))
}

func (p *page) addLinks(line string) {
	for _, part := range strings.Split(line, "](")[1:] {
		target, _, _ := strings.Cut(part, ")")
		p.links = append(p.links, target)
	}
}

// lines returns the lines of all blocks in a language.
func (p *page) lines(language string) []string {
	var lines []string
	for _, b := range p.blocks[language] {
		lines = append(lines, strings.Split(strings.TrimSpace(b), "\n")...)
	}
	return lines
}
