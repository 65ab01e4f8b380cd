package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"phasl/internal/assets"
)

// licences shows the licences of files and returns an error unless the user
// accepts every one, by --accept or, on a terminal, by answering yes.
func (c *assetsPullCmd) licences(ctx context.Context, s streams, m *assets.Manifest, files []*assets.File) error {
	asked := m.LicencesOf(files)
	if len(asked) == 0 {
		return nil
	}
	accepted := func(id string) bool {
		return slices.ContainsFunc(c.Accept, func(a string) bool { return strings.EqualFold(a, id) })
	}
	fmt.Fprintf(s.err, "%d %s to fetch, under %d %s:\n", len(files), plural(len(files), "file", "files"), len(asked), plural(len(asked), "licence", "licences"))
	var open, all []string
	for _, l := range asked {
		all = append(all, l.ID)
		mark := ""
		if accepted(l.ID) {
			mark = " (accepted)"
		} else {
			open = append(open, l.ID)
		}
		fmt.Fprintf(s.err, "\n%s%s: %s\n  %s\n  %s\n", l.ID, mark, l.Name, l.URL, l.Terms)
		for _, f := range files {
			if f.Under(l.ID) {
				fmt.Fprintf(s.err, "    %s: %s; %s\n", f.Name, f.Title, f.Citation)
			}
		}
	}
	fmt.Fprintln(s.err)
	if len(open) == 0 {
		return nil
	}
	command := "phasl assets pull " + strings.Join(c.Names, " ")
	for _, x := range [][2]string{{"dir", c.Dir}, {"manifest", c.Manifest}, {"base-url", c.BaseURL}} {
		if x[1] != "" {
			command += " --" + x[0] + " " + quoted(x[1])
		}
	}
	command += " --accept " + strings.Join(all, ",")
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError{fmt.Sprintf("%s not accepted: %s; nothing was fetched\n  fix: if you accept them all: %s",
			plural(len(open), "a licence is", "licences are"), strings.Join(open, ", "), command)}
	}
	in := bufio.NewReader(os.Stdin)
	for _, id := range open {
		fmt.Fprintf(s.err, "Do you accept %s? [y/N] ", id)
		answer, err := readLine(ctx, in)
		if err != nil {
			return err
		}
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return usageError{id + " was not accepted; nothing was fetched"}
		}
	}
	return nil
}

// quoted writes a value so that a shell reads it as one word.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@%+=,", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// readLine reads a line, "" at the end of the input, and stops waiting when ctx
// is done.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := in.ReadString('\n')
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-got:
		if l.err == io.EOF {
			l.err = nil
		}
		return l.text, l.err
	}
}
