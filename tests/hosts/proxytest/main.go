// Runs the module on proxytest, the host emulator of the Go SDK, as lines on standard input say;
// tests/hosts/README.md describes them.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("give the path of the module")
	}
	module, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var host machine
	log.SetFlags(0)
	log.SetOutput(&host.log)
	lines := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var given command
		if err := json.Unmarshal(line, &given); err != nil {
			return err
		}
		if err := output.Encode(host.obey(module, given)); err != nil {
			return err
		}
	}
}
