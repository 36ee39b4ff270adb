package dataset

import (
	"os"
	"path/filepath"
	"strings"
)

// dataRemedy is how to say where the data is.
const dataRemedy = "name the folder with --data DIR or BNET_DATA"

// find is the path of each file, in the first of the folders dir, dir/sub… that has any of them. Each may also end in one of the endings. A file
// that is nowhere is an error that names what was looked for, where, and where the set is published.
func find(set, dir string, subs, files, endings []string, published string) ([]string, error) {
	paths, searched := make([]string, len(files)), []string{}
	best, missing := -1, ""
	for _, sub := range append([]string{"."}, subs...) {
		folder := filepath.Join(dir, sub)
		searched = append(searched, folder)
		found, absent := make([]string, len(files)), []string{}
		n := 0
		for i, f := range files {
			for _, end := range append([]string{""}, endings...) {
				if p := filepath.Join(folder, f+end); exists(p) {
					found[i] = p
					n++
					break
				}
			}
			if found[i] == "" {
				absent = append(absent, f)
			}
		}
		if n > best {
			best, paths, missing = n, found, strings.Join(absent, ", ")
		}
	}
	if best == len(files) {
		return paths, nil
	}
	expected := strings.Join(files, ", ")
	if len(endings) > 0 {
		expected += " (or with " + strings.Join(endings, ", ") + ")"
	}
	found := "none of them"
	if best > 0 {
		found = "all but " + missing
	}
	return nil, &Error{What: "opening " + set + " in " + strings.Join(searched, " or "), Expected: expected, Found: found,
		Remedy: "get the files from " + published + " and " + dataRemedy}
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
