package istio_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/wasm"
)

// What `cargo xtask image` writes is what Istio's own loader takes; the form that it does not take is refused by it and
// not by the registry.
func TestTheLoaderTakesTheImages(t *testing.T) {
	rows := []struct {
		layout string
		// Of an index the loader compares the digest of the image for linux/amd64, not that of the index.
		compared string
		refused  string
	}{
		{layout: "module", compared: "module-oci"},
		{layout: "module-oci"},
		{layout: "module-docker"},
		{layout: "module-artifact"},
		{layout: "module-wasm", refused: "number of layers must be 2 but got 1"},
	}
	registry := startRegistry(t)
	wanted, err := os.ReadFile(module(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Run(row.layout, func(t *testing.T) {
			digest := pushLayout(t, row.layout, registry+"/registry-auth:"+row.layout)
			if row.compared != "" {
				digest = pushLayout(t, row.compared, registry+"/registry-auth:"+row.compared)
			}
			modules := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{InsecureRegistries: sets.New(registry)})
			defer modules.Cleanup()
			file, err := modules.Get("oci://"+registry+"/registry-auth:"+row.layout, wasm.GetOptions{
				Checksum: strings.TrimPrefix(digest, "sha256:"), ResourceName: row.layout, ResourceVersion: "1",
				RequestTimeout: time.Minute,
			})
			if row.refused != "" {
				if err == nil || !strings.Contains(err.Error(), row.refused) {
					t.Fatalf("%v, and not %q", err, row.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content, wanted) {
				t.Fatal("another module was loaded")
			}
		})
	}
}

// pushLayout pushes what a layout of `target/images` has, and returns the digest of what is tagged.
func pushLayout(t *testing.T, layout, reference string) string {
	t.Helper()
	folder := existing(t, filepath.Join(workspace, "target/images", layout), "cargo xtask image --module")
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Manifests []struct {
			Digest      string            `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	tag := index.Manifests[0].Annotations["org.opencontainers.image.ref.name"]
	command := exec.Command(
		tool(t, "bin/oras"), "cp", "--from-oci-layout", folder+":"+tag, "--to-plain-http", reference,
	)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("oras: %v\n%s", err, output)
	}
	return index.Manifests[0].Digest
}
