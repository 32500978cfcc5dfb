#!/bin/bash
# Takes away what gridengine_up.sh has made; BASE itself stays.
#
# usage: gridengine_down.sh BASE NODE
BASE=$1 NODE=$2
"$BASE/bin/on-sge" qdel -f -u '*' > /dev/null 2>&1
# All that runs there, which is nothing but ours.
for number in TERM KILL; do
  pids=$(ip netns pids "$NODE" 2> /dev/null)
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -s $number $pids 2> /dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -z "$(ip netns pids "$NODE" 2> /dev/null)" ] && break
    sleep 0.2
  done
done
ip link del "v-$NODE" 2> /dev/null
ip netns del "$NODE" 2> /dev/null
exit 0
