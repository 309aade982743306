package main

import (
	"bytes"
	"fmt"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
)

// chunk is the most bytes of a body that one callback gets.
const chunk = 16 * 1024

// machine is the emulator with its one plugin, and the request that was sent last. The emulator has
// its state in globals, so that there is one to a process.
type machine struct {
	host    proxytest.HostEmulator
	context uint32
	// Whether there is a request, and whether the module was shown its head and let it go.
	sent, open bool
	// Not shown to the module yet, shown and kept, on its way to the upstream.
	unread, visible, gone []byte
	log                   logged
	// How many callouts of a context were reported.
	seen map[uint32]int
}

// obey does what a command says. The emulator panics when something fails.
func (m *machine) obey(module []byte, given command) (told report) {
	told.Callouts, told.Log = []callout{}, []string{}
	defer func() {
		if failed := recover(); failed != nil {
			text := fmt.Sprint(failed)
			told.Error = &text
		}
		told.Log = append(told.Log, m.log.take()...)
	}()
	switch {
	case given.Start != nil:
		m.start(module, raw(given.Start.Configuration))
	case given.Request != nil:
		m.request(given.Request)
	case given.Answer != nil:
		m.host.CallOnHttpCallResponse(given.Answer.Callout, given.Answer.Headers.raw(), nil, raw(given.Answer.Body))
		m.pump()
	case given.Tick != nil:
		m.host.Tick()
		m.pump()
	case given.Close != nil:
		m.host.CompleteHttpContext(m.context)
		m.sent = false
	}
	told.Progress = m.progress()
	told.Callouts = append(told.Callouts, m.newCallouts()...)
	return told
}

func (m *machine) start(module, configuration []byte) {
	if m.host != nil {
		panic("proxytest has one plugin to a process")
	}
	m.seen = map[uint32]int{}
	vm, err := proxytest.NewWasmVMContext(module)
	if err != nil {
		panic(err)
	}
	options := proxytest.NewEmulatorOption().WithVMContext(vm).WithPluginConfiguration(configuration)
	m.host, _ = proxytest.NewHostEmulator(options)
	if m.host.StartVM() != types.OnVMStartStatusOK {
		panic("the module refuses to start")
	}
	if m.host.StartPlugin() != types.OnPluginStartStatusOK {
		panic("the module refuses the configuration")
	}
}

func (m *machine) request(given *request) {
	m.context = m.host.InitializeHttpContext()
	m.sent, m.open = true, false
	m.unread, m.visible, m.gone = raw(given.Body), nil, nil
	action := m.host.CallOnRequestHeaders(m.context, given.Headers.raw(), len(m.unread) == 0)
	m.open = m.goesOn(action)
	m.pump()
}

// goesOn says whether a request goes on after a callback. The emulator keeps the action, and a
// module that lets the request go on makes it Continue.
func (m *machine) goesOn(action types.Action) bool {
	switch action {
	case types.ActionContinue:
		return true
	case types.ActionPause:
		return false
	}
	panic(fmt.Sprintf("the ABI has no action %d", action))
}

// pump shows the body of the request as far as the module lets it go.
func (m *machine) pump() {
	for m.sent && m.host.GetSentLocalResponse(m.context) == nil {
		if m.host.GetCurrentHttpStreamAction(m.context) == types.ActionContinue {
			m.open = true
			m.gone = append(m.gone, m.visible...)
			m.visible = nil
		}
		if !m.open || len(m.unread) == 0 {
			return
		}
		size := min(chunk, len(m.unread))
		part := m.unread[:size]
		m.unread = m.unread[size:]
		// The emulator shows what the module has kept together with the new part.
		m.visible = append(m.visible, part...)
		m.goesOn(m.host.CallOnRequestBody(m.context, part, len(m.unread) == 0))
	}
}

func (m *machine) progress() any {
	if !m.sent {
		return nil
	}
	if local := m.host.GetSentLocalResponse(m.context); local != nil {
		var told answered
		told.Answered.Status = local.StatusCode
		told.Answered.Headers = texts(local.Headers)
		told.Answered.Body = text(local.Data)
		return told
	}
	if m.open && len(m.unread) == 0 && len(m.visible) == 0 {
		var told forwarded
		told.Forwarded.Headers = texts(m.host.GetCurrentRequestHeaders(m.context))
		told.Forwarded.Body = text(m.gone)
		return told
	}
	return waiting
}

// newCallouts returns those of the plugin since the last time.
func (m *machine) newCallouts() []callout {
	var all []callout
	if m.host == nil {
		return all
	}
	for context := proxytest.PluginContextID; context <= max(m.context, proxytest.PluginContextID); context++ {
		calls := m.host.GetCalloutAttributesFromContext(context)
		for _, call := range calls[m.seen[context]:] {
			all = append(all, callout{call.CalloutID, text(call.Upstream), texts(call.Headers)})
		}
		m.seen[context] = len(calls)
	}
	return all
}

// logged are the lines of the module's log since they were taken. The emulator keeps no lines but
// addresses of them, which the module uses again; so they are taken from what it prints.
type logged []string

// Write takes a line that the emulator prints.
func (l *logged) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("proxy_")) {
		*l = append(*l, text(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

func (l *logged) take() []string {
	lines := *l
	*l = nil
	return lines
}
