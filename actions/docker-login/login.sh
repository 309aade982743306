#!/bin/sh
# The steps of action.yml, whose inputs are in INPUT_*. POSIX sh and curl; jq only where a config.json of others is changed.
set -eu
# Ranges of letters below are those of ASCII.
LC_ALL=C
export LC_ALL

name=docker-credential-registry-auth
newline='
'
return=$(printf '\r')

# One line, whatever is in the text: a second one could be a command of the runner.
fail() {
    printf '::error::%s\n' "$(printf %s "$1" | tr '\n\r' '  ')"
    exit 1
}

# An input is one line. It is not repeated: whatever is in it may be a secret, or a command of the runner.
one_line() {
    case $2 in
        *"$newline"* | *"$return"*) fail "$1: write one line" ;;
    esac
}

# Text of these characters needs no escaping in JSON, in a command of the runner or in a URL.
plain() {
    case $2 in
        -* | *[!A-Za-z0-9._:/@+~-]*) fail "$1: only letters, digits and . _ : / @ + ~ - are possible, and no - in front" ;;
    esac
}

# A host as it is in the names of images, with its port or without.
host() {
    case $registry in
        */*) fail "registry: write only the host, without https:// and without a path" ;;
        *:*) port=${registry##*:} ;;
        *) port=443 ;;
    esac
    case ${registry%:*} in
        '' | [!A-Za-z0-9]* | *[!A-Za-z0-9.-]* | *..* | *.-* | *-.* | *[.-])
            fail "registry: write a host, and its port after a colon if it has one: registry.example.com:5000" ;;
    esac
    case $port in
        '' | *[!0-9]* | ??????*) fail "registry: the port is a number: registry.example.com:5000" ;;
    esac
}

# The program, which may be that of a step before already.
copied() {
    [ "$1" -ef "$folder/bin/$name" ] || cp -- "$1" "$folder/bin/$name" || fail "program: $1 cannot be copied to $folder/bin"
}

# The program, from where there is one.
program() {
    mkdir -p "$folder/bin"
    if [ -n "${INPUT_PROGRAM:-}" ]; then
        [ -f "$INPUT_PROGRAM" ] && [ -x "$INPUT_PROGRAM" ] || fail "program: $INPUT_PROGRAM is not a program"
        copied "$INPUT_PROGRAM"
    elif command -v "$name" >/dev/null; then
        copied "$(command -v "$name")"
    else
        fetched
    fi
}

# The program of a release.
fetched() {
    case ${RUNNER_OS:-}-${RUNNER_ARCH:-} in
        Linux-X64) machine=linux-amd64 ;;
        Linux-ARM64) machine=linux-arm64 ;;
        *) fail "there is no $name for ${RUNNER_OS:-this system}: build it, and name it in the input program, or write method: login" ;;
    esac
    release=https://github.com/registry-auth/registry-auth/releases/download
    curl --silent --show-error --fail --location --proto '=https' --max-time 60 --retry 2 \
        --output "$folder/new" "$release/v$version/$name-$machine" || fail "$name $version cannot be fetched"
    if [ -n "${INPUT_SHA256:-}" ]; then
        printf '%s  %s\n' "$INPUT_SHA256" "$folder/new" | sha256sum -c - >/dev/null 2>&1 ||
            fail "sha256: the program that was fetched is another one"
    else
        printf '::warning::%s\n' "the program that was fetched is not checked: write its SHA-256, from the release, into the input sha256"
    fi
    chmod 755 "$folder/new"
    mv "$folder/new" "$folder/bin/$name"
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

# The name of a file for a registry: it has no `_` of its own.
entry() {
    printf %s "$1" | tr : _
}

# Which source and audience the registry has. Each has a file, since a job may use several registries. Hosts differ in more than case.
settings() {
    mkdir -p "$folder/registries"
    lower=$(printf %s "$registry" | tr A-Z a-z)
    printf '"%s": {"audience": "%s", "source": "github", "username": "%s"}' "$lower" "$audience" "$INPUT_USERNAME" \
        >"$folder/registries/$(entry "$lower")"
    { printf '{"registries": ' && members "$folder/registries" && printf '}\n'; } >"$folder/credentials.json"
}

# Makes clients ask the program for this registry, in a folder of this job: config.json of the user is copied, not changed, so that
# nothing of this job is left for the next.
configuration() {
    config=$folder/docker
    mkdir -p "$folder/helpers"
    printf '"%s": "registry-auth"' "$registry" >"$folder/helpers/$(entry "$registry")"
    { printf '{"credHelpers": ' && members "$folder/helpers" && printf '}\n'; } >"$folder/ours.json"
    if [ ! -d "$config" ]; then
        theirs=${DOCKER_CONFIG:-${HOME:-/nowhere}/.docker}
        if [ -s "$theirs/config.json" ] && ! command -v jq >/dev/null; then
            fail "$theirs/config.json is there already, and there is no jq to copy it: install jq, or run this action first"
        fi
        mkdir "$config"
        # Plugins, contexts and builders stay where they are.
        for other in "$theirs"/*; do
            case $other in
                */config.json) cat "$other" >"$config/config.json" ;;
                *) [ ! -e "$other" ] || ln -s "$(cd "$theirs" && pwd)/${other##*/}" "$config/${other##*/}" ;;
            esac
        done
    fi
    if [ ! -s "$config/config.json" ] || cmp -s "$config/config.json" "$folder/written.json"; then
        cp "$folder/ours.json" "$config/config.json"
        cp "$folder/ours.json" "$folder/written.json"
    elif command -v jq >/dev/null; then
        jq --slurpfile ours "$folder/ours.json" '.credHelpers += $ours[0].credHelpers' "$config/config.json" >"$folder/merged.json" ||
            fail "config.json of Docker is not JSON"
        cat "$folder/merged.json" >"$config/config.json"
    else
        fail "$config/config.json was changed by a step before, and there is no jq to change it: install jq, or run this action before that step"
    fi
}

# Whether only this user and root may change what is in a folder: the program takes no other settings (docs/workloads.md).
private() {
    at=$(cd "$1" && pwd -P) || return 1
    user=$(id -u)
    while :; do
        # The mode, how many links, the owner.
        set -- $(ls -ldn "$at")
        case $1 in
            # Others may add to it, but not rename what is there: as /tmp.
            d????????[tT]*) ;;
            d????w* | d???????w*) return 1 ;;
        esac
        case $3 in
            0 | "$user") ;;
            *) return 1 ;;
        esac
        [ "$at" != / ] || return 0
        at=${at%/*}
        at=${at:-/}
    done
}

# A folder that ends with the job: the runner empties that for temporary files. In a container that one is another user's, and there
# is one of its own, which ends with the container.
place() {
    before=${REGISTRY_AUTH_CREDENTIALS:-}
    one_line RUNNER_TEMP "${RUNNER_TEMP:-}"
    folder=${RUNNER_TEMP:+$RUNNER_TEMP/registry-auth}
    if [ -n "$folder" ] && mkdir -p "$folder" && private "$folder"; then
        :
    elif [ -s "${before%/*}/ours.json" ]; then
        folder=${before%/*}
    else
        folder=$(mktemp -d)
    fi
    one_line "the folder" "$folder"
    mkdir -p "$folder"
}

helper() {
    umask 077
    place
    program
    settings
    configuration
    printf '%s\n' "$folder/bin" >>"$GITHUB_PATH"
    printf 'REGISTRY_AUTH_CREDENTIALS=%s\nDOCKER_CONFIG=%s\n' "$folder/credentials.json" "$config" >>"$GITHUB_ENV"
    # What it says is the token, unless it fails.
    if ! said=$(printf %s "$registry" | REGISTRY_AUTH_CREDENTIALS="$folder/credentials.json" "$folder/bin/$name" get); then
        fail "$said"
    fi
    printf '%s: each client fetches a token for %s\n' "$registry" "$audience"
}

# The only audience of a token; nothing if it has several, or says so more than once: readers differ in which one counts.
audience_of() {
    claims=$(printf %s "$1" | cut -d . -f 2 | tr _- /+)
    case $((${#claims} % 4)) in
        2) claims=$claims== ;;
        3) claims=$claims= ;;
    esac
    printf %s "$claims" | base64 -d 2>/dev/null | tr -d '\n' |
        sed -n -e '/"aud".*"aud"/d' -e 's/.*"aud"[[:space:]]*:[[:space:]]*"\([^"\\]*\)".*/\1/p' \
            -e 's/.*"aud"[[:space:]]*:[[:space:]]*\[[[:space:]]*"\([^"\\]*\)"[[:space:]]*\].*/\1/p'
}

# Where the token that authorizes the request may be sent: over TLS, or to this machine.
token_url() {
    case $1 in
        https://*) return ;;
        http://*) authority=${1#http://} ;;
        *) authority= ;;
    esac
    authority=${authority%%[/?#]*}
    case $authority in
        *[!]0-9A-Za-z.:[]*) ;;
        localhost | 127.0.0.1 | '[::1]' | localhost:* | 127.0.0.1:* | '[::1]:'*) return ;;
    esac
    fail "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL of https: the runner sets it, and no step may change it"
}

login() {
    token_url "$ACTIONS_ID_TOKEN_REQUEST_URL"
    # On stdin, so that no list of processes shows what authorizes the request.
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
        curl --config - --silent --show-error --fail --proto '=https,http' --max-time 5 --retry 1 --max-filesize 65536 \
            --get --data-urlencode "audience=$audience" "$ACTIONS_ID_TOKEN_REQUEST_URL") ||
        fail "the token service of GitHub Actions gave no token for $audience"
    token=$(printf %s "$answer" | sed -n 's/.*"value"[[:space:]]*:[[:space:]]*"\([A-Za-z0-9._-]*\)".*/\1/p')
    [ -n "$token" ] || fail "the answer of the token service of GitHub Actions has no token"
    printf '::add-mask::%s\n' "$token"
    [ "$(audience_of "$token")" = "$audience" ] ||
        fail "the token service of GitHub Actions gave a token for another audience than $audience: it is not sent to $registry"
    printf %s "$token" | docker login --username "$INPUT_USERNAME" --password-stdin "$registry" ||
        fail "$registry refuses the login"
}

registry=${INPUT_REGISTRY:-}
audience=${INPUT_AUDIENCE:-}
INPUT_USERNAME=${INPUT_USERNAME:-github}
version=${INPUT_VERSION:-}
version=${version#v}
one_line registry "$registry"
one_line audience "$audience"
one_line username "$INPUT_USERNAME"
one_line program "${INPUT_PROGRAM:-}"
one_line version "$version"
one_line sha256 "${INPUT_SHA256:-}"
[ -n "$registry" ] || fail "registry: write the host of the registry, such as registry.example.com"
[ -n "$audience" ] || audience=$registry
plain registry "$registry"
host
plain audience "$audience"
plain username "$INPUT_USERNAME"
case $INPUT_USERNAME in
    *:*) fail "username: any name without a colon" ;;
esac
case $version in
    *[!0-9A-Za-z.+-]*) fail "version: write that of a release, such as 0.1.0" ;;
esac
case ${INPUT_SHA256:-} in
    *[!0-9A-Fa-f]*) fail "sha256: write 64 hexadecimal digits" ;;
esac
[ "${#INPUT_USERNAME}" -le 255 ] || fail "username: at most 255 characters"
[ -z "${INPUT_SHA256:-}" ] || [ "${#INPUT_SHA256}" = 64 ] || fail "sha256: write 64 hexadecimal digits"
if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] || [ -z "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-}" ]; then
    fail "this job may not ask for a token: give it permissions: { id-token: write, contents: read } (pull requests from forks never get it)"
fi
case ${INPUT_METHOD:-helper} in
    helper) helper ;;
    login) login ;;
    *) fail "method: write helper or login" ;;
esac
