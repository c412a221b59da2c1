#!/bin/sh
# Plan, apply and plan again in an empty folder, against the built-in emulator. No account, no token, no network.
set -eu
manifest=$(cd "$(dirname "$0")" && pwd)/acrsync.yaml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$manifest" "$folder"
cd "$folder"
export ACRSYNC_ENDPOINT=emulator:

run() {
  printf '\n$ %s\n\n' "$*"
  "$@"
}

run acrsync plan
run acrsync apply --yes
run acrsync plan
