#!/bin/sh
# The steps of action.yml, whose inputs are in INPUT_*. POSIX sh and curl; jq only where a config.json of others is changed.
set -eu

name=docker-credential-registry-auth

fail() {
    printf '::error::%s\n' "$1"
    exit 1
}

# Text of these characters needs no escaping in JSON, in a command of the runner or in a URL.
plain() {
    case $2 in
        *[!A-Za-z0-9._:/@+~-]*) fail "$1: only letters, digits and . _ : / @ + ~ - are possible" ;;
    esac
}

# The program, from where there is one.
program() {
    mkdir -p "$folder/bin"
    if [ -n "${INPUT_PROGRAM:-}" ]; then
        [ -x "$INPUT_PROGRAM" ] || fail "program: $INPUT_PROGRAM is not a program"
        cp "$INPUT_PROGRAM" "$folder/bin/$name"
    elif command -v "$name" >/dev/null; then
        [ "$(command -v "$name")" = "$folder/bin/$name" ] || cp "$(command -v "$name")" "$folder/bin/$name"
    else
        case ${RUNNER_OS:-}-${RUNNER_ARCH:-} in
            Linux-X64) machine=linux-amd64 ;;
            Linux-ARM64) machine=linux-arm64 ;;
            *) fail "there is no $name for ${RUNNER_OS:-this system}: build it, and name it in the input program, or write method: login" ;;
        esac
        release=https://github.com/registry-auth/registry-auth/releases/download
        curl --silent --show-error --fail --location --proto '=https' --max-time 60 --retry 2 \
            --output "$folder/new" "$release/v$INPUT_VERSION/$name-$machine" || fail "$name $INPUT_VERSION cannot be fetched"
        if [ -n "${INPUT_SHA256:-}" ]; then
            printf '%s  %s\n' "$INPUT_SHA256" "$folder/new" | sha256sum -c - >/dev/null 2>&1 ||
                fail "sha256: the program that was fetched is another one"
        fi
        chmod 755 "$folder/new"
        mv "$folder/new" "$folder/bin/$name"
    fi
}

# Writes an object whose members are in the files of a folder, one in each.
members() {
    separator='{'
    for file in "$1"/*; do
        printf '%s' "$separator"
        cat "$file"
        separator=', '
    done
    printf '}'
}

# Which source and audience the registry has. Each has a file, since a job may use several registries.
settings() {
    mkdir -p "$folder/registries"
    entry=$(printf %s "$registry" | tr : _)
    printf '"%s": {"audience": "%s", "source": "github", "username": "%s"}' "$registry" "$audience" "$INPUT_USERNAME" \
        >"$folder/registries/$entry"
    { printf '{"registries": ' && members "$folder/registries" && printf '}\n'; } >"$folder/credentials.json"
}

# Makes clients ask the program for this registry.
configuration() {
    config=${DOCKER_CONFIG:-$HOME/.docker}
    mkdir -p "$config" "$folder/helpers"
    printf '"%s": "registry-auth"' "$registry" >"$folder/helpers/$entry"
    { printf '{"credHelpers": ' && members "$folder/helpers" && printf '}\n'; } >"$folder/ours.json"
    if [ ! -s "$config/config.json" ] || cmp -s "$config/config.json" "$folder/written.json"; then
        cp "$folder/ours.json" "$config/config.json"
        cp "$folder/ours.json" "$folder/written.json"
    elif command -v jq >/dev/null; then
        jq --slurpfile ours "$folder/ours.json" '.credHelpers += $ours[0].credHelpers' "$config/config.json" >"$folder/merged.json" ||
            fail "$config/config.json is not JSON"
        # Into the file, which keeps its mode and may be a link.
        cat "$folder/merged.json" >"$config/config.json"
    else
        fail "$config/config.json is there already, and there is no jq to change it: install jq, or run this action first"
    fi
}

helper() {
    umask 077
    folder=${RUNNER_TEMP:-/tmp}/registry-auth
    mkdir -p "$folder"
    program
    settings
    configuration
    printf '%s\n' "$folder/bin" >>"$GITHUB_PATH"
    printf 'REGISTRY_AUTH_CREDENTIALS=%s\n' "$folder/credentials.json" >>"$GITHUB_ENV"
    # What it says is the token, unless it fails.
    if ! said=$(printf %s "$registry" | REGISTRY_AUTH_CREDENTIALS="$folder/credentials.json" "$folder/bin/$name" get); then
        fail "$said"
    fi
    printf '%s: each client fetches a token for %s\n' "$registry" "$audience"
}

login() {
    # On stdin, so that no list of processes shows what authorizes the request.
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
        curl --config - --silent --show-error --fail --max-time 5 --retry 1 --max-filesize 65536 \
            --get --data-urlencode "audience=$audience" "$ACTIONS_ID_TOKEN_REQUEST_URL") ||
        fail "the token service of GitHub Actions gave no token for $audience"
    token=$(printf %s "$answer" | sed -n 's/.*"value"[[:space:]]*:[[:space:]]*"\([A-Za-z0-9._-]*\)".*/\1/p')
    [ -n "$token" ] || fail "the answer of the token service of GitHub Actions has no token"
    printf '::add-mask::%s\n' "$token"
    printf %s "$token" | docker login --username "$INPUT_USERNAME" --password-stdin "$registry" ||
        fail "$registry refuses the login"
}

registry=${INPUT_REGISTRY:-}
audience=${INPUT_AUDIENCE:-}
INPUT_USERNAME=${INPUT_USERNAME:-github}
[ -n "$registry" ] || fail "registry: write the host of the registry, such as registry.example.com"
[ -n "$audience" ] || audience=$registry
plain registry "$registry"
plain audience "$audience"
plain username "$INPUT_USERNAME"
plain version "${INPUT_VERSION:-}"
case $registry in
    */*) fail "registry: write only the host, without https:// and without a path" ;;
esac
if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] || [ -z "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-}" ]; then
    fail "this job may not ask for a token: give it permissions: { id-token: write, contents: read } (pull requests from forks never get it)"
fi
case ${INPUT_METHOD:-helper} in
    helper) helper ;;
    login) login ;;
    *) fail "method: write helper or login" ;;
esac
