//go:build schemas

// Package schemas imports from the modules whose files hold the schemas, so that go.sum pins them.
// It is never compiled.
package schemas

import (
	_ "github.com/envoyproxy/gateway/api/v1alpha1"
	_ "istio.io/istio/pkg/version"
)
