package statistics

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// tableWidth is how wide a table may be.
const tableWidth = 100

// Table returns the values as a table of at most 100 columns, without a line feed at its end.
func (f Final) Table() string {
	var rows [][2]string
	for _, v := range f.values() {
		rows = append(rows, [2]string{v.name, cell(v.of)})
	}
	return table(rows, tableWidth)
}

// cell writes a value for a table.
func cell(of any) string {
	switch of := of.(type) {
	case time.Duration:
		return formatDuration(of)
	case *time.Duration:
		if of == nil {
			return "None"
		}
		return formatDuration(*of)
	case []int64:
		texts := make([]string, len(of))
		for i, n := range of {
			texts[i] = strconv.FormatInt(n, 10)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case float64:
		return strconv.FormatFloat(of, 'f', 2, 64)
	}
	return fmt.Sprint(of)
}

// formatDuration writes a duration in the units that suit it: "1.5ms", "2.00s", "1min 3.0s", "2h 5min 1.0s".
func formatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d < time.Millisecond:
		return fmt.Sprintf("%.1fμs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
	hours, minutes, rest := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute
	var parts []string
	if hours > 0 {
		parts = append(parts, fmt.Sprintf("%dh", hours))
	}
	if minutes > 0 || hours > 0 && rest > 0 {
		parts = append(parts, fmt.Sprintf("%dmin", minutes))
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%.1fs", rest.Seconds()))
	}
	return strings.Join(parts, " ")
}

// table draws rows of two columns with lines around them. Where that gets wider than width, both columns become equally
// wide, and what does not fit is cut.
func table(rows [][2]string, width int) string {
	const lines = 7 // "│ " + " │ " + " │"
	var columns [2]int
	for _, row := range rows {
		for i, text := range row {
			columns[i] = max(columns[i], utf8.RuneCountInString(text))
		}
	}
	if columns[0]+columns[1]+lines > width {
		columns = [2]int{(width - lines) / 2, (width - lines) / 2}
	}
	border := func(left, middle, right string) string {
		return left + strings.Repeat("─", columns[0]+2) + middle + strings.Repeat("─", columns[1]+2) + right
	}
	var b strings.Builder
	b.WriteString(border("┌", "┬", "┐"))
	for _, row := range rows {
		fmt.Fprintf(&b, "\n│ %s │ %s │", fit(row[0], columns[0]), fit(row[1], columns[1]))
	}
	b.WriteString("\n" + border("└", "┴", "┘"))
	return b.String()
}

// fit makes a text as wide as a column.
func fit(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-3]) + "..."
	}
	return fmt.Sprintf("%-*s", width, text)
}
