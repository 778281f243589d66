package docstest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The same page in two languages.
const english, portuguese = "README.md", "README.pt-BR.md"

var (
	number  = regexp.MustCompile(`\d[\d.,]*\d|\d`)
	comment = regexp.MustCompile(`(?m)(^|\s+)(#|//|--) .*$`)
)

// differences are what one language's page has and the other has not: headings by level, blocks without their comments, links, code, and
// numbers section by section, whose points and commas differ.
func differences(_ *project, pages []page) (faults []string) {
	en, pt := pageAt(pages, english), pageAt(pages, portuguese)
	compare := func(what string, a, b []string) {
		for i := range max(len(a), len(b)) {
			x, y := at(a, i), at(b, i)
			if x != y {
				faults = append(faults, fmt.Sprintf("%s has the %s %q where %s has %q", english, what, x, portuguese, y))
				return // the rest has only moved
			}
		}
	}
	compare("heading of level", levels(en), levels(pt))
	compare("block", commands(en), commands(pt))
	compare("link", targets(en), targets(pt))
	compare("code", slices.Sorted(slices.Values(en.spans)), slices.Sorted(slices.Values(pt.spans)))
	a, b := sections(en), sections(pt)
	for i := range min(len(a), len(b)) {
		compare(fmt.Sprintf("figure, in section %d,", i), numbers(a[i]), numbers(b[i]))
	}
	return faults
}

func pageAt(pages []page, path string) page {
	return pages[slices.IndexFunc(pages, func(p page) bool { return p.path == path })]
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func levels(p page) (all []string) {
	for _, line := range p.headings {
		all = append(all, line[:strings.Index(line, " ")])
	}
	return all
}

// commands are the lines of all blocks but comments. What a figure says in words may differ.
func commands(p page) (all []string) {
	for _, b := range p.blocks {
		if b.language == "" {
			all = append(all, "a figure")
			continue
		}
		for line := range strings.SplitSeq(comment.ReplaceAllString(b.text, ""), "\n") {
			if line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// targets are what a page links to, in any order: sentences differ. Each links to the other, and to its own headings.
func targets(p page) (all []string) {
	for _, match := range link.FindAllStringSubmatch(p.prose, -1) {
		if target := match[1]; !strings.HasPrefix(target, "README.") && !strings.HasPrefix(target, "#") {
			all = append(all, target)
		}
	}
	slices.Sort(all)
	return all
}

func sections(p page) []string {
	return regexp.MustCompile(`(?m)^#+ .*$`).Split(p.prose, -1)
}

func numbers(text string) (all []string) {
	for _, digits := range number.FindAllString(link.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.NewReplacer(".", "", ",", "").Replace(digits))
	}
	slices.Sort(all)
	return all
}
