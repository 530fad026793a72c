package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// longestInput is how much is read from a file or from stdin.
const longestInput = 16 << 20

// read returns what is in a file, or on stdin for "-".
func (o *output) read(path string) ([]byte, error) {
	in := o.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", path, errors.Unwrap(err))
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, longestInput+1))
	if err == nil && len(text) > longestInput {
		err = fmt.Errorf("%s is larger than 16 MiB", path)
	}
	return text, err
}

// secret asks for a secret, which is not shown while it is typed; where there is nobody to ask it is the first line of stdin.
func (o *output) secret(prompt string) (string, error) {
	if file, ok := o.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(o.talk, "%s: ", prompt)
		text, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(o.talk)
		return string(text), err
	}
	line, err := bufio.NewReader(io.LimitReader(o.in, 64<<10)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
