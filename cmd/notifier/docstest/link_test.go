package docstest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	slugless  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	linkText  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	pathShape = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_./-]*$`)
	fileShape = regexp.MustCompile(`\.(go|md|sql|ts|tsx|js|mjs|json|ya?ml|toml|html|css|service|conf|cfg|sh)$`)
	routes    = regexp.MustCompile(`^/[a-z$][\w./-]*$`)
	ofSystems = regexp.MustCompile(`^/(etc|usr|var|run|opt|tmp|dev|proc|home|root|srv|bin|path|lib)\b`)
)

// brokenLinks are links to files and headings that are not there.
func brokenLinks(p *project, pages []page) (faults []string) {
	anchors := map[string][]string{}
	for _, page := range pages {
		anchors[page.path] = page.anchors()
	}
	for _, page := range pages {
		for _, match := range link.FindAllStringSubmatch(page.prose, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := page.path
			if target != "" {
				file = path.Join(path.Dir(page.path), target)
			}
			switch {
			case !p.files[file]:
				faults = append(faults, fmt.Sprintf("%s: the link to %s leads nowhere", page.path, match[1]))
			case anchor != "" && !slices.Contains(anchors[file], anchor):
				faults = append(faults, fmt.Sprintf("%s: %s has no heading #%s", page.path, file, anchor))
			}
		}
	}
	return faults
}

// anchors are the names that GitHub gives to headings.
func (p page) anchors() []string {
	var all []string
	for _, line := range p.headings {
		_, title, _ := strings.Cut(line, " ")
		title = linkText.ReplaceAllString(title, "$1")
		name := strings.ReplaceAll(slugless.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
		unique := name
		for n := 1; slices.Contains(all, unique); n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		all = append(all, unique)
	}
	return all
}

// missingFiles are paths, in code of the prose, that look like ours and are not there: from the page's folder, from the project's, or,
// for a name without a folder, from anywhere.
func missingFiles(p *project, pages []page) (faults []string) {
	names := map[string]bool{}
	for file := range p.files {
		names[path.Base(file)] = true
	}
	for _, page := range pages {
		for _, code := range page.spans {
			first, _, nested := strings.Cut(code, "/")
			here := path.Dir(page.path)
			switch {
			case !pathShape.MatchString(code) || code[0] == '.' && !nested || filesOfReaders[code] != "":
			case p.files[path.Clean(code)], p.files[path.Join(here, code)], strings.HasPrefix(code, "bin/"):
			case !nested && (!fileShape.MatchString(code) || names[code]):
			case nested && !p.files[first] && !p.files[path.Join(here, first)] && !fileShape.MatchString(code):
			default:
				faults = append(faults, fmt.Sprintf("%s: there is no file %s", page.path, code))
			}
		}
	}
	return faults
}

// missingRoutes are addresses of ours, like `/readyz`, that the code does not know.
func missingRoutes(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.spans {
			if routes.MatchString(code) && !ofSystems.MatchString(code) && !p.has(strings.TrimSuffix(code, "/")) && routesOfOthers[code] == "" {
				faults = append(faults, fmt.Sprintf("%s: nothing answers at %s", page.path, code))
			}
		}
	}
	return faults
}
