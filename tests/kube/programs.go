//go:build programs

// Package programs imports what `cargo xtask kube` builds, so that go.mod and go.sum pin what it needs.
// It is never compiled.
package programs

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
