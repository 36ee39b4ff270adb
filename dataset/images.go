package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// openImages lists the pictures of images("train", "val"): a folder of a split has a folder for each class, named alike in both; the
// classes are numbered in the order of their names.
func openImages(spec Spec, dir string) (*Data, error) {
	if len(spec.Files) != 2 {
		return nil, &Error{What: "opening images", Expected: `images("train", "val"), two folders`, Found: fmt.Sprintf("%d of them", len(spec.Files))}
	}
	data, classes := &Data{Name: spec.Name}, []string(nil)
	for i, s := range []**Split{&data.Train, &data.Test} {
		root := spec.Files[i]
		if !filepath.IsAbs(root) {
			root = filepath.Join(dir, root)
		}
		p, names, labels, err := listPictures(root, classes)
		if err != nil {
			return nil, err
		}
		classes = names
		p.h, p.w, p.c = spec.H, spec.W, spec.C
		if spec.C != 1 && spec.C != 3 || spec.H*spec.W == 1 {
			return nil, &Error{What: "opening images", Expected: "a network whose input is an image of 1 channel (grey) or 3 (red, green, blue)", Found: shape(spec.H, spec.W, spec.C),
				Remedy: "write for example `input image 32x32x3` in the program"}
		}
		if i == 0 && spec.Augment == nil {
			panic("bug: pictures without a generator of random numbers for their crops")
		}
		p.prepare()
		if *s, err = split(spec, i == 0, p, spec.H, spec.W, spec.C, classes, labels, nil); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// pictureEndings is what the names of pictures end in, in small letters.
var pictureEndings = []string{".jpg", ".jpeg", ".png"}

// listPictures lists the pictures of a split by class and name. classes, where not nil, are those that the split may have.
func listPictures(root string, classes []string) (*pictures, []string, []int32, error) {
	fault := func(folder, expected, found string) error {
		return &Error{What: "opening images in", File: folder, Expected: expected, Found: found, Remedy: dataRemedy}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, nil, nil, &Error{What: "opening images in", File: root, Expected: "a folder for each class", Err: err, Remedy: dataRemedy}
	}
	p, names, labels := &pictures{root: root}, classes, []int32(nil)
	for _, e := range entries { // sorted by name
		if strings.HasPrefix(e.Name(), ".") || !isFolder(root, e) {
			continue
		}
		label := len(names)
		if classes != nil {
			if label = slices.Index(classes, e.Name()); label < 0 {
				return nil, nil, nil, fault(root, "the classes of the training pictures", "the folder "+e.Name())
			}
		} else {
			names = append(names, e.Name())
		}
		files, err := os.ReadDir(filepath.Join(root, e.Name()))
		if err != nil {
			return nil, nil, nil, openFault(filepath.Join(root, e.Name()), err)
		}
		before := len(p.files)
		for _, f := range files {
			if slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(f.Name()))) && isFile(filepath.Join(root, e.Name()), f) {
				p.files = append(p.files, filepath.Join(e.Name(), f.Name()))
				labels = append(labels, int32(label))
			}
		}
		if len(p.files) == before {
			return nil, nil, nil, fault(filepath.Join(root, e.Name()), "JPEG or PNG files", "none")
		}
	}
	if len(p.files) == 0 {
		return nil, nil, nil, fault(root, "a folder of pictures for each class", "no folder")
	}
	return p, names, labels, nil
}

// isFile also follows links. A link that leads nowhere passes for one, so that it is missed when it is opened.
func isFile(folder string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := os.Stat(filepath.Join(folder, e.Name()))
	return err != nil || info.Mode().IsRegular()
}

// isFolder also follows links, as a class of another copy of the set may be one.
func isFolder(root string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(root, e.Name()))
	return err == nil && info.IsDir()
}
