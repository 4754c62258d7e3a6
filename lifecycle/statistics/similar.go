package statistics

import "strings"

// anything stands for words in which messages differ.
const anything = "***"

// group returns the index of the message that text belongs to and what the two have in common, or -1 and text.
func group(messages []errorMessage, text string) (int, string) {
	for i, m := range messages {
		if m.text == text {
			return i, text
		}
	}
	for i, m := range messages {
		if common, ok := similar(m.text, text); ok {
			return i, common
		}
	}
	return -1, text
}

// similar returns what two messages have in common, with "***" for each word that differs or is missing. They are
// similar when less than half as many words differ as the shorter one has.
func similar(a, b string) (string, bool) {
	wordsA, wordsB := strings.Split(a, " "), strings.Split(b, " ")
	if len(wordsA) < len(wordsB) {
		wordsA, wordsB = wordsB, wordsA
	}
	shorter, differ := len(wordsB), 0
	for i, word := range wordsA {
		if i < shorter && wordsB[i] == word {
			continue
		}
		wordsA[i] = anything
		if differ++; 2*differ >= shorter {
			return "", false
		}
	}
	return strings.Join(wordsA, " "), true
}
