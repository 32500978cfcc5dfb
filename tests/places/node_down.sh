#!/bin/bash
# usage: node_down.sh BASE NAME      ends what runs on the node, and takes it away
set -u
BASE=$1 NAME=$2
running() { ip netns pids "$NAME" 2> /dev/null; }
[ -s "$BASE/sshd.pid" ] && kill "$(cat "$BASE/sshd.pid")" 2> /dev/null
for signal in TERM KILL; do
  for pid in $(running); do kill -$signal "$pid" 2> /dev/null; done
  for _ in $(seq 20); do
    [ -z "$(running)" ] && break
    sleep 0.1
  done
done
ip link del "v-$NAME" 2> /dev/null
ip netns del "$NAME" 2> /dev/null
true
