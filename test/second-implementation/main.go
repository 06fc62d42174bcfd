// Verifies Lockkeeper's receipts and exports without any of Lockkeeper's code: signed notes and Merkle trees are those of
// Go's checksum database (golang.org/x/mod/sumdb), the formats those of c2sp.org.
//
//	second-implementation receipt KEYS FILE...
//	second-implementation export  KEYS FOLDER...
//
// KEYS is a file of verifier keys, one a line: whom to believe. Prints a line for each FILE or FOLDER, "ok" or what is
// wrong, and exits with 1 when anything was wrong.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 4 || (os.Args[1] != "receipt" && os.Args[1] != "export") {
		fmt.Fprintln(os.Stderr, "usage: second-implementation receipt|export KEYS FILE...")
		os.Exit(2)
	}
	keys, err := readKeys(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	verify := verifyReceipt
	if os.Args[1] == "export" {
		verify = verifyExport
	}
	code := 0
	for _, path := range os.Args[3:] {
		said, err := verify(path, keys)
		if err != nil {
			code = 1
			said = "WRONG: " + err.Error()
		}
		fmt.Printf("%s: %s\n", path, said)
	}
	os.Exit(code)
}

func readKeys(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return nil, errors.New("the keys do not end in a newline")
	}
	keys := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("a key cannot be used: %w", err)
		}
		// The library reads capital hexadecimal digits, too.
		if !strings.HasPrefix(key, fmt.Sprintf("%s+%08x+", verifier.Name(), verifier.KeyHash())) {
			return nil, errors.New("a key is not written as keys are")
		}
	}
	return keys, nil
}

// A head of a log whose signature was verified (c2sp.org/tlog-checkpoint).
type head struct {
	origin string
	tree   tlog.Tree
}

func openHead(signed []byte, keys []string) (head, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return head{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return head{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return head{}, errors.New("the head is not three lines")
	}
	size, err := decimal(lines[1])
	if err != nil {
		return head{}, err
	}
	root, err := hash(lines[2])
	if err != nil {
		return head{}, err
	}
	own := false
	for _, signature := range opened.Sigs {
		// The library reads base64 whose last, unused bits are anything.
		if _, err := canonical(signature.Base64); err != nil {
			return head{}, err
		}
		own = own || signature.Name == lines[0]
	}
	if own {
		return head{lines[0], tlog.Tree{N: size, Hash: root}}, nil
	}
	return head{}, errors.New("the head is of another log than its key")
}

// verifyReceipt reads a c2sp.org/tlog-proof whose extra data is the record.
func verifyReceipt(path string, keys []string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	end := bytes.Index(text, []byte("\n\n"))
	if end < 0 {
		return "", errors.New("no empty line")
	}
	lines := strings.Split(string(text[:end]), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return "", errors.New("not a proof")
	}
	if !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return "", errors.New("no record or no index")
	}
	record, err := canonical(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return "", err
	}
	index, err := decimal(strings.TrimPrefix(lines[2], "index "))
	if err != nil {
		return "", err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		sibling, err := hash(line)
		if err != nil {
			return "", err
		}
		proof = append(proof, sibling)
	}
	signed, err := openHead(text[end+2:], keys)
	if err != nil {
		return "", err
	}
	if index >= signed.tree.N {
		return "", errors.New("the index is not in the tree")
	}
	if err := tlog.CheckRecord(proof, signed.tree.N, signed.tree.Hash, index, tlog.RecordHash(record)); err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: record %d of %d in %s, %d bytes", index, signed.tree.N, signed.origin, len(record)), nil
}

// decimal reads a number as c2sp.org writes them: digits without leading zeroes.
func decimal(text string) (int64, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, errors.New("not a decimal number")
	}
	return number, nil
}

func hash(text string) (tlog.Hash, error) {
	var result tlog.Hash
	data, err := canonical(text)
	if err != nil || len(data) != len(result) {
		return result, errors.New("not a hash")
	}
	copy(result[:], data)
	return result, nil
}

// canonical decodes base64 that is written in the one way of writing it.
func canonical(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return nil, errors.New("not base64")
	}
	return data, nil
}
