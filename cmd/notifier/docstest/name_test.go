package docstest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	snake     = regexp.MustCompile(`^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$`)
	inner     = regexp.MustCompile(`[A-Za-z0-9_]+`)
	prefixed  = regexp.MustCompile(`\bnotifier_[a-z0-9_]*[a-z0-9]\b(?:\{([a-z]+)|\.\w+)?`)
	dotted    = regexp.MustCompile(`(^|[^\w./-])notifier(?:\.[a-z_][a-z0-9_]*)+`)
	closeCode = regexp.MustCompile(`(?:\b[Cc]los\w+|\bcodes?) (?:by |with |as )?(1\d{3})\b|\b(44\d\d)\b`)
)

// unknownWords are names_like_this, in code, that occur nowhere in the code: log events and their keys, codes, columns, outcomes.
func unknownWords(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.spans {
			if fileShape.MatchString(code) || filesOfReaders[code] != "" {
				continue // missingFiles looks for it
			}
			for _, word := range inner.FindAllString(code, -1) {
				known := p.words[word] || p.indexes[word] || p.isMetric(strings.TrimPrefix(word, "notifier_")) || wordsOfOthers[word] != ""
				if snake.MatchString(word) && !known {
					faults = append(faults, fmt.Sprintf("%s: nothing is called %s (in `%s`)", page.path, word, code))
				}
			}
		}
	}
	return faults
}

// isMetric tells whether a name, without prefix, is one of /metrics.
func (p *project) isMetric(name string) bool {
	if _, ok := p.metrics[name]; ok {
		return true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && strings.HasSuffix(base, "_seconds") {
			_, ok := p.metrics[base]
			return ok
		}
	}
	return false
}

// unknownMetrics are names with our prefix that are no metric, nor anything else of ours (roles, channels, triggers); and labels that a
// metric does not have.
func unknownMetrics(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, match := range prefixed.FindAllStringSubmatch(page.text, -1) {
			full, _, _ := strings.Cut(match[0], "{")
			if filesOfReaders[full] != "" {
				continue
			}
			full, _, _ = strings.Cut(full, ".") // the end of a sentence, or more
			name := strings.TrimPrefix(full, "notifier_")
			labels, ok := p.metrics[name]
			if !p.isMetric(name) && !p.words[full] {
				faults = append(faults, fmt.Sprintf("%s: there is no metric %s", page.path, full))
			} else if ok && !slices.Contains(append(strings.Split(labels, ","), "", "job", "instance"), match[1]) { // those two are Prometheus's
				faults = append(faults, fmt.Sprintf("%s: %s has no label %s", page.path, full, match[1]))
			}
		}
	}
	return faults
}

// unknownObjects are notifier.names that are neither in the database's schema nor anywhere in the code (attributes of traces, a subprotocol).
func unknownObjects(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.code() {
			for _, match := range dotted.FindAllString(code, -1) {
				name := match[strings.Index(match, "notifier"):]
				object := strings.Split(name, ".")[1]
				// A host of an example, or a file that the reader makes.
				if !p.objects[object] && !strings.HasSuffix(name, ".example") && !p.has(name) && filesOfReaders[name] == "" {
					faults = append(faults, fmt.Sprintf("%s: there is no %s", page.path, name))
				}
			}
		}
	}
	return faults
}

// silentObjects are tables, views and functions of the schema that sql/README.md does not tell of: DBAs meet them all.
func silentObjects(p *project, pages []page) (faults []string) {
	at := slices.IndexFunc(pages, func(page page) bool { return page.path == "sql/README.md" })
	for object, isObject := range p.objects {
		if isObject && !regexp.MustCompile(`notifier\.`+object+`\b`).MatchString(pages[at].text) {
			faults = append(faults, "sql/README.md does not tell of notifier."+object)
		}
	}
	return faults
}

var (
	closeRow    = regexp.MustCompile(`(?m)^\| (1\d{3}|4\d{3}) \| ([^|]+) \|`)
	parenthesis = regexp.MustCompile(` \([^)]*\)`)
)

// unknownEndings are close codes that wsroom does not have, and lines of tables of close codes with error codes that do not belong to them.
func unknownEndings(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, match := range closeCode.FindAllStringSubmatch(page.text, -1) {
			if code := match[1] + match[2]; p.endings[code] == nil && codesOfOthers[code] == "" {
				faults = append(faults, fmt.Sprintf("%s: there is no close code %s", page.path, code))
			}
		}
		for _, row := range closeRow.FindAllStringSubmatch(page.text, -1) {
			codes, _, _ := strings.Cut(parenthesis.ReplaceAllString(row[2], ""), ":")
			for code := range strings.SplitSeq(codes, ", ") {
				if code = strings.Trim(code, " `"); codesOfOthers[row[1]] == "" && !slices.Contains(p.endings[row[1]], code) {
					faults = append(faults, fmt.Sprintf("%s: %s does not come with the code %s", page.path, row[1], code))
				}
			}
		}
	}
	return faults
}

// silentEndings are close codes and error codes that are not on one line of wsroom/README.md's table.
func silentEndings(p *project, pages []page) (faults []string) {
	at := slices.IndexFunc(pages, func(page page) bool { return page.path == "wsroom/README.md" })
	for closing, codes := range p.endings {
		row := regexp.MustCompile(`(?m)^\|[^|\n]*\b` + closing + `\b.*$`).FindString(pages[at].text)
		for _, code := range codes {
			if !regexp.MustCompile(`\b` + code + `\b`).MatchString(row) {
				faults = append(faults, fmt.Sprintf("wsroom/README.md has no line with %s and %s", closing, code))
			}
		}
	}
	return faults
}

// has tells whether a text occurs in the code, with nothing of a name before or behind it. (A regular expression would take a second for each.)
func (p *project) has(text string) bool {
	for from := 0; ; {
		i := strings.Index(p.source[from:], text)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(text)
		if !ofName.MatchString(p.source[max(0, begin-1):begin]) && !ofName.MatchString(p.source[end:min(end+1, len(p.source))]) {
			return true
		}
		from = end
	}
}

var ofName = regexp.MustCompile(`^\w$`)
