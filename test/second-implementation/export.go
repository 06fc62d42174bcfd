package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hashes in a tile: 2^8 (c2sp.org/tlog-tiles).
const tileHeight = 8

// SHA-256 of the README.txt of export format 1, which never changes.
const readmeSum = "80b4a6dacc715e41b1d39ba3bcd7eab12ca6b35b8e57612ff3e62a9178640d75"

// folder is an export on disk. It remembers which files were needed, so that none is left unverified.
type folder struct {
	path string
	used map[string]bool
}

func (f *folder) read(name string) ([]byte, error) {
	f.used[name] = true
	return os.ReadFile(filepath.Join(f.path, filepath.FromSlash(name)))
}

// Height, ReadTiles and SaveTiles make it a tlog.TileReader.
func (f *folder) Height() int { return tileHeight }

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := f.read("tile/" + withoutHeight(tile.Path()))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (f *folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

// withoutHeight turns the checksum database's tile/8/<L>/<N> into what stands behind c2sp.org/tlog-tiles' tile/.
func withoutHeight(path string) string {
	return strings.TrimPrefix(path, fmt.Sprintf("tile/%d/", tileHeight))
}

// verifyExport recomputes the whole tree from the entries and compares it with every head that was ever signed.
func verifyExport(path string, trusted []string) (string, error) {
	export := &folder{path, map[string]bool{}}
	if err := export.readme(); err != nil {
		return "", err
	}
	keys, err := export.keys(trusted)
	if err != nil {
		return "", err
	}
	signed, err := export.read("checkpoint")
	if err != nil {
		return "", err
	}
	newest, err := openHead(signed, trusted)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	// Whatever this reader returns has been authenticated against the signed root.
	tree := tlog.TileHashReader(newest.tree, export)
	pruned, err := export.entries(newest.tree.N, tree)
	if err != nil {
		return "", err
	}
	heads, err := export.heads(signed, newest, keys, tree)
	if err != nil {
		return "", err
	}
	if err := export.allUsed(); err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: %d records, %d of them pruned, and %d heads of %s",
		newest.tree.N, pruned, heads, newest.origin), nil
}

// readme proves nothing of the log, but nobody is to be told something else by it.
func (f *folder) readme() error {
	text, err := f.read("README.txt")
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(text, []byte("Lockkeeper audit log, export format 1\n")) {
		return errors.New("README.txt: not of format 1")
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(text)); sum != readmeSum {
		return fmt.Errorf("README.txt: is another one: %s", sum)
	}
	return nil
}

// keys are those that the export names; they count only because a trusted one is among them.
func (f *folder) keys(trusted []string) ([]string, error) {
	f.used["keys"] = true
	keys, err := readKeys(filepath.Join(f.path, "keys"))
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		for _, believed := range trusted {
			if key == believed {
				return keys, nil
			}
		}
	}
	return nil, errors.New("keys: none of them is trusted")
}

// entries checks that each entry is the leaf at its place, bundle by bundle, and that just those are missing that the
// export says were pruned. Returns how many.
func (f *folder) entries(size int64, tree tlog.HashReader) (int64, error) {
	var missing []int64
	for first := int64(0); first < size; first += 1 << tileHeight {
		width := size - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: first >> tileHeight, W: int(width)}
		name := "tile/entries/" + strings.TrimPrefix(withoutHeight(tile.Path()), "0/")
		bundle, err := f.read(name)
		if err != nil {
			return 0, err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := tree.ReadHashes(indexes)
		if err != nil {
			return 0, err
		}
		for i, leaf := range leaves {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return 0, fmt.Errorf("%s: ends before entry %d", name, first+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			if end == 2 {
				missing = append(missing, first+int64(i))
			} else if tlog.RecordHash(bundle[2:end]) != leaf {
				return 0, fmt.Errorf("%s: entry %d is not the one that was logged", name, first+int64(i))
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return 0, fmt.Errorf("%s: goes on behind its last entry", name)
		}
	}
	return int64(len(missing)), f.pruned(missing)
}

// pruned compares what is missing with what the export says is missing: "<first> <last>" a line.
func (f *folder) pruned(missing []int64) error {
	text, err := f.read("pruned")
	if err != nil {
		return err
	}
	var ranges bytes.Buffer
	for i := 0; i < len(missing); {
		last := i
		for last+1 < len(missing) && missing[last+1] == missing[last]+1 {
			last++
		}
		fmt.Fprintf(&ranges, "%d %d\n", missing[i], missing[last])
		i = last + 1
	}
	if !bytes.Equal(text, ranges.Bytes()) {
		return errors.New("pruned: does not say which entries are missing")
	}
	return nil
}

// heads checks that each head that was ever signed is a prefix of the newest; they stand in order of their size, each
// followed by a line of its own.
func (f *folder) heads(signed []byte, newest head, keys []string, tree tlog.HashReader) (int, error) {
	text, err := f.read("checkpoints")
	if err != nil {
		return 0, err
	}
	separator := []byte("\n---\n")
	if !bytes.HasSuffix(text, append(signed, separator[1:]...)) {
		return 0, errors.New("checkpoints: the newest is not the last of them")
	}
	notes := bytes.Split(bytes.TrimSuffix(text, separator), separator)
	last := int64(-1)
	for i, lines := range notes {
		older, err := openHead(append(lines[:len(lines):len(lines)], '\n'), keys)
		if err != nil {
			return 0, fmt.Errorf("checkpoints: number %d: %w", i, err)
		}
		if older.origin != newest.origin || older.tree.N <= last || older.tree.N > newest.tree.N {
			return 0, fmt.Errorf("checkpoints: number %d is of another log or out of order", i)
		}
		last = older.tree.N
		root, err := tlog.TreeHash(older.tree.N, tree)
		if err != nil {
			return 0, err
		}
		if root != older.tree.Hash {
			return 0, fmt.Errorf("checkpoints: the head of %d records is not a prefix of the newest", older.tree.N)
		}
	}
	return len(notes), nil
}

// allUsed refuses files that nothing has verified.
func (f *folder) allUsed() error {
	return filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.path, path)
		if err != nil {
			return err
		}
		if !f.used[filepath.ToSlash(name)] {
			return fmt.Errorf("%s: is no part of the export", name)
		}
		return nil
	})
}
