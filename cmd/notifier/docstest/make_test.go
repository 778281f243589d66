package docstest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	makeCall = regexp.MustCompile(`(?:^|[;&(] ?|\$ )make ((?:[a-z][a-z-]*(?: |$))+)`)
	goRun    = regexp.MustCompile(`\bgo (?:run|install|build|test)\b([^|>#;]*)`)
	goFlag   = regexp.MustCompile(` -([a-z][a-z-]*)(?:[= ]('[^']*'|[^\s-]\S*))?`)
	goPath   = regexp.MustCompile(`(?:^| )\./([\w./-]*)`)
)

// unknownTargets are targets that the Makefile does not have.
func unknownTargets(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.code() {
			for _, match := range makeCall.FindAllStringSubmatch(code, -1) {
				for target := range strings.FieldsSeq(match[1]) {
					if _, ok := p.targets[target]; !ok {
						faults = append(faults, fmt.Sprintf("%s: there is no make %s", page.path, target))
					}
				}
			}
		}
	}
	return faults
}

// silentTargets are targets of `make help` that no page names; "make help: the rest: build, lint" is enough.
func silentTargets(p *project, pages []page) (faults []string) {
	for target, shown := range p.targets {
		named := regexp.MustCompile(`make (?:[a-z-]+ )*` + target + `\b|(?:rest: |, )` + target + `\b`)
		if shown && !slices.ContainsFunc(pages, func(page page) bool { return named.MatchString(page.text) }) {
			faults = append(faults, "no page tells of make "+target)
		}
	}
	return faults
}

// unknownPrograms are calls of the go command whose folder, test, benchmark or flag is not there.
func unknownPrograms(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.code() {
			for _, call := range goRun.FindAllStringSubmatch(code, -1) {
				for _, fault := range p.goFaults(call[1]) {
					faults = append(faults, fmt.Sprintf("%s: %s: %s", page.path, strings.TrimSpace(code), fault))
				}
			}
		}
	}
	return faults
}

func (p *project) goFaults(arguments string) (faults []string) {
	folder, all := "", false
	if match := goPath.FindStringSubmatch(arguments); match != nil {
		folder = path.Clean(strings.TrimSuffix(match[1], "..."))
		all = strings.HasSuffix(match[1], "...")
		if !p.files[folder] {
			return []string{"there is no ./" + match[1]}
		}
	}
	for _, flag := range goFlag.FindAllStringSubmatch(arguments, -1) {
		pattern := strings.Trim(flag[2], "'")
		isTest := flag[1] == "bench" || flag[1] == "fuzz" || flag[1] == "run" && !strings.Contains(arguments, "chaos")
		if isTest && pattern != "xxx" && pattern != "^$" && pattern != "." && pattern != "" && !p.hasFunction(folder, all, pattern) {
			faults = append(faults, "nothing matches "+pattern)
		}
		if !goFlags[flag[1]] && !p.flags[flag[1]] {
			faults = append(faults, "there is no flag -"+flag[1])
		}
	}
	return faults
}

func (p *project) hasFunction(folder string, all bool, pattern string) bool {
	match := regexp.MustCompile(pattern)
	for at, names := range p.functions {
		if at == folder || folder == "" || all && (folder == "." || strings.HasPrefix(at, folder+"/")) {
			if slices.ContainsFunc(names, match.MatchString) {
				return true
			}
		}
	}
	return false
}
