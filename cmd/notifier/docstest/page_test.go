package docstest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the project's folder, seen from this package's.
const root = "../../.."

// page is one Markdown file, in the parts that the checks look at.
type page struct {
	path     string // from the project's folder, with slashes
	text     string
	prose    string // without blocks
	blocks   []block
	spans    []string // `code` in the prose
	headings []string // with their #
}

// block is code on lines of its own: fenced, or indented by four.
type block struct {
	language string // what stands behind the fence
	text     string
}

var (
	span      = regexp.MustCompile("`([^`\n]+)`")
	continued = regexp.MustCompile(` *\\\n *`)
	heading   = regexp.MustCompile(`^#+ `)
)

// configuration are files of deploy/ that are no pages and name what is ours, too: each is read as one block.
var configuration = regexp.MustCompile(`^deploy/.*(\.ya?ml|\.service|\.conf|\.env|\.toml|\.cfg|Dockerfile|Caddyfile)$|^\.github/`)

// readPages are all Markdown files of the project, but those of installed packages.
func readPages(t testing.TB) []page {
	t.Helper()
	var pages []page
	walk(t, func(path, text string) {
		if strings.HasSuffix(path, ".md") {
			pages = append(pages, parsePage(path, text))
		} else if configuration.MatchString(path) {
			pages = append(pages, page{path: path, text: text, blocks: []block{{text: text}}})
		}
	})
	if len(pages) < 9 {
		t.Fatalf("only %d pages are found: the search is wrong", len(pages))
	}
	return pages
}

// walk calls visit with every file of the project that is text and was written by people.
func walk(t testing.TB, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+"/"))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", ".git", "dist", "bin"}, entry.Name()):
			return filepath.SkipDir
		case !entry.Type().IsRegular() || entry.Name() == "package-lock.json" || entry.Name() == "go.sum":
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && !strings.ContainsRune(string(text[:min(len(text), 1000)]), 0) {
			visit(rel, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func parsePage(path, text string) page {
	p := page{path: path, text: text}
	var prose []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			var inside []string
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
				inside = append(inside, strings.TrimPrefix(lines[i], indent))
			}
			p.blocks = append(p.blocks, block{fence, strings.Join(inside, "\n")})
			continue
		}
		if len(indent) >= 4 && (len(prose) == 0 || prose[len(prose)-1] == "") {
			var inside []string
			for ; i < len(lines) && (lines[i] == "" || strings.HasPrefix(lines[i], "    ")); i++ {
				inside = append(inside, strings.TrimPrefix(lines[i], "    "))
			}
			i--
			p.blocks = append(p.blocks, block{"", strings.TrimRight(strings.Join(inside, "\n"), "\n")})
			prose = append(prose, "")
			continue
		}
		if heading.MatchString(line) {
			p.headings = append(p.headings, line)
		}
		prose = append(prose, line)
	}
	p.prose = strings.Join(prose, "\n")
	for _, match := range span.FindAllStringSubmatch(p.prose, -1) {
		p.spans = append(p.spans, match[1])
	}
	return p
}

// code are all pieces of code of a page: blocks line by line, lines that go on joined, and spans.
func (p page) code() []string {
	var all []string
	for _, b := range p.blocks {
		all = append(all, strings.Split(continued.ReplaceAllString(b.text, " "), "\n")...)
	}
	return append(all, p.spans...)
}

// section is what stands under a heading, until the next of the same level.
func (p page) section(title string) string {
	_, section, _ := strings.Cut("\n"+p.text, "\n"+title+"\n")
	level := title[:strings.Index(title, " ")+1]
	section, _, _ = strings.Cut(section, "\n"+level)
	return section
}
