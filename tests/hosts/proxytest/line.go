package main

import "fmt"

// fields are header fields in order. The characters of a text are bytes, up to U+00FF.
type fields [][2]string

// command is what is to be done: one of its members.
type command struct {
	Start   *start    `json:"start"`
	Request *request  `json:"request"`
	Answer  *answer   `json:"answer"`
	Tick    *struct{} `json:"tick"`
	Close   *struct{} `json:"close"`
}

type start struct {
	Configuration string `json:"configuration"`
}

type request struct {
	Headers fields `json:"headers"`
	Body    string `json:"body"`
}

type answer struct {
	Callout uint32 `json:"callout"`
	Headers fields `json:"headers"`
	Body    string `json:"body"`
}

// report is what has come of a command.
type report struct {
	Error    *string   `json:"error,omitempty"`
	Progress any       `json:"progress,omitempty"`
	Callouts []callout `json:"callouts"`
	Log      []string  `json:"log"`
}

// waiting is the progress of a request that the module has paused.
const waiting = "waiting"

type answered struct {
	Answered struct {
		Status  uint32 `json:"status"`
		Headers fields `json:"headers"`
		Body    string `json:"body"`
	} `json:"answered"`
}

type forwarded struct {
	Forwarded struct {
		Headers fields `json:"headers"`
		Body    string `json:"body"`
	} `json:"forwarded"`
}

type callout struct {
	Number   uint32 `json:"number"`
	Upstream string `json:"upstream"`
	Headers  fields `json:"headers"`
}

// raw returns the bytes of a text.
func raw(text string) []byte {
	var taken []byte
	for _, character := range text {
		if character > 0xff {
			panic(fmt.Sprintf("%q is no byte", character))
		}
		taken = append(taken, byte(character))
	}
	return taken
}

// text returns the text of bytes.
func text[T string | []byte](given T) string {
	characters := make([]rune, len(given))
	for i := range len(given) {
		characters[i] = rune(given[i])
	}
	return string(characters)
}

// raw returns fields as the emulator takes them.
func (f fields) raw() [][2]string {
	taken := make([][2]string, len(f))
	for i, field := range f {
		taken[i] = [2]string{string(raw(field[0])), string(raw(field[1]))}
	}
	return taken
}

// texts returns fields of the emulator.
func texts(given [][2]string) fields {
	taken := make(fields, len(given))
	for i, field := range given {
		taken[i] = [2]string{text(field[0]), text(field[1])}
	}
	return taken
}
