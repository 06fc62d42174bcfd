package main

import (
	"bytes"
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
	if err := export.entries(newest.tree.N, tree); err != nil {
		return "", err
	}
	heads, err := export.heads(newest, keys, tree)
	if err != nil {
		return "", err
	}
	if err := export.allUsed(); err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: %d records and %d heads of %s", newest.tree.N, heads, newest.origin), nil
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

// entries checks that each entry is the leaf at its place, bundle by bundle.
func (f *folder) entries(size int64, tree tlog.HashReader) error {
	for first := int64(0); first < size; first += 1 << tileHeight {
		width := size - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: first >> tileHeight, W: int(width)}
		name := "tile/entries/" + strings.TrimPrefix(withoutHeight(tile.Path()), "0/")
		bundle, err := f.read(name)
		if err != nil {
			return err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := tree.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, leaf := range leaves {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("%s: ends before entry %d", name, first+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:end]) != leaf {
				return fmt.Errorf("%s: entry %d is not the one that was logged", name, first+int64(i))
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("%s: goes on behind its last entry", name)
		}
	}
	return nil
}

// heads checks that each head that was ever signed is a prefix of the newest; they stand in order of their size.
func (f *folder) heads(newest head, keys []string, tree tlog.HashReader) (int, error) {
	text, err := f.read("checkpoints")
	if err != nil {
		return 0, err
	}
	notes := bytes.Split(text, []byte("---\n"))
	last := int64(-1)
	for i, signed := range notes {
		older, err := openHead(signed, keys)
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
	if last != newest.tree.N {
		return 0, errors.New("checkpoints: the newest is not among them")
	}
	return len(notes), nil
}

// allUsed refuses files of the log that nothing has verified.
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
			return fmt.Errorf("%s: is no part of the tree", name)
		}
		return nil
	})
}
